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

typedef struct RootVm {
        char *vm;     /* id */
        int64_t slot; /* VM_SLOT_MIN..VM_SLOT_MAX */
} RootVm;

typedef struct RootVmRef {
        char *vm;
} RootVmRef;

typedef struct RootDiskAttach {
        char *vm;    /* its COW file is vms/VM/root.cow, the owner's, made by bangerd beforehand */
        char *image; /* id: images/ID.ext4 */
} RootDiskAttach;

/* The reply carries one descriptor: the listener on run/v.sock_PORT of the jail. */
typedef struct RootJailMake {
        char *vm;
        int64_t slot;
        char *kernel; /* id: kernels/ID/vmlinux, initrd, modules.ext4 */
} RootJailMake;

/* Carries two descriptors: the far end of a pty (stdin and stdout of the VMM: the serial console)
 * and the writing end of a pipe (its stderr). */
typedef struct RootLaunch {
        char *vm;
        int64_t slot;
        int64_t vcpus, memory_mib; /* bound the unit's cgroup */
} RootLaunch;

/* Firecracker makes its API socket when it starts, and the vsock one only when bangerd configures
 * the vsock device: so one is asked for at a time. */
typedef enum RootSocket {
        ROOT_SOCKET_API,
        ROOT_SOCKET_VSOCK,
} RootSocket;

/* The reply carries one descriptor, opened with O_PATH: connect to /proc/self/fd/N. */
typedef struct RootSockets {
        char *vm;
        int64_t slot;
        int socket;         /* RootSocket */
        int64_t timeout_ms; /* 1..60000 */
} RootSockets;

typedef enum RootSignal {
        ROOT_SIGNAL_TERM,
        ROOT_SIGNAL_KILL,
} RootSignal;

typedef struct RootStop {
        char *vm;
        int signal;         /* RootSignal */
        int64_t timeout_ms; /* for the unit to end; 0: does not wait */
} RootStop;

typedef enum RootUnitState {
        ROOT_UNIT_ABSENT,
        ROOT_UNIT_ACTIVE,
        ROOT_UNIT_ENDED,
} RootUnitState;

typedef struct RootReaped {
        int state;         /* RootUnitState; a unit that still runs is left alone */
        char *result;      /* systemd's Result: "success", "exit-code", "signal" …; NULL: absent */
        int64_t exit_code; /* of the main process: systemd's ExecMainCode and ExecMainStatus */
        int64_t exit_status;
} RootReaped;

extern const Schema root_pong_schema, inventory_schema, inventory_entry_schema, root_vm_schema,
        root_vm_ref_schema, root_disk_attach_schema, root_jail_make_schema, root_launch_schema,
        root_sockets_schema, root_stop_schema, root_reaped_schema;
/* Ping, Inventory, BridgeEnsure(), BridgeRemove(), ResolverSet(), ResolverClear(),
 * TapCreate(RootVm), TapDelete(RootVmRef),
 * DiskAttach(RootDiskAttach), DiskDetach(RootVmRef), JailMake(RootJailMake), JailRemove(RootVmRef),
 * Launch(RootLaunch), Sockets(RootSockets), Stop(RootStop), Reap(RootVmRef) -> RootReaped. */
extern const Interface interface_root;
/* What sits in the jail, seen from inside: given to Firecracker by bangerd. */
#define JAIL_KERNEL "/vmlinux"
#define JAIL_INITRD "/initrd"
#define JAIL_ROOT_DRIVE "/root.img"
#define JAIL_MODULES_DRIVE "/modules.ext4"
#define JAIL_API_SOCKET "/run/firecracker.socket"
#define JAIL_VSOCK "/run/v.sock"
