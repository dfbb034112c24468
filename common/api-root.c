#include "common/api-root.h"

#include "common/api-vm.h"
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
        [INVENTORY_NFT] = "nft",
        NULL,
};

/* Long waits are the daemon's: it asks again. */
#define WAIT_MS_MAX 60000

static const char *const sockets[] = {
        [ROOT_SOCKET_API] = "api",
        [ROOT_SOCKET_VSOCK] = "vsock",
        NULL,
};

static const char *const signals[] = {
        [ROOT_SIGNAL_TERM] = "term",
        [ROOT_SIGNAL_KILL] = "kill",
        NULL,
};

static const char *const unit_states[] = {
        [ROOT_UNIT_ABSENT] = "absent",
        [ROOT_UNIT_ACTIVE] = "active",
        [ROOT_UNIT_ENDED] = "ended",
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

/* Of every request: what bangerd does it for. */
#define OPERATION_FIELD(type_name)                                                                 \
        {.name = "operation",                                                                      \
         .type = FIELD_STRING,                                                                     \
         .offset = offsetof(type_name, operation),                                                 \
         .check = object_id_check,                                                                 \
         .summary = "The id of the operation that it belongs to, for the journal"}

static const Field root_request_fields[] = {OPERATION_FIELD(RootRequest)};

const Schema root_request_schema = {
        .name = "RootRequest",
        .size = sizeof(RootRequest),
        .fields = root_request_fields,
        .n_fields = ELEMENTSOF(root_request_fields),
};

static const Field root_vm_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootVm, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "slot",
         .type = FIELD_INT,
         .offset = offsetof(RootVm, slot),
         .required = true,
         .min = VM_SLOT_MIN,
         .max = VM_SLOT_MAX,
         .summary = "The slot that the VM has taken: its uid derives from it"},
        OPERATION_FIELD(RootVm),
};

const Schema root_vm_schema = {
        .name = "RootVm",
        .size = sizeof(RootVm),
        .fields = root_vm_fields,
        .n_fields = ELEMENTSOF(root_vm_fields),
};

static const Field root_vm_ref_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootVmRef, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        OPERATION_FIELD(RootVmRef),
};

const Schema root_vm_ref_schema = {
        .name = "RootVmRef",
        .size = sizeof(RootVmRef),
        .fields = root_vm_ref_fields,
        .n_fields = ELEMENTSOF(root_vm_ref_fields),
};

static const Field root_disk_attach_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootDiskAttach, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "image",
         .type = FIELD_STRING,
         .offset = offsetof(RootDiskAttach, image),
         .required = true,
         .check = object_id_check,
         .summary = "The image's id"},
        {.name = "work",
         .type = FIELD_BOOL,
         .offset = offsetof(RootDiskAttach, work),
         .summary = "It has a work disk"},
        OPERATION_FIELD(RootDiskAttach),
};

const Schema root_disk_attach_schema = {
        .name = "RootDiskAttach",
        .size = sizeof(RootDiskAttach),
        .fields = root_disk_attach_fields,
        .n_fields = ELEMENTSOF(root_disk_attach_fields),
};

static const Field root_disk_grow_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootDiskGrow, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "cow_mib",
         .type = FIELD_INT,
         .offset = offsetof(RootDiskGrow, cow_mib),
         .required = true,
         .min = 1,
         .max = VM_COW_MIB_MAX,
         .summary = "The new size of the file of changes; never less than it has"},
        OPERATION_FIELD(RootDiskGrow),
};

const Schema root_disk_grow_schema = {
        .name = "RootDiskGrow",
        .size = sizeof(RootDiskGrow),
        .fields = root_disk_grow_fields,
        .n_fields = ELEMENTSOF(root_disk_grow_fields),
};

static const Field root_disk_open_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootDiskOpen, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "image",
         .type = FIELD_STRING,
         .offset = offsetof(RootDiskOpen, image),
         .required = true,
         .check = object_id_check,
         .summary = "The image's id"},
        OPERATION_FIELD(RootDiskOpen),
};

