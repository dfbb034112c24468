#include <errno.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "common/strings.h"
#include "daemon/listen.h"

static int check_listener(int fd, Error *reterr) {
        int r = sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot look at the socket from systemd");
        if (r == 0)
                return error_set(reterr, ERROR_USAGE, EINVAL,
                                 "what systemd passed is no listening Unix stream socket");
        return 0;
}

/* The place of one of the two sockets of bangerd-dns.socket, told by its type; NULL for another. */
static int *find_names_place(int fd, NamesSockets *names) {
        if (sd_is_socket(fd, AF_INET, SOCK_DGRAM, 0) > 0)
                return &names->udp;
        return sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0 ? &names->tcp : NULL;
}

static bool take_for_names(int fd, NamesSockets *names) {
        int *place = find_names_place(fd, names);

        if (!place || *place >= 0)
                return false;
        *place = fd;
        return true;
}

int listen_take(int first_fd, int n_fds, char *const *names, DaemonSockets *ret,
                size_t *ret_n_unknown, Error *reterr) {
        _cleanup_(daemon_sockets_close) DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 0;
        int r = 0;

        sockets.kept = calloc((size_t) n_fds + 1, sizeof(*sockets.kept));
        for (int i = 0; i < n_fds; i++) {
                KeptFd *kept = sockets.kept ? &sockets.kept[sockets.n_kept] : NULL;

                if (string_equal(names[i], "varlink") && sockets.varlink < 0)
                        sockets.varlink = first_fd + i;
                else if (string_equal(names[i], "dns") &&
                         take_for_names(first_fd + i, &sockets.names))
                        continue;
                else if (kept && vm_keep_parse(names[i], &kept->id, &kept->role)) {
                        kept->fd = first_fd + i;
                        sockets.n_kept++;
                } else {
                        close_fd(first_fd + i);
                        n_unknown++;
                }
        }
        if (!sockets.kept)
                return error_set_errno(reterr, ENOMEM, "cannot take systemd's sockets");
        if (sockets.varlink < 0) {
                r = error_set(reterr, ERROR_USAGE, EINVAL, "got no socket from systemd");
                return error_set_hint(reterr, r, "run: systemctl start bangerd.socket");
        }
        r = check_listener(sockets.varlink, reterr);
        if (r < 0)
                return r;
        *ret = steal_struct(sockets, DAEMON_SOCKETS_INIT);
        *ret_n_unknown = n_unknown;
        return 0;
}

void daemon_sockets_close(DaemonSockets *sockets) {
        close_fd(sockets->varlink);
        close_fd(sockets->names.udp);
        close_fd(sockets->names.tcp);
        for (size_t i = 0; i < sockets->n_kept; i++)
                close_fd(sockets->kept[i].fd);
        free(sockets->kept);
        *sockets = DAEMON_SOCKETS_INIT;
}
