#pragma once
/* The socket that systemd passes. */
#include "common/error.h"

/* Of n_fds descriptors from first_fd on, as sd_listen_fds() counts them: exactly one, a listening
 * Unix stream socket; it is made nonblocking. */
int listen_take(int first_fd, int n_fds, int *ret, Error *reterr);