const Schema root_disk_open_schema = {
        .name = "RootDiskOpen",
        .size = sizeof(RootDiskOpen),
        .fields = root_disk_open_fields,
        .n_fields = ELEMENTSOF(root_disk_open_fields),
};

static const Field root_jail_make_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootJailMake, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "slot",
         .type = FIELD_INT,
         .offset = offsetof(RootJailMake, slot),
         .required = true,
         .min = VM_SLOT_MIN,
         .max = VM_SLOT_MAX,
         .summary = "The slot that the VM has taken: its uid derives from it"},
        {.name = "kernel",
         .type = FIELD_STRING,
         .offset = offsetof(RootJailMake, kernel),
         .required = true,
         .check = object_id_check,
         .summary = "The kernel's id"},
        OPERATION_FIELD(RootJailMake),
};

const Schema root_jail_make_schema = {
        .name = "RootJailMake",
        .size = sizeof(RootJailMake),
        .fields = root_jail_make_fields,
        .n_fields = ELEMENTSOF(root_jail_make_fields),
};

static const Field root_launch_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootLaunch, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "slot",
         .type = FIELD_INT,
         .offset = offsetof(RootLaunch, slot),
         .required = true,
         .min = VM_SLOT_MIN,
         .max = VM_SLOT_MAX,
         .summary = "The slot that the VM has taken: its uid derives from it"},
        {.name = "vcpus",
         .type = FIELD_INT,
         .offset = offsetof(RootLaunch, vcpus),
         .required = true,
         .min = 1,
         .max = VM_VCPUS_MAX,
         .summary = "What it may use of the processors"},
        {.name = "memory_mib",
         .type = FIELD_INT,
         .offset = offsetof(RootLaunch, memory_mib),
         .required = true,
         .min = VM_MEMORY_MIB_MIN,
         .max = VM_MEMORY_MIB_MAX,
         .summary = "The guest's memory; the unit gets a little more"},
        OPERATION_FIELD(RootLaunch),
};

const Schema root_launch_schema = {
        .name = "RootLaunch",
        .size = sizeof(RootLaunch),
        .fields = root_launch_fields,
        .n_fields = ELEMENTSOF(root_launch_fields),
};

static const Field root_sockets_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootSockets, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "slot",
         .type = FIELD_INT,
         .offset = offsetof(RootSockets, slot),
         .required = true,
         .min = VM_SLOT_MIN,
         .max = VM_SLOT_MAX,
         .summary = "The slot that the VM has taken: its uid derives from it"},
        {.name = "socket",
         .type = FIELD_ENUM,
         .offset = offsetof(RootSockets, socket),
         .required = true,
         .values = sockets,
         .summary = "Which: vsock is there once the device has been configured"},
        {.name = "timeout_ms",
         .type = FIELD_INT,
         .offset = offsetof(RootSockets, timeout_ms),
         .required = true,
         .min = 1,
         .max = WAIT_MS_MAX,
         .summary = "How long to wait for it"},
        OPERATION_FIELD(RootSockets),
};

const Schema root_sockets_schema = {
        .name = "RootSockets",
        .size = sizeof(RootSockets),
        .fields = root_sockets_fields,
        .n_fields = ELEMENTSOF(root_sockets_fields),
};

static const Field root_stop_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootStop, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id"},
        {.name = "signal",
         .type = FIELD_ENUM,
         .offset = offsetof(RootStop, signal),
         .required = true,
         .values = signals,
         .summary = "What to send to its unit"},
        {.name = "timeout_ms",
         .type = FIELD_INT,
         .offset = offsetof(RootStop, timeout_ms),
         .max = WAIT_MS_MAX,
         .summary = "How long to wait for the unit to end; 0 does not wait"},
        OPERATION_FIELD(RootStop),
};

const Schema root_stop_schema = {
        .name = "RootStop",
        .size = sizeof(RootStop),
        .fields = root_stop_fields,
        .n_fields = ELEMENTSOF(root_stop_fields),
};

