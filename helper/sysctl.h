#pragma once
/* The sysctls of IPv4 that guests' traffic needs. */
#include <stdbool.h>

#include "helper/host.h"

/* Does the host route between its links? */
int sysctl_get_forwarding(const Host *host, bool *ret, Error *reterr);
int sysctl_set_forwarding(const Host *host, bool on, Error *reterr);
/* May loopback addresses come and go by the bridge? ERROR_UNAVAILABLE without one, unless it is not
 * to be. */
int sysctl_set_route_localnet(const Host *host, const char *bridge, bool on, Error *reterr);
