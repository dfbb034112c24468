/* The socket's side of the wire: one recvmsg, or as many sendmsg as fit. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/varlink-wire.h"

#define CHUNK (32u * 1024u)

/* Room for one SCM_RIGHTS message; the union aligns it. */
typedef union Control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * VARLINK_FDS_MAX)];
} Control;

static size_t control_fds(struct msghdr *message, int *fds) {
        struct cmsghdr *header;
        size_t n_fds = 0;

        for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
                size_t size;

                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                /* More than this cannot be: the buffer has room for no more. */
                size = header->cmsg_len - CMSG_LEN(0);
                memcpy(fds + n_fds, CMSG_DATA(header), size);
                n_fds += size / sizeof(int);
        }
        return n_fds;
}

int varlink_wire_receive(VarlinkWire *wire, int fd, Error *reterr) {
        char bytes[CHUNK];
        Control control;
        int fds[VARLINK_FDS_MAX];
        struct iovec vector = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        struct msghdr message = {
                .msg_iov = &vector,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        size_t n_fds;
        ssize_t size;
        int r;

        do {
                size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        } while (size < 0 && errno == EINTR);
        if (size < 0 && errno == EAGAIN)
                return -EAGAIN;
        /* The peer closed without having read all that it was sent, as it may. */
        if (size < 0 && errno == ECONNRESET)
                return 0;
        if (size < 0)
                return error_set_errno(reterr, errno, "cannot receive");

        n_fds = control_fds(&message, fds);
        if (message.msg_flags & MSG_CTRUNC) {
                for (size_t i = 0; i < n_fds; i++)
                        close_fd(fds[i]);
                return error_set(reterr, ERROR_PROTOCOL, EMSGSIZE,
                                 "descriptors were lost: too many at once, or too many open here");
        }
        r = varlink_wire_feed(wire, bytes, (size_t) size, fds, n_fds, reterr);
        if (r < 0)
                return r;
        return size > 0;
}

int varlink_wire_send(VarlinkWire *wire, int fd) {
        const int *fds;
        const void *bytes;
        size_t size, n_fds;

        while ((bytes = varlink_wire_pending(wire, &size, &fds, &n_fds))) {
                Control control = {.bytes = {0}};
                /* The kernel only reads it; iov_base just has no const. */
                struct iovec vector = {.iov_base = (void *) (uintptr_t) bytes, .iov_len = size};
                struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
                ssize_t sent;

                if (n_fds > 0) {
                        message.msg_control = &control;
                        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                        control.header.cmsg_level = SOL_SOCKET;
                        control.header.cmsg_type = SCM_RIGHTS;
                        control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
                }
                sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (sent < 0 && errno == EINTR)
                        continue;
                if (sent < 0 && errno == EAGAIN)
                        return 0;
                if (sent < 0)
                        return -errno;
                varlink_wire_sent(wire, (size_t) sent);
        }
        return 1;
}
