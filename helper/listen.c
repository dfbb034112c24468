#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "helper/listen.h"

int listen_take(int first_fd, int n_fds, int *ret, Error *reterr) {
        int r, flags;

        if (n_fds != 1) {
                r = error_set(reterr, ERROR_USAGE, EINVAL, "got %d sockets from systemd, not one",
                              n_fds);
                return error_set_hint(reterr, r, "run: systemctl start bangerd-root.socket");
        }
        r = sd_is_socket_unix(first_fd, SOCK_STREAM, 1, NULL, 0);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot look at the socket from systemd");
        if (r == 0)
                return error_set(reterr, ERROR_USAGE, EINVAL,
                                 "what systemd passed is no listening Unix stream socket");
        flags = fcntl(first_fd, F_GETFL);
        if (flags < 0 || fcntl(first_fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return error_set_errno(reterr, errno, "cannot prepare the socket");
        *ret = first_fd;
        return 0;
}
