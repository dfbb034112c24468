#include "daemon/port-hold.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/cleanup.h"

static int refuse(int errnum, Error *reterr) {
        int r;

        if (errnum != EADDRINUSE)
                return error_set_errno(reterr, errnum, "cannot hold the port");
        r = error_set(reterr, ERROR_BUSY, EADDRINUSE, "a program of this host has the port");
        return error_set_hint(reterr, r,
                              "end it, or choose another port for the forward; what comes for that "
                              "port goes to the vm");
}

/* Without SO_REUSEADDR, so that nobody else's can be bound beside it. What comes for it where the rules
 * are gone is dropped by IPAddressDeny= of bangerd's unit; otherwise it fills the least queue there is. */
int port_hold(const Forward *port, int *ret_fd, Error *reterr) {
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(port->host_port),
                .sin_addr.s_addr = htonl(port->address),
        };
        int type = port->protocol == FORWARD_TCP ? SOCK_STREAM : SOCK_DGRAM;
        _cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int) {1}, sizeof(int)) < 0 ||
            bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return refuse(errno, reterr);
        *ret_fd = steal_fd(&fd);
        return 0;
}
