#pragma once
/* The console under test, run by the test program itself: `TEST --console DIR` shows what listens
 * in DIR, at a fixed time and on a host that is always as busy. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tui/fake-daemon.h"
#include "tui/console.h"

static inline int64_t child_now_s(void) {
        return FAKE_NOW_S;
}

static inline void child_sample(int root_fd, HostSample *sample) {
        (void) root_fd;
        *sample = (HostSample) {
                .cpu_percent = 31,
                .memory_total = UINT64_C(16) << 30,
                .memory_used = UINT64_C(2202) << 20,
                .disk_total = UINT64_C(50) << 30,
                .disk_used = UINT64_C(46) << 30,
        };
}

static inline int child_run(const char *dir) {
        char conf[128], daemon[128], banger[128], sudo[128];
        Host host = {
                .root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
                .install_conf = conf,
                .bangerd_socket = daemon,
                .helper_socket = "/nonexistent",
                .root_uid = geteuid(),
        };
        const ConsoleEnv env = {
                .host = &host,
                .banger = banger,
                .sudo = sudo,
                .user = "alice",
                .version = "0.1.0",
                .now_s = child_now_s,
                .sample = child_sample,
        };

        setlocale(LC_CTYPE, "");
        (void) snprintf(conf, sizeof(conf), "%s/install.conf", dir);
        (void) snprintf(daemon, sizeof(daemon), "%s/bangerd.sock", dir);
        (void) snprintf(banger, sizeof(banger), "%s/banger", dir);
        (void) snprintf(sudo, sizeof(sudo), "%s/sudo", dir);
        return getenv("CONSOLE_PLAIN") ? console_plain(&env) : console_run(&env);
}

/* For the first line of main(): never returns in the child. */
static inline void child_main(int argc, char **argv) {
        if (argc == 3 && strcmp(argv[1], "--console") == 0)
                exit(child_run(argv[2]));
}
