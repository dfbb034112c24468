#pragma once
/* IPv6 of a link, by its sysctl. */
#include "helper/host.h"

/* Guests have IPv4 only: what they send must not configure the host. A kernel without IPv6 is fine.
 * name is one of ours: no "/" in it. */
int link_disable_ipv6(const Host *host, const char *name, Error *reterr);
