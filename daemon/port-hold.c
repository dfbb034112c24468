#include "daemon/port-hold.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "common/cleanup.h"

static int set_option(int fd, int option, const void *value, socklen_t size) {
        return setsockopt(fd, SOL_SOCKET, option, value, size) < 0 ? -errno : 0;
}

/* The filter takes what comes where the rules are gone, before it is queued; a TCP socket does not
 * listen, but would hear nothing if somebody made it. It cannot be taken off again. */
static int make_deaf(int fd) {
        struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
        const struct sock_fprog filter = {.len = ELEMENTSOF(nothing), .filter = nothing};
        const int smallest = 1, locked = 1; /* the kernel has a least size of its own */
        int r = set_option(fd, SO_ATTACH_FILTER, &filter, sizeof(filter));

        if (r >= 0)
                r = set_option(fd, SO_LOCK_FILTER, &locked, sizeof(locked));
        if (r >= 0)
                r = set_option(fd, SO_RCVBUF, &smallest, sizeof(smallest));
        return r;
}

static int refuse(int errnum, Error *reterr) {
        int r;

        if (errnum != EADDRINUSE)
                return error_set_errno(reterr, errnum, "cannot hold the port");
        r = error_set(reterr, ERROR_BUSY, EADDRINUSE, "a program of this host has the port");
        return error_set_hint(reterr, r,
                              "end it, or choose another port for the forward; what comes for that "
                              "port goes to the vm");
}

/* Without SO_REUSEADDR, so that nobody else's can be bound beside it. */
int port_hold(const Forward *port, int *ret_fd, Error *reterr) {
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(port->host_port),
                .sin_addr.s_addr = htonl(port->address),
        };
        int type = port->protocol == FORWARD_TCP ? SOCK_STREAM : SOCK_DGRAM, r;
        _cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return refuse(errno, reterr);
        r = make_deaf(fd);
        if (r < 0)
                return refuse(-r, reterr);
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return refuse(errno, reterr);
        *ret_fd = steal_fd(&fd);
        return 0;
}
