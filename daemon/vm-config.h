#pragma once
/* What a guest is told about itself. */
#include "common/api-guest.h"
#include "common/config.h"
#include "common/ident.h"

/* Beside its root. */
typedef struct VmDrives {
        bool modules, work;
} VmDrives;

/* The caller clears ret with guest_config_schema. */
int vm_config_fill(const VmId *id, const char *name, unsigned slot, const VmDrives *drives,
                   const Config *config, GuestConfig *ret, Error *reterr);
/* Adds the IPv4 name servers of a resolv.conf, loopback ones left out (they are the host's own),
 * three at most. -ENOMEM. */
int vm_config_add_dns(const char *resolv_conf, char ***dns);
/* Dotted; -ENOMEM. address in host order. */
int vm_config_address(uint32_t address, char **ret);
