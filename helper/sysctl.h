#pragma once
/* The sysctls of IPv4 that guests' traffic needs. */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "helper/host.h"

/* What net.ipv4.ip_forward resets whenever it changes (inet_forward_change() of the kernel). */
typedef struct Routing {
        bool refuses_redirects;   /* net.ipv4.conf.all.accept_redirects is 0 */
        char (*links)[IFNAMSIZ];  /* those that forward; "default": those to come */
        size_t n_links;
} Routing;

void routing_clear(Routing *routing);
/* For a link that forwards; one with a name that nft cannot be told is passed over. -ENOMEM. */
int routing_add_link(Routing *routing, const char *name);

/* Does the host route between its links? */
int sysctl_get_forwarding(const Host *host, bool *ret, Error *reterr);
int sysctl_set_forwarding(const Host *host, bool on, Error *reterr);
/* What is there beside net.ipv4.ip_forward. The caller clears. */
int sysctl_read_routing(const Host *host, Routing *ret, Error *reterr);
/* Of net.ipv4.ip_forward's 0 and of the rest, whose failures are logged only. */
int sysctl_restore_routing(const Host *host, const Routing *routing, Error *reterr);
/* May loopback addresses come and go by the bridge? ERROR_UNAVAILABLE without one, unless it is not
 * to be. */
int sysctl_set_route_localnet(const Host *host, const char *bridge, bool on, Error *reterr);
