#pragma once
/* The daemon's only way to the helper: one typed function a verb. Each opens a connection of its
 * own, so that a slow step holds nobody else up, and blocks until its deadline: for pool jobs only.
 * deadline_usec is on the monotonic clock. */

#include "common/api-root.h"

/* The caller clears ret with schema_clear(&root_pong_schema). */
int root_ping(const char *socket, uint64_t deadline_usec, RootPong *ret, Error *reterr);
/* The caller clears ret with schema_clear(&inventory_schema). */
int root_inventory(const char *socket, uint64_t deadline_usec, Inventory *ret, Error *reterr);
