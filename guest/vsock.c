#include "guest/vsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define TRY_AGAIN_NSEC 20000000
#define BACKLOG 64

static int try_connect(const struct sockaddr_vm *address, int *ret_fd) {
        _cleanup_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) < 0)
                return -errno;
        *ret_fd = steal_fd(&fd);
        return 0;
}

int vsock_connect_host(unsigned port, uint64_t deadline_usec, int *ret_fd) {
        const struct sockaddr_vm address = {
                .svm_family = AF_VSOCK,
                .svm_cid = VMADDR_CID_HOST,
                .svm_port = port,
        };
        const struct timespec pause_time = {.tv_nsec = TRY_AGAIN_NSEC};
        int r;

        while ((r = try_connect(&address, ret_fd)) < 0) {
                if (clock_monotonic_usec() >= deadline_usec)
                        return r;
                (void) nanosleep(&pause_time, NULL);
        }
        return 0;
}

int vsock_listen(unsigned port, int *ret_fd) {
        const struct sockaddr_vm address = {
                .svm_family = AF_VSOCK,
                .svm_cid = VMADDR_CID_ANY,
                .svm_port = port,
        };
        _cleanup_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(fd, BACKLOG) < 0)
                return -errno;
        *ret_fd = steal_fd(&fd);
        return 0;
}

int vsock_accept_host(int listen_fd, int *ret_fd) {
        struct sockaddr_vm peer = {.svm_family = AF_UNSPEC};
        socklen_t size = sizeof(peer);
        _cleanup_close_ int fd = accept4(listen_fd, (struct sockaddr *) &peer, &size, SOCK_CLOEXEC);

        if (fd < 0)
                return errno == EINTR || errno == ECONNABORTED ? -EAGAIN : -errno;
        /* Processes in the guest can reach the port as well (VMADDR_CID_LOCAL, or our own CID). */
        if (peer.svm_family != AF_VSOCK || peer.svm_cid != VMADDR_CID_HOST)
                return -EPERM;
        *ret_fd = steal_fd(&fd);
        return 0;
}
