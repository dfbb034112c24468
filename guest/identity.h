#pragma once
/* Who the guest is: its name, id, resolvers and network, told to the image's own services by files
 * under /run and by files bound over those of /etc. The image is not changed but for machine-id. */
#include "common/api-guest.h"

/* The texts; NULL: out of memory. */
char *identity_resolv_conf(const GuestConfig *config);
char *identity_hosts(const GuestConfig *config);
char *identity_networkd(const GuestConfig *config);
char *identity_network_manager(const GuestConfig *config);
char *identity_resolved(const GuestConfig *config);

/* In the guest's root, with a fresh /run. Goes on after a failure, and says all of them. */
int identity_apply(const GuestConfig *config, Error *reterr);
