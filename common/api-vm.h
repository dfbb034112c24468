#pragma once
/* io.banger.VM: virtual machines. */
#include "common/action.h"

#define VM_VCPUS_MAX 32          /* Firecracker's limit: vmm_config/machine_config.rs, MAX_SUPPORTED_VCPUS */
#define VM_MEMORY_MIB_MIN 96     /* what Debian's kernel needs to unpack its initrd and run an agent */
#define VM_MEMORY_MIB_MAX 262144
#define VM_MEMORY_MIB_DEFAULT 256
#define VM_STOP_TIMEOUT_S_DEFAULT 30
/* Of the work disk, the guest's /root: sparse. Below the least an ext4 of it has no journal. */
#define VM_WORK_MIB_MIN 16
#define VM_WORK_MIB_MAX 1048576
#define VM_WORK_MIB_DEFAULT 1024
#define VM_COW_MIB_MAX 2097152 /* of the file of changes to a root */

typedef enum VmState {
        VM_STOPPED,
        VM_STARTING,
        VM_RUNNING,
        VM_STOPPING,
        VM_BROKEN,
        _VM_STATE_MAX,
} VmState;

typedef enum VmReadiness {
        VM_READINESS_NONE,
        VM_READINESS_LAUNCHED, /* the VMM runs */
        VM_READINESS_AGENT,    /* banger-guest has called */
        VM_READINESS_INIT,     /* and the image's own init, where it has one, has taken over */
} VmReadiness;

typedef struct VmInfo {
        char *id;
        char *name;
        char *image;        /* name */
        char *kernel;       /* name */
        int state;          /* VmState */
        int readiness;      /* VmReadiness */
        int64_t vcpus, memory_mib;
        int64_t work_mib;   /* 0: no work disk */
        int64_t cow_mib;    /* what the changes to its root may take */
        char *address;      /* IPv4 of the guest while it has a slot; may be NULL */
        int64_t slot;       /* 0: none */
        char *reason;       /* why it is broken, how it stopped when nobody asked, or what its guest
                             * does without; may be NULL */
        int64_t created_s;  /* seconds since the epoch */
        int64_t started_s;  /* 0: not running */
        bool ephemeral;     /* deleted as soon as it stops */
        bool nat;           /* reaches beyond the host */
        char **forwards;    /* ports of the host that lead to it: forward.h */
} VmInfo;

typedef struct VmList {
        Objects vms; /* VmInfo, by name */
} VmList;

typedef struct VmCreate {
        char *kernel;  /* NULL: the default kernel */
        int64_t vcpus, memory_mib;
        bool nat;
        char **publish; /* forward.h */
        int64_t work_mib; /* of its work disk; 0: none */
        char *name;    /* NULL: made from the image's name and the id */
        char *image;
        bool ephemeral;
} VmCreate;

typedef struct VmRef {
        char *vm; /* name or id */
} VmRef;

typedef enum VmSwitch {
        VM_SWITCH_KEEP = -1, /* as it is */
        VM_SWITCH_NO,
        VM_SWITCH_YES,
} VmSwitch;

typedef struct VmSet {
        char *vm;
        int nat; /* VmSwitch */
} VmSet;

/* Of a stopped VM: what its next start makes of its disks. Never smaller than their files are. 0: as
 * it is. */
typedef struct VmResize {
        char *vm;
        int64_t work_mib;
        int64_t cow_mib; /* what the changes to its root may take */
} VmResize;

typedef struct VmStop {
        char *vm;
        bool force;        /* do not ask the guest */
        int64_t timeout_s; /* then by force; 1..3600 */
} VmStop;

typedef struct VmDelete {
        char *vm;
        bool force; /* also while it runs */
} VmDelete;

/* Start and Stop stream one of these when a stage begins and one when it ends; the final reply has
 * the VM. Stages of a start, in order: check disk tap jail launch sockets configure boot ready. */
typedef struct VmProgress {
        char *operation;    /* id */
        char *stage;        /* NULL in the final reply */
        bool finished;      /* this stage */
        int64_t elapsed_us; /* of this stage, when finished */
        int64_t usual_us;   /* its median over the image's earlier starts; 0 while there is none */
        VmInfo *vm;         /* in the final reply only */
} VmProgress;

/* The reply carries one descriptor: a connection to the guest's agent, for io.banger.Guest. */
typedef struct VmConnect {
        char *vm;
        bool now;          /* as soon as the agent answers, not only when the image's init runs */
        int64_t timeout_s; /* for that; 1..3600 */
} VmConnect;

/* `vm run` is carried out by the command: Create, Start, Connect, exec, Stop. */
typedef struct VmRun {
        char *kernel;  /* it begins as VmCreate does: api-vm.c */
        int64_t vcpus, memory_mib;
        bool nat;
        char **publish;
        int64_t work_mib;
        char *image, *name;
        bool remove, detach, now;
        char **command;
} VmRun;

typedef struct VmExec {
        char *vm;
        char **environment; /* KEY=VALUE */
        char *directory;
        bool now;
        char **command;
} VmExec;

extern const Schema vm_info_schema, vm_list_schema, vm_create_schema, vm_ref_schema, vm_set_schema,
        vm_resize_schema, vm_stop_schema, vm_delete_schema, vm_progress_schema, vm_connect_schema,
        vm_run_schema, vm_exec_schema;
/* Create(VmCreate) -> VmInfo "vm create"; Start(VmRef) -> VmProgress, streams, "vm start";
 * Stop(VmStop) -> VmProgress, streams, "vm stop"; Resize(VmResize) -> VmInfo "vm resize";
 * Delete(VmDelete) -> {} destroys "vm delete"; Set(VmSet) -> {} "vm set";
 * List() -> VmList "vm list"; Show(VmRef) -> VmInfo "vm show"; Connect(VmConnect) -> {} no words;
 * local: "vm run", "vm exec". */
extern const Interface interface_vm;
extern const char *const vm_state_names[]; /* by VmState, NULL-terminated */
