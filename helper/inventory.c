#include <errno.h>
#include <string.h>

#include "common/strings.h"
#include "helper/devmapper.h"
#include "helper/firewall.h"
#include "helper/inventory.h"
#include "helper/jails.h"
#include "helper/links.h"
#include "helper/loops.h"
#include "helper/mounts.h"
#include "helper/units.h"

const InventorySource inventory_sources[] = {
        {"network links", links_read},
        {"device-mapper devices", devmapper_read},
        {"loop devices", loops_read},
        {"units", units_read},
        {"jails", jails_read},
        {"mounts", mounts_read},
        {"nftables", firewall_read},
};
const size_t inventory_n_sources = ELEMENTSOF(inventory_sources);

static void inventory_clear(Inventory *inventory) {
        schema_clear(&inventory_schema, inventory);
}

int inventory_read(const InventorySource *sources, size_t n_sources, const Host *host,
                   Inventory *ret, Error *reterr) {
        _cleanup_(inventory_clear) Inventory inventory = {};
        _cleanup_error_ Error joined = ERROR_INIT;
        int r = 0;

        for (size_t i = 0; i < n_sources; i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int source_r = sources[i].read(host, &inventory, &error);

                if (source_r >= 0)
                        continue;
                source_r = error_prepend(&error, source_r, "cannot list %s", sources[i].name);
                r = r < 0 ? error_join(&joined, r, &error, source_r) : source_r;
                if (joined.kind == ERROR_NONE)
                        error_move(&joined, &error);
        }
        if (r < 0) {
                if (reterr)
                        error_move(reterr, &joined);
                return r;
        }
        *ret = inventory;
        inventory = (Inventory) {};
        return 0;
}

static bool inventory_contains(const Inventory *inventory, InventoryKind kind, const char *name) {
        const InventoryEntry *entries = inventory->entries.items;

        for (size_t i = 0; i < inventory->entries.n_items; i++)
                if (entries[i].kind == (int) kind && string_equal(entries[i].name, name))
                        return true;
        return false;
}

int inventory_add(Inventory *inventory, InventoryKind kind, const char *name, const VmId *vm,
                  const char *detail) {
        _cleanup_free_ char *name_copy = NULL, *vm_copy = NULL, *detail_copy = NULL;
        Objects *entries = &inventory->entries;
        InventoryEntry *items;

        if (inventory_contains(inventory, kind, name))
                return 0;
        name_copy = strdup(name);
        vm_copy = vm ? strdup(vm->text) : NULL;
        detail_copy = detail ? strdup(detail) : NULL;
        if (!name_copy || (vm && !vm_copy) || (detail && !detail_copy))
                return -ENOMEM;
        items = reallocarray(entries->items, entries->n_items + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        items[entries->n_items++] = (InventoryEntry) {
                .kind = (int) kind,
                .name = steal_ptr(name_copy),
                .vm = steal_ptr(vm_copy),
                .detail = steal_ptr(detail_copy),
        };
        entries->items = items;
        return 0;
}

bool inventory_has_vm(const Inventory *inventory) {
        const InventoryEntry *entries = inventory->entries.items;

        for (size_t i = 0; i < inventory->entries.n_items; i++)
                if (entries[i].vm)
                        return true;
        return false;
}
