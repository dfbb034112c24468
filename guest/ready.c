#include "guest/ready.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"

#define MESSAGE_MAX 4096

typedef union Control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
} Control;

int ready_listen(int *ret_fd) {
        static const int on = 1;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        size_t length = strlen(READY_SOCKET);

        if (fd < 0)
                return -errno;
        memcpy(address.sun_path, READY_SOCKET, length);
        address.sun_path[0] = '\0';
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
            bind(fd, (const struct sockaddr *) &address,
                 (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length)) < 0)
                return -errno;
        *ret_fd = steal_fd(&fd);
        return 0;
}

bool ready_in_message(const char *message, unsigned long size) {
        static const char wanted[] = "READY=1";
        const char *end = message + size;

        while (message < end) {
                const char *newline = memchr(message, '\n', (size_t) (end - message));
                size_t length = (size_t) ((newline ? newline : end) - message);

                if (length == sizeof(wanted) - 1 && memcmp(message, wanted, length) == 0)
                        return true;
                message += length + 1;
        }
        return false;
}

static int sender(struct msghdr *message) {
        struct cmsghdr *header = CMSG_FIRSTHDR(message);
        struct ucred credentials;

        if (!header || header->cmsg_level != SOL_SOCKET ||
            header->cmsg_type != SCM_CREDENTIALS ||
            header->cmsg_len != CMSG_LEN(sizeof(credentials)))
                return -1;
        memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
        return credentials.pid;
}

bool ready_received_from(int fd, int pid) {
        char bytes[MESSAGE_MAX];

        for (;;) {
                Control control = {.bytes = {0}};
                struct iovec vector = {.iov_base = bytes, .iov_len = sizeof(bytes)};
                struct msghdr message = {
                        .msg_iov = &vector,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof(control),
                };
                /* Descriptors that somebody sends along have no room and are closed. */
                ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

                if (size < 0)
                        return false;
                if (sender(&message) == pid && ready_in_message(bytes, (size_t) size))
                        return true;
        }
}

bool ready_received(int fd) {
        return ready_received_from(fd, 1);
}
