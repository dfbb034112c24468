#pragma once
/* Programs beside the console: one that gets the terminal, one whose output is read. */
#include <sys/types.h>

#include "common/error.h"

/* Runs argv on the terminal, which is not the console's meanwhile, and waits for Enter afterwards.
 * SIGTSTP is blocked. *ret_status: its exit status, 128 + n for a signal. */
int shell_run(char *const *argv, int *ret_status, Error *reterr);
/* Stops this process as ^Z does, SIGTSTP being blocked; returns when it goes on. Where nobody could
 * make it go on, as with a remote command or the first process of a session, the kernel does not
 * stop it: setpgid(2) on orphaned process groups. */
void shell_stop(void);
/* Starts argv with nothing to read; *ret_fd is what it writes, nonblocking. */
int shell_start(char *const *argv, pid_t *ret_pid, int *ret_fd, Error *reterr);
