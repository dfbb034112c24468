#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/install.h"
#include "common/log.h"
#include "common/program.h"
#include "common/strings.h"
#include "daemon/host-state.h"
#include "daemon/manager.h"

static const Program program = {
        .name = "bangerd",
        .about = "The daemon of banger. systemd starts it by bangerd.socket, as the owner.\n",
};

static void manager_cleanup(Manager **manager) {
        manager_free(*manager);
}

static int take_sockets(DaemonSockets *ret, Error *reterr) {
        _cleanup_strv_ char **names = NULL;
        size_t n_unknown;
        int n, r;

        n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return error_set_errno(reterr, -n, "cannot take systemd's sockets");
        r = listen_take(SD_LISTEN_FDS_START, n, names, ret, &n_unknown, reterr);
        if (r < 0)
                return r;
        if (n_unknown > 0)
                log_write(LOG_WARNING, NULL, "closed %zu descriptors that are not known here",
                          n_unknown);
        return 0;
}

static int run(Error *reterr) {
        const ManagerConfig config = {
                .install_conf = BANGER_INSTALL_CONF,
                .install_conf_uid = 0,
                .conf = BANGER_CONF,
                .root_socket = BANGERD_ROOT_SOCKET,
                .worker_socket = BANGER_WORKER_SOCKET,
                .state_dir = BANGER_STATE_DIR,
                .first_port = "/proc/sys/net/ipv4/ip_unprivileged_port_start",
                .uid = getuid(),
                .clients_max = 128,
                .stall_timeout_usec = 10 * USEC_PER_SEC,
                .n_threads = 32, /* a guest that hangs holds one until its deadline */
                .n_short_threads = 8,
                .queue_max = 256, /* more than clients: each has one call under way */
                .host_is_stopping = host_is_stopping,
        };
        _cleanup_(manager_cleanup) Manager *manager = NULL;
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        int r;

        r = take_sockets(&sockets, reterr);
        if (r < 0)
                return r;
        r = manager_new(&config, &sockets, &manager, reterr);
        if (r < 0)
                return r;
        r = manager_run(manager);
        return r < 0 ? error_set_errno(reterr, -r, "the event loop broke") : 0;
}

int main(int argc, char **argv) {
        _cleanup_error_ Error error = ERROR_INIT;
        int status;

        if (!program_parse(&program, argc, argv, &status))
                return status;
        log_open("bangerd", LOG_INFO);
        if (run(&error) < 0) {
                log_error(LOG_ERR, NULL, &error, "cannot go on");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
