#pragma once
/* io.banger.Root: what the helper does. Requests carry ids, slots and small typed values; never a
 * path or a name of a kernel object. */
#include "common/action.h"

typedef struct RootPong {
        char *version;
        int64_t owner_uid;
} RootPong;

typedef enum InventoryKind {
        INVENTORY_LINK,
        INVENTORY_LOOP,
        INVENTORY_DM,
        INVENTORY_UNIT,
        INVENTORY_JAIL,
        INVENTORY_MOUNT,
        INVENTORY_SYSCTL,
} InventoryKind;

typedef struct InventoryEntry {
        int kind;     /* InventoryKind */
        char *name;   /* the kernel's or systemd's name of it */
        char *vm;     /* VM id; NULL for what all VMs share */
        char *detail; /* a few words: state, addresses, sizes */
} InventoryEntry;

typedef struct Inventory {
        Objects entries; /* InventoryEntry */
} Inventory;

extern const Schema root_pong_schema, inventory_schema, inventory_entry_schema;
extern const Interface interface_root;
