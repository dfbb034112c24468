#pragma once
/* The tables in nft's words. Pure. */
#include <stdio.h>

#include "helper/firewall-state.h"

/* Takes the table away, if it is there, and declares it anew for the plan, with the counts that it
 * had. routing_was_off: what its comment is to remember. */
void firewall_rules_write(FILE *out, FirewallFamily family, const FirewallPlan *plan,
                          const FirewallTable *earlier, bool routing_was_off);
