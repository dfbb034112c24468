#pragma once
/* The client's side of io.banger.Guest.Exec: this process's standard streams and signals as those
 * of a command in a guest. */
#include "common/api-guest.h"

/* On a connection to the agent (taken, even on failure) that nothing was asked of yet. Blocks until
 * the command has ended; *ret_status is its exit status, 128 + n for signal n. Meanwhile HUP, INT,
 * QUIT, TERM, USR1 and USR2 go to the command instead of this process. Where PIPE is ignored, a
 * stream that nobody reads any more ends it with 128 + SIGPIPE. Negative with reterr when the guest
 * cannot be asked or goes away. */
int exec_session_run(int fd, const GuestExec *exec, int *ret_status, Error *reterr);

/* As above with other streams than 0, 1 and 2 (borrowed). */
typedef struct ExecStreams {
        int input, output, errors;
} ExecStreams;
int exec_session_run_streams(int fd, const GuestExec *exec, const ExecStreams *streams,
                             int *ret_status, Error *reterr);
