#include "common/api-root.h"

#include "common/ident.h"

/* 253 VMs of about a dozen objects each, and what earlier crashes left. */
#define INVENTORY_MAX 65536

static const char *const inventory_kinds[] = {
        [INVENTORY_LINK] = "link",
        [INVENTORY_LOOP] = "loop",
        [INVENTORY_DM] = "dm",
        [INVENTORY_UNIT] = "unit",
        [INVENTORY_JAIL] = "jail",
        [INVENTORY_MOUNT] = "mount",
        [INVENTORY_SYSCTL] = "sysctl",
        NULL,
};

static const Field root_pong_fields[] = {
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(RootPong, version),
         .required = true,
         .summary = "The helper's version"},
        {.name = "owner_uid",
         .type = FIELD_INT,
         .offset = offsetof(RootPong, owner_uid),
         .required = true,
         .max = UINT32_MAX,
         .summary = "The user that it serves, besides root"},
};

const Schema root_pong_schema = {
        .name = "RootPong",
        .size = sizeof(RootPong),
        .fields = root_pong_fields,
        .n_fields = ELEMENTSOF(root_pong_fields),
};

static const Field inventory_entry_fields[] = {
        {.name = "kind",
         .type = FIELD_ENUM,
         .offset = offsetof(InventoryEntry, kind),
         .required = true,
         .values = inventory_kinds,
         .summary = "What it is"},
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(InventoryEntry, name),
         .required = true,
         .summary = "The kernel's or systemd's name of it"},
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(InventoryEntry, vm),
         .check = vm_id_check,
         .summary = "The VM's id; left out for what all VMs share"},
        {.name = "detail",
         .type = FIELD_STRING,
         .offset = offsetof(InventoryEntry, detail),
         .summary = "State, addresses or sizes, in a few words"},
};

const Schema inventory_entry_schema = {
        .name = "InventoryEntry",
        .size = sizeof(InventoryEntry),
        .fields = inventory_entry_fields,
        .n_fields = ELEMENTSOF(inventory_entry_fields),
};

static const Field inventory_fields[] = {
        {.name = "entries",
         .type = FIELD_OBJECTS,
         .offset = offsetof(Inventory, entries),
         .required = true,
         .max = INVENTORY_MAX,
         .nested = &inventory_entry_schema,
         .summary = "Every object of ours on this host"},
};

const Schema inventory_schema = {
        .name = "Inventory",
        .size = sizeof(Inventory),
        .fields = inventory_fields,
        .n_fields = ELEMENTSOF(inventory_fields),
};

static const Action root_actions[] = {
        {.method = "Ping",
         .summary = "Answer, with the helper's version",
         .in = &schema_empty,
         .out = &root_pong_schema,
         .target = TARGET_HOST},
        {.method = "Inventory",
         .summary = "List every kernel and systemd object that belongs to banger",
         .in = &schema_empty,
         .out = &inventory_schema,
         .target = TARGET_HOST},
};

const Interface interface_root = {
        .name = "io.banger.Root",
        .summary = "The steps that need root, for the daemon of this host's owner",
        .actions = root_actions,
        .n_actions = ELEMENTSOF(root_actions),
};
