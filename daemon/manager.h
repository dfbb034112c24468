#pragma once
/* The daemon's loop and its wiring. */

#include <systemd/sd-event.h>

#include "daemon/listen.h"

typedef struct Manager Manager;

typedef struct ManagerConfig {
        const char *install_conf;  /* BANGER_INSTALL_CONF outside tests */
        uid_t install_conf_uid;    /* whose file that must be: 0 outside tests */
        const char *conf;          /* BANGER_CONF outside tests, with the same owner */
        const char *root_socket;   /* BANGERD_ROOT_SOCKET outside tests */
        const char *worker_socket; /* BANGER_WORKER_SOCKET outside tests */
        const char *state_dir;     /* BANGER_STATE_DIR outside tests */
        const char *first_port;    /* the kernel's ip_unprivileged_port_start */
        uid_t uid;                 /* whom the daemon serves besides root: itself */
        size_t clients_max;
        uint64_t stall_timeout_usec;
        size_t n_threads, n_short_threads; /* of the two pools (context.h) */
        size_t queue_max;                  /* of each */
        /* host-state.h's outside tests; NULL: never. When the daemon is asked to end while it holds,
         * guests are asked to, too. */
        bool (*host_is_stopping)(void);
} ManagerConfig;

/* Takes the sockets, even on failure; config must outlive the manager. Blocks SIGTERM, SIGINT
 * and SIGHUP in this process. */
int manager_new(const ManagerConfig *config, DaemonSockets *sockets, Manager **ret, Error *reterr);
/* Until SIGTERM or SIGINT: 0. On SIGHUP it applies the network of the VMs anew. */
int manager_run(Manager *manager);
Manager *manager_free(Manager *manager);
