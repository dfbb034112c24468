#pragma once
/* io.banger.Root: which verb does what, and who may ask for it. */

#include "common/varlink-server.h"

/* VarlinkMethod.policy: who may call. */
typedef enum RootPolicy {
        ROOT_POLICY_OWNER = 1 << 0,
        ROOT_POLICY_ROOT = 1 << 1,
} RootPolicy;

/* userdata of all of these: Session. */
extern const VarlinkMethod root_methods[];
extern const size_t root_n_methods;
extern const VarlinkHooks root_hooks;
extern const Interface *const root_interfaces[]; /* NULL-terminated */
