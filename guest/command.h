#pragma once
/* A command of the host's, as a process of its own session with three pipes. */

#include <sys/types.h>

#include "common/api-guest.h"

enum {
        COMMAND_NOT_EXECUTABLE = 126,
        COMMAND_NOT_FOUND = 127,
        COMMAND_SIGNALLED = 128, /* and the signal's number */
};

typedef struct Command {
        pid_t pid; /* and its process group */
        int pidfd;
        int input, output, errors; /* our ends, none blocks; -1: closed */
} Command;

#define COMMAND_INIT ((Command) {.pid = -1, .pidfd = -1, .input = -1, .output = -1, .errors = -1})

/* Returns when the command has begun. One that cannot begin says why on its standard error and ends
 * with 126 or 127. Negative errno when there is not even a process. */
int command_start(const GuestExec *exec, Command *ret);
/* When pidfd is readable: reaps it; its exit status. */
int command_reap(Command *command);
/* To the whole process group. Nothing for one that was reaped. */
void command_signal(const Command *command, int signal_number);
/* Closes what is open; the process stays. */
void command_close(Command *command);

/* The defaults with `wanted` (KEY=VALUE, may be NULL) over them. NULL: out of memory. */
char **command_environment(char *const *wanted);
