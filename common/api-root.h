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
        INVENTORY_NFT,
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

/* Every request may carry the operation of bangerd's that it belongs to, for the journal. What has
 * no other parameters carries this. */
typedef struct RootRequest {
        char *operation; /* id; NULL: none */
} RootRequest;

typedef struct RootVm {
        char *vm;     /* id */
        int64_t slot; /* VM_SLOT_MIN..VM_SLOT_MAX */
        char *operation;
} RootVm;

typedef struct RootVmRef {
        char *vm;
        char *operation;
} RootVmRef;

typedef struct RootDiskAttach {
        char *vm;    /* its COW file is vms/VM/root.cow, the owner's, made by bangerd beforehand */
        char *image; /* id: images/ID.ext4 */
        bool work;   /* it has a work disk: vms/VM/work.img, the owner's for good */
        char *operation;
} RootDiskAttach;

typedef struct RootDiskGrow {
        char *vm;
        int64_t cow_mib; /* of its COW file, which is root's from its first attach on */
        char *operation;
} RootDiskGrow;

/* The reply carries one descriptor: the merged root, read-only. */
typedef struct RootDiskOpen {
        char *vm;
        char *image; /* id */
        char *operation;
} RootDiskOpen;

/* The reply carries one descriptor: the listener on run/v.sock_PORT of the jail. */
typedef struct RootJailMake {
        char *vm;
        int64_t slot;
        char *kernel; /* id: kernels/ID/vmlinux, initrd, modules.ext4 */
        char *operation;
} RootJailMake;

/* Carries two descriptors: the far end of a pty (stdin and stdout of the VMM: the serial console)
 * and the writing end of a pipe (its stderr). */
typedef struct RootLaunch {
        char *vm;
        int64_t slot;
        int64_t vcpus, memory_mib; /* bound the unit's cgroup */
        char *operation;
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
        char *operation;
} RootSockets;

typedef enum RootSignal {
        ROOT_SIGNAL_TERM,
        ROOT_SIGNAL_KILL,
} RootSignal;

typedef struct RootStop {
        char *vm;
        int signal;         /* RootSignal */
        int64_t timeout_ms; /* for the unit to end; 0: does not wait */
        char *operation;
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

/* A guest that may use the bridge: its MAC, address and tap derive from id and slot. */
typedef struct RootGuest {
        char *vm;
        int64_t slot;
        bool nat; /* may leave by the host's address */
} RootGuest;

/* A port of this host that leads into a guest. */
typedef struct RootForward {
        char *vm;      /* among the guests */
        int protocol;  /* ForwardProtocol */
        char *address; /* of this host, IPv4 text; NULL: 127.0.0.1 */
        int64_t host_port, guest_port; /* 1..65535 */
        bool optional; /* where it cannot be it is left out and told, instead of failing the call */
} RootForward;

/* The helper's cap of 64 KiB a request has room for all 253 guests and FORWARDS_MAX forwards. */
typedef struct RootNetwork {
        Objects guests;   /* RootGuest */
        Objects forwards; /* RootForward */
        char *operation;
} RootNetwork;

/* An optional forward that is not in force. */
typedef struct RootLeftOut {
        int64_t forward; /* its place in the request */
        char *reason;
} RootLeftOut;

typedef struct RootNetworkDone {
        Objects left_out; /* RootLeftOut */
} RootNetworkDone;

extern const Schema root_pong_schema, inventory_schema, inventory_entry_schema,
        root_request_schema, root_vm_schema, root_vm_ref_schema, root_disk_attach_schema,
        root_disk_grow_schema, root_disk_open_schema,
        root_jail_make_schema, root_launch_schema, root_sockets_schema, root_stop_schema,
        root_reaped_schema, root_guest_schema, root_forward_schema, root_network_schema,
        root_left_out_schema, root_network_done_schema;
/* Ping, Inventory, BridgeEnsure, BridgeRemove, ResolverSet, ResolverClear,
 * all with (RootRequest),
 * TapCreate(RootVm), TapDelete(RootVmRef), DiskAttach(RootDiskAttach), DiskDetach(RootVmRef),
 * DiskGrow(RootDiskGrow), DiskOpen(RootDiskOpen), JailMake(RootJailMake), JailRemove(RootVmRef),
 * Launch(RootLaunch), Sockets(RootSockets), Stop(RootStop), Reap(RootVmRef) -> RootReaped,
 * NetworkSet(RootNetwork) -> RootNetworkDone. */
extern const Interface interface_root;
/* What sits in the jail, seen from inside: given to Firecracker by bangerd. */
#define JAIL_KERNEL "/vmlinux"
#define JAIL_INITRD "/initrd"
#define JAIL_ROOT_DRIVE "/root.img"
#define JAIL_MODULES_DRIVE "/modules.ext4"
#define JAIL_WORK_DRIVE "/work.img"
#define JAIL_API_SOCKET "/run/firecracker.socket"
#define JAIL_VSOCK "/run/v.sock"

/* The end of a work disk's file, which the guest does not get: on a part of a loop device the kernel
 * passes no ioctl through, on a whole one all of them (drivers/md/dm.c, dm_blk_ioctl()). */
#define WORK_DISK_TAIL_BYTES 4096
