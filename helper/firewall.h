#pragma once
/* What guests may do on the network: two nftables tables of banger's own, one for frames on the
 * bridge and one for what the host routes. Every change replaces both in one transaction; nothing
 * else is touched. To be called with the network's lock held, in the caller's network namespace. */
#include "common/api-root.h"
#include "common/config.h"
#include "helper/inventory.h"
#include "helper/sysctl.h"

/* Replaces all that is wanted. Without guests the tables go, unless a tap is still there: its
 * frames are to be dropped, not let through. Checks every forward that is not in force yet: the
 * owner is not to get what listening on that port would not have given him. Optional ones that
 * cannot be are told in ret, which the caller clears with root_network_done_schema. */
int firewall_set(const Host *host, const Config *settings, const RootNetwork *network,
                 RootNetworkDone *ret, Error *reterr);
/* Makes the tables that are missing, without guests: a tap that is in none is mute. */
int firewall_ensure(const Config *settings, Error *reterr);
/* Likewise, where there is a tap for them to hold: whoever dropped them has opened this host's loopback
 * addresses to the guests, if a forward needed those. routing: what they remembered of the host's; NULL:
 * nothing. 1 when they were missing. */
int firewall_mend(const Host *host, const Config *settings, const Routing *routing, Error *reterr);
/* Removes both and puts ip_forward back. */
int firewall_remove(const Host *host, const Config *settings, Error *reterr);
/* The tables, an entry for each guest and forward, and ip_forward while it is to be put back. */
int firewall_read(const Host *host, Inventory *inventory, Error *reterr);
