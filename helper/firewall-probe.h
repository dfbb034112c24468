#pragma once
/* Which of our tables are there, and are they ours? Asked of the kernel in two messages: libnftables
 * reads all that is in a table before it prints the comment that makes it ours. */
#include "helper/firewall-state.h"

/* All but the counters. -ENODEV where the kernel has no nftables, -EBADMSG for an answer that is not
 * understood. */
int firewall_probe(FirewallState *ret);
