#pragma once
/* io.banger.Worker: which method does what. */
#include "common/varlink-server.h"

/* userdata of all of these: Session. */
extern const VarlinkMethod worker_methods[];
extern const size_t worker_n_methods;
extern const VarlinkHooks worker_hooks;
extern const Interface *const worker_interfaces[]; /* NULL-terminated */
