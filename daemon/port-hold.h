#pragma once
/* A socket that has a port of this host: bound, and not listening. */
#include "common/error.h"
#include "common/forward.h"

/* *ret_fd: the caller's. ERROR_BUSY, -EADDRINUSE: a program has the port. */
int port_hold(const Forward *port, int *ret_fd, Error *reterr);
