#pragma once
/* What of ours the kernel and systemd hold, read back from each of them. Nothing else is listed,
 * and nothing twice. */

#include <stdbool.h>

#include "common/api-root.h"
#include "common/ident.h"
#include "helper/host.h"

/* Adds what it finds. A source that does not exist on this host (no device-mapper, no jails yet) is
 * empty, not an error. */
typedef int (*InventoryRead)(const Host *host, Inventory *inventory, Error *reterr);

typedef struct InventorySource {
        const char *name; /* "loop devices" */
        InventoryRead read;
} InventorySource;

extern const InventorySource inventory_sources[];
extern const size_t inventory_n_sources;

/* Asks every source, whatever fails: then an error that names all that failed and no inventory,
 * for half of one would read as "nothing left". The caller clears ret with
 * schema_clear(&inventory_schema). */
int inventory_read(const InventorySource *sources, size_t n_sources, const Host *host,
                   Inventory *ret, Error *reterr);
/* For sources. vm may be NULL. What is there already (kind and name) is not added again. -ENOMEM. */
int inventory_add(Inventory *inventory, InventoryKind kind, const char *name, const VmId *vm,
                  const char *detail);
/* Does anything in it belong to a VM? */
bool inventory_has_vm(const Inventory *inventory);
