#pragma once
/* The loop: keys, the daemon, the clock and the screen. */
#include "common/host.h"
#include "tui/sample.h"

typedef struct ConsoleEnv {
        const Host *host;
        const char *banger;  /* the command's path */
        const char *sudo;    /* NULL where it is not needed */
        const char *user;    /* whom an installation would belong to */
        const char *version;
        /* Tests pass others. */
        int64_t (*now_s)(void);
        void (*sample)(int root_fd, HostSample *sample);
} ConsoleEnv;

/* Until the user quits: the exit status. Standard input and output are a terminal. */
int console_run(const ConsoleEnv *env);
/* What there is, as lines: for pipes and screen readers. The exit status. */
int console_plain(const ConsoleEnv *env);
