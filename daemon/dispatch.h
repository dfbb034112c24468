#pragma once
/* What the daemon serves, and what it logs of it. userdata of all of these: DaemonContext. */
#include "common/varlink-server.h"

extern const Interface *const daemon_interfaces[]; /* NULL-terminated */
/* The rows of all interfaces, as one allocated array. -ENOMEM. */
int daemon_methods_make(VarlinkMethod **ret, size_t *ret_n);
extern const VarlinkHooks daemon_hooks;
