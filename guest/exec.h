#pragma once
/* io.banger.Guest.Exec after its reply: a command's streams as frames. */
#include "common/api-guest.h"

/* Runs the command and serves its streams on the connection (taken) until it has ended and all that
 * it wrote is out, or until the host has left: then it gets SIGHUP, and SIGKILL soon after. `rest`
 * is what came with the call already. Blocks; ignores SIGPIPE from then on. 0 or negative errno. */
int exec_serve(int fd, const void *rest, size_t rest_size, const GuestExec *exec);