static const Field root_reaped_fields[] = {
        {.name = "state",
         .type = FIELD_ENUM,
         .offset = offsetof(RootReaped, state),
         .required = true,
         .values = unit_states,
         .summary = "Of the unit; one that still runs is left alone"},
        {.name = "result",
         .type = FIELD_STRING,
         .offset = offsetof(RootReaped, result),
         .summary = "systemd's Result: success, exit-code, signal …"},
        {.name = "exit_code",
         .type = FIELD_INT,
         .offset = offsetof(RootReaped, exit_code),
         .max = INT32_MAX,
         .summary = "systemd's ExecMainCode: 1 exited, 2 killed, 3 dumped"},
        {.name = "exit_status",
         .type = FIELD_INT,
         .offset = offsetof(RootReaped, exit_status),
         .max = INT32_MAX,
         .summary = "systemd's ExecMainStatus: the exit status or the signal"},
};

const Schema root_reaped_schema = {
        .name = "RootReaped",
        .size = sizeof(RootReaped),
        .fields = root_reaped_fields,
        .n_fields = ELEMENTSOF(root_reaped_fields),
};

static const Action root_actions[] = {
        {.method = "Ping",
         .summary = "Answer, with the helper's version",
         .in = &root_request_schema,
         .out = &root_pong_schema,
         .target = TARGET_HOST},
        {.method = "Inventory",
         .summary = "List every kernel and systemd object that belongs to banger",
         .in = &root_request_schema,
         .out = &inventory_schema,
         .target = TARGET_HOST},
        {.method = "BridgeEnsure",
         .summary = "Make the bridge of the VMs and set it up, or mend it",
         .in = &root_request_schema,
         .out = &schema_empty,
         .target = TARGET_HOST},
        {.method = "BridgeRemove",
         .summary = "Remove the bridge; refused while a VM has a tap",
         .in = &root_request_schema,
         .out = &schema_empty,
         .target = TARGET_HOST},
        {.method = "ResolverSet",
         .summary = "Have systemd-resolved ask bangerd for names of VMs, on the bridge",
         .in = &root_request_schema,
         .out = &schema_empty,
         .target = TARGET_HOST},
        {.method = "ResolverClear",
         .summary = "Have systemd-resolved ask bangerd no more",
         .in = &root_request_schema,
         .out = &schema_empty,
         .target = TARGET_HOST},
        {.method = "TapCreate",
         .summary = "Make a VM's tap, a port of the bridge",
         .in = &root_vm_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "TapDelete",
         .summary = "Remove a VM's tap",
         .in = &root_vm_ref_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "DiskAttach",
         .summary = "Make a VM's devices: a snapshot of the image, and its work disk",
         .in = &root_disk_attach_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "DiskDetach",
         .summary = "Remove a VM's devices; its files stay",
         .in = &root_vm_ref_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "DiskGrow",
         .summary = "Make the file of changes of a stopped VM larger",
         .in = &root_disk_grow_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "DiskOpen",
         .summary = "Open the root of a stopped VM for reading; answers a descriptor of it",
         .in = &root_disk_open_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "JailMake",
         .summary = "Make a VM's jail; answers the listener for the guest's calls",
         .in = &root_jail_make_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "JailRemove",
         .summary = "Remove a VM's jail",
         .in = &root_vm_ref_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "Launch",
         .summary = "Start a VM's unit; takes its serial console and its log",
         .in = &root_launch_schema,
         .out = &schema_empty,
         .target = TARGET_VM,
         .flags = ACTION_TAKES_FD},
        {.method = "Sockets",
         .summary = "Wait for a socket of a VM's jail and give it to the owner",
         .in = &root_sockets_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "Stop",
         .summary = "Send a signal to a VM's unit",
         .in = &root_stop_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "Reap",
         .summary = "Tell how a VM's unit ended, and forget it",
         .in = &root_vm_ref_schema,
         .out = &root_reaped_schema,
         .target = TARGET_VM},
        {.method = "NetworkSet",
         .summary = "Replace what guests may do on the network, and the ports that lead into them",
         .in = &root_network_schema,
         .out = &root_network_done_schema,
         .target = TARGET_HOST},
};

const Interface interface_root = {
        .name = "io.banger.Root",
        .summary = "The steps that need root, for the daemon of this host's owner",
        .actions = root_actions,
        .n_actions = ELEMENTSOF(root_actions),
};
