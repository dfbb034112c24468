#include <errno.h>
#include <locale.h>
#include <systemd/sd-daemon.h>

#include <config.h>

#include "common/log.h"
#include "common/program.h"
#include "worker/session.h"

static const Program program = {
        .name = "banger-worker",
        .about = "Imports images and kernels for bangerd. systemd starts one for each connection to\n"
                 "banger-worker.socket.\n",
};

static int run(Error *reterr) {
        const SessionConfig config = {
                .uid = getuid(),
                .modules = "/lib/modules",
                .agent = BANGER_LIBEXECDIR "/banger-guest",
                .idle_timeout_usec = 30 * USEC_PER_SEC,
        };
        int r = session_check_uid(config.uid, reterr);

        if (r < 0)
                return r;
        if (sd_listen_fds(1) != 1)
                return error_set(reterr, ERROR_USAGE, EINVAL,
                                 "needs one connection from banger-worker.socket");
        /* Or libarchive would not read names beyond ASCII. */
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                return error_set(reterr, ERROR_UNAVAILABLE, ENOENT, "there is no locale C.UTF-8");
        return session_serve(&config, SD_LISTEN_FDS_START, reterr);
}

int main(int argc, char **argv) {
        _cleanup_error_ Error error = ERROR_INIT;
        int status, r;

        if (!program_parse(&program, argc, argv, &status))
                return status;
        log_open("banger-worker", LOG_INFO);
        r = run(&error);
        if (r < 0) {
                log_error(LOG_ERR, NULL, &error, "stopped");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
