#pragma once
/* What the guests that run may reach, and which ports lead to them: the whole set, which the
 * helper is given anew at each change. For any thread; what blocks is not for the loop's. */

#include <stdbool.h>

#include "common/forward.h"
#include "common/ident.h"
#include "daemon/port-holds.h"

typedef struct Network Network;

typedef struct NetworkGuest {
        VmId id;
        unsigned slot;
        bool nat;
        Forwards forwards;
} NetworkGuest;

void network_guest_clear(NetworkGuest *guest);
int network_guest_copy(const NetworkGuest *guest, NetworkGuest *ret); /* -ENOMEM */

/* root_socket must outlive it. What the kernel has is not known yet. -ENOMEM. */
int network_new(const char *root_socket, PortHoldMake hold, Network **ret);
/* The kernel keeps what it has. */
Network *network_free(Network *network);

/* A guest that runs already, after a start of the daemon: known, but not applied. Copied; never
 * waits for the helper. -ENOMEM. */
int network_fill(Network *network, const NetworkGuest *guest);

/* Block until the helper has applied the set, up to half a minute after those before them. On
 * failure the set is as it was, and the next change or network_apply() has it applied. They fail
 * for forwards that they bring, not for those that were in the set before: what of these cannot be is
 * left out, logged, and tried again with each change. operation: the id of what it is done for, for
 * the journal; may be NULL. The host's ports of the forwards in force are held (port-holds.h). */
/* Adds or replaces. */
int network_put(Network *network, const NetworkGuest *guest, const char *operation, Error *reterr);
/* One that is not in the set succeeds; the set is applied all the same. */
int network_remove(Network *network, const VmId *id, const char *operation, Error *reterr);
/* Somebody else may have changed what the kernel has: network_apply() is due. Never waits for the
 * helper. */
void network_forget(Network *network);
/* Where the kernel may have another set than this. */
int network_apply(Network *network, Error *reterr);

/* Has the last try to apply it failed, so that network_apply() is due? */
bool network_failed(Network *network);
/* Why that forward is not in force, although its guest is in the set; NULL: it is, or is not in the
 * set. The caller frees it. -ENOMEM. */
int network_find_left_out(Network *network, const VmId *id, const Forward *forward, char **ret);
