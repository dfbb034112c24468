#pragma once
/* systemd-resolved, over the bus: what it does on the bridge's link. */
#include "common/varlink-server.h"
#include "helper/bus.h"

/* Queries below the VMs' domain go to bangerd, nothing else does, and the link has none of
 * resolved's other protocols. Nothing is written where it is so already. link 0: there is no bridge
 * yet, and only whether resolved runs is looked at: ERROR_UNAVAILABLE when it does not. */
int resolver_set(sd_bus *bus, int link, Error *reterr);
/* No query goes to bangerd any more; the other protocols stay off as long as there is the bridge,
 * or a guest could answer for names of the host's network. Also succeeds when there is nobody to
 * tell. */
int resolver_clear(sd_bus *bus, int link, Error *reterr);

/* Handlers; userdata: Session. */
int handle_resolver_set(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_resolver_clear(VarlinkCall *call, const void *parameters, void *userdata,
                          Error *reterr);
