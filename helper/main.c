#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/program.h"
#include "helper/listen.h"
#include "helper/manager.h"

static const Program program = {
        .name = "bangerd-root",
        .about = "The part of banger that runs as root. systemd starts it by bangerd-root.socket;\n"
                 "doc/privileges.md says what it can do.\n",
};

static void manager_cleanup(Manager **manager) {
        manager_free(*manager);
}

int main(int argc, char **argv) {
        ManagerConfig config = {
                .session = {
                        .install_conf = BANGER_INSTALL_CONF,
                        .banger_conf = BANGER_CONF,
                        .install_conf_uid = 0,
                        .paths = &host_paths_default,
                        .sources = inventory_sources,
                        .n_sources = inventory_n_sources,
                        .record = &record_sink_journal,
                        .times = {
                                .idle_timeout_usec = 10 * USEC_PER_SEC,
                                .stall_timeout_usec = 5 * USEC_PER_SEC,
                                .total_timeout_usec = 300 * USEC_PER_SEC,
                        },
                },
                .idle_timeout_usec = 30 * USEC_PER_SEC,
                .guards = true,
                .sessions_max = 64,
                .sessions_reserved = 8,
                /* While sessions last 10 s, where nothing is asked on them, 56 of the owner's at once
                 * have the last of these served before bangerd's 30 s for a call have passed. */
                .waiting_max = 150,
        };
        _cleanup_(manager_cleanup) Manager *manager = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        int r, status;

        if (!program_parse(&program, argc, argv, &status))
                return status;
        log_open("bangerd-root", LOG_INFO);
        r = listen_take(SD_LISTEN_FDS_START, sd_listen_fds(1), &config.listen_fd, &error);
        if (r < 0) {
                log_error(LOG_ERR, NULL, &error, "cannot start");
                return EXIT_FAILURE;
        }
        r = manager_new(&config, &manager);
        if (r >= 0)
                r = manager_run(manager);
        if (r < 0) {
                log_write(LOG_ERR, NULL, "stopped: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
