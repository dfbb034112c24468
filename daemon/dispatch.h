#pragma once
/* What the daemon serves, and what it logs of it. userdata of all of these: DaemonContext. */
#include "common/varlink-server.h"

extern const Interface *const daemon_interfaces[]; /* NULL-terminated */
extern const VarlinkMethod daemon_methods[];
extern const size_t daemon_n_methods;
extern const VarlinkHooks daemon_hooks;
