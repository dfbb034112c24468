#pragma once
/* The descriptors that systemd passes, by name. */
#include "common/error.h"
#include "daemon/names.h"
#include "daemon/vm-keep.h"

typedef struct DaemonSockets {
        int varlink; /* bangerd.socket; owned */
        NamesSockets names; /* bangerd-dns.socket, where systemd got the port; owned */
        KeptFd *kept; /* of VMs, from before a restart; owned */
        size_t n_kept;
} DaemonSockets;

#define DAEMON_SOCKETS_INIT ((DaemonSockets) {.varlink = -1, .names = {-1, -1}})

/* n_fds descriptors from first_fd on and their names, as of sd_listen_fds_with_names(); takes them
 * all. One of a name that is not known is closed and counted in *ret_n_unknown: a later version may
 * have stored it. */
int listen_take(int first_fd, int n_fds, char *const *names, DaemonSockets *ret,
                size_t *ret_n_unknown, Error *reterr);
void daemon_sockets_close(DaemonSockets *sockets);
