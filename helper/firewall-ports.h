#pragma once
/* May the owner have a port of this host led into a guest? Only where listening on it would have
 * been possible: an unprivileged port, an address of this host, and nobody there yet. */
#include "helper/firewall-state.h"
#include "helper/host.h"

/* Looks at forwards that `ip` does not have yet: those in force were looked at when they were new,
 * and whoever listens there since then must not keep all others from being set. An optional one
 * that cannot be is taken out of the plan and told in done, which is empty before. */
int firewall_check_forwards(const Host *host, FirewallPlan *plan, const FirewallTable *ip,
                            RootNetworkDone *done, Error *reterr);
