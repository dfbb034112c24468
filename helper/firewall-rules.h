#pragma once
/* The tables in nft's words. Pure. */
#include <stdio.h>

#include "helper/firewall-state.h"

/* Takes the table away, if it is there, and declares it anew for the plan, with the counts that it
 * had. routing: what the table is to remember of the host's, which was off; NULL for nothing. */
void firewall_rules_write(FILE *out, FirewallFamily family, const FirewallPlan *plan,
                          const FirewallTable *earlier, const Routing *routing);
