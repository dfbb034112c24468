#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include <config.h>

#include "common/log.h"
#include "common/version.h"
#include "worker/session.h"

enum {
        STATUS_USAGE = 2,
};

static int help(FILE *out) {
        fputs("Usage: banger-worker [--help] [--version]\n\n"
              "Imports images and kernels for bangerd. systemd starts one for each connection to\n"
              "banger-worker.socket.\n",
              out);
        return 0;
}

/* 1: go on; else the exit status is in *ret_status. */
static int parse_arguments(int argc, char **argv, int *ret_status) {
        static const struct option options[] = {
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'v'},
                {},
        };
        int option = getopt_long(argc, argv, "h", options, NULL);

        *ret_status = EXIT_SUCCESS;
        if (option == 'h')
                return help(stdout);
        if (option == 'v')
                return printf("banger-worker %s\n", banger_version) < 0 ? -1 : 0;
        if (option < 0 && optind == argc)
                return 1;
        help(stderr);
        *ret_status = STATUS_USAGE;
        return 0;
}

static int run(Error *reterr) {
        const SessionConfig config = {
                .uid = getuid(),
                .modules = "/lib/modules",
                .agent = BANGER_LIBEXECDIR "/banger-guest",
                .idle_timeout_usec = 30 * USEC_PER_SEC,
        };

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

        if (parse_arguments(argc, argv, &status) != 1)
                return status;
        log_open("banger-worker", LOG_INFO);
        r = run(&error);
        if (r < 0) {
                log_error(LOG_ERR, NULL, &error, "stopped");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
