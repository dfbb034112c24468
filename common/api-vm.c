#include "common/api-vm.h"

#include "common/forward.h"
#include "common/ident.h"

#define VMS_MAX 65536
#define STOP_TIMEOUT_S_MAX 3600
#define CONNECT_TIMEOUT_S_DEFAULT 60
#define PATH_MAX_BYTES 4095 /* PATH_MAX without its NUL (limits.h) */

const char *const vm_state_names[] = {
        [VM_STOPPED] = "stopped",
        [VM_STARTING] = "starting",
        [VM_RUNNING] = "running",
        [VM_STOPPING] = "stopping",
        [VM_BROKEN] = "broken",
        NULL,
};

static const char *const readiness_names[] = {
        [VM_READINESS_NONE] = "none",
        [VM_READINESS_LAUNCHED] = "launched",
        [VM_READINESS_AGENT] = "agent",
        [VM_READINESS_INIT] = "init",
        NULL,
};

static const Field vm_info_fields[] = {
        {.name = "id",
         .type = FIELD_STRING,
         .offset = offsetof(VmInfo, id),
         .required = true,
         .check = vm_id_check,
         .summary = "Its id"},
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(VmInfo, name),
         .required = true,
         .summary = "Its name"},
        {.name = "image",
         .type = FIELD_STRING,
         .offset = offsetof(VmInfo, image),
         .required = true,
         .summary = "The name of the image that its root comes from"},
        {.name = "kernel",
         .type = FIELD_STRING,
         .offset = offsetof(VmInfo, kernel),
         .required = true,
         .summary = "The name of its kernel"},
        {.name = "state",
         .type = FIELD_ENUM,
         .offset = offsetof(VmInfo, state),
         .required = true,
         .values = vm_state_names,
         .summary = "What it does"},
        {.name = "readiness",
         .type = FIELD_ENUM,
         .offset = offsetof(VmInfo, readiness),
         .values = readiness_names,
         .summary = "How far a running one has come"},
        {.name = "vcpus",
         .type = FIELD_INT,
         .offset = offsetof(VmInfo, vcpus),
         .required = true,
         .min = 1,
         .max = VM_VCPUS_MAX,
         .summary = "Virtual CPUs"},
        {.name = "memory_mib",
         .type = FIELD_INT,
         .offset = offsetof(VmInfo, memory_mib),
         .required = true,
         .min = VM_MEMORY_MIB_MIN,
         .max = VM_MEMORY_MIB_MAX,
         .summary = "Memory",
         .unit = UNIT_MIB},
        {.name = "work_mib",
         .type = FIELD_INT,
         .offset = offsetof(VmInfo, work_mib),
         .max = VM_WORK_MIB_MAX,
         .summary = "Its work disk, the guest's /root",
         .unit = UNIT_MIB},
        {.name = "cow_mib",
         .type = FIELD_INT,
         .offset = offsetof(VmInfo, cow_mib),
         .max = INT64_MAX,
         .summary = "What the changes to its root may take on the host",
         .unit = UNIT_MIB},
        {.name = "address",
         .type = FIELD_STRING,
         .offset = offsetof(VmInfo, address),
         .summary = "Its IPv4 address, while it has a slot"},
        {.name = "slot",
         .type = FIELD_INT,
         .offset = offsetof(VmInfo, slot),
         .max = VM_SLOT_MAX,
         .summary = "Its slot among the running ones"},
        {.name = "reason",
         .type = FIELD_STRING,
         .offset = offsetof(VmInfo, reason),
         .summary = "Why it is broken, how it stopped when nobody asked, or what its guest lacks"},
        {.name = "created_s",
         .type = FIELD_INT,
         .offset = offsetof(VmInfo, created_s),
         .required = true,
         .max = INT64_MAX,
         .summary = "When it was made, in seconds since the epoch"},
        {.name = "started_s",
         .type = FIELD_INT,
         .offset = offsetof(VmInfo, started_s),
         .max = INT64_MAX,
         .summary = "When it was started"},
        {.name = "ephemeral",
         .type = FIELD_BOOL,
         .offset = offsetof(VmInfo, ephemeral),
         .summary = "It is deleted as soon as it stops"},
        {.name = "nat",
         .type = FIELD_BOOL,
         .offset = offsetof(VmInfo, nat),
         .summary = "It reaches beyond the host, behind the host's address"},
        {.name = "forwards",
         .type = FIELD_STRINGS,
         .offset = offsetof(VmInfo, forwards),
         .max = FORWARDS_MAX,
         .check = forward_check,
         .summary = "Ports of the host that lead to it, as ADDRESS:HOSTPORT:GUESTPORT/PROTOCOL"},
};

const Schema vm_info_schema = {
        .name = "VmInfo",
        .size = sizeof(VmInfo),
        .fields = vm_info_fields,
        .n_fields = ELEMENTSOF(vm_info_fields),
};

static const Field vm_list_fields[] = {
        {.name = "vms",
         .type = FIELD_OBJECTS,
         .offset = offsetof(VmList, vms),
         .required = true,
         .max = VMS_MAX,
         .nested = &vm_info_schema,
         .summary = "All of them, by name"},
};

const Schema vm_list_schema = {
        .name = "VmList",
        .size = sizeof(VmList),
        .fields = vm_list_fields,
        .n_fields = ELEMENTSOF(vm_list_fields),
};

/* What a VM is made of, for whoever makes one: the same rows, at the same place in both structs. */
#define VM_SHAPE_FIELDS                                                                           \
        {.name = "kernel",                                                                        \
         .type = FIELD_STRING,                                                                    \
         .offset = offsetof(VmCreate, kernel),                                                    \
         .min = 1,                                                                                \
         .max = VM_REF_MAX,                                                                       \
         .summary = "Its kernel instead of the default one",                                      \
         .option = "kernel",                                                                      \
         .metavar = "KERNEL"},                                                                    \
        {.name = "vcpus",                                                                         \
         .type = FIELD_INT,                                                                       \
         .offset = offsetof(VmCreate, vcpus),                                                     \
         .min = 1,                                                                                \
         .max = VM_VCPUS_MAX,                                                                     \
         .absent = 1,                                                                             \
         .summary = "Virtual CPUs",                                                               \
         .option = "vcpu",                                                                        \
         .metavar = "N"},                                                                         \
        {.name = "memory_mib",                                                                    \
         .type = FIELD_INT,                                                                       \
         .offset = offsetof(VmCreate, memory_mib),                                                \
         .min = VM_MEMORY_MIB_MIN,                                                                \
         .max = VM_MEMORY_MIB_MAX,                                                                \
         .absent = VM_MEMORY_MIB_DEFAULT,                                                         \
         .summary = "Memory, e.g. 512 or 2G",                                                     \
         .option = "memory",                                                                      \
         .letter = 'm',                                                                           \
         .metavar = "SIZE",                                                                       \
         .unit = UNIT_MIB},                                                                       \
        {.name = "nat",                                                                           \
         .type = FIELD_BOOL,                                                                      \
         .offset = offsetof(VmCreate, nat),                                                       \
         .summary = "Let it reach beyond the host",                                               \
         .option = "nat"},                                                                        \
        {.name = "publish",                                                                       \
         .type = FIELD_STRINGS,                                                                   \
         .offset = offsetof(VmCreate, publish),                                                   \
         .max = FORWARDS_MAX,                                                                     \
         .check = forward_check,                                                                  \
         .summary = "Forward [ADDR:]HOSTPORT:GUESTPORT[/udp] to it, ADDR 127.0.0.1 if left out",  \
         .option = "publish",                                                                     \
         .letter = 'p',                                                                           \
         .metavar = "FORWARD"},                                                                   \
        {.name = "work_mib",                                                                      \
         .type = FIELD_INT,                                                                       \
         .offset = offsetof(VmCreate, work_mib),                                                  \
         .max = VM_WORK_MIB_MAX,                                                                  \
         .absent = VM_WORK_MIB_DEFAULT,                                                           \
         .summary = "The disk of its /root, e.g. 4G; 0 for none",                                 \
         .option = "work-disk",                                                                   \
         .metavar = "SIZE",                                                                       \
         .unit = UNIT_MIB}

_Static_assert(offsetof(VmCreate, kernel) == offsetof(VmRun, kernel) &&
                       offsetof(VmCreate, vcpus) == offsetof(VmRun, vcpus) &&
                       offsetof(VmCreate, memory_mib) == offsetof(VmRun, memory_mib) &&
                       offsetof(VmCreate, nat) == offsetof(VmRun, nat) &&
                       offsetof(VmCreate, publish) == offsetof(VmRun, publish) &&
                       offsetof(VmCreate, work_mib) == offsetof(VmRun, work_mib),
               "VM_SHAPE_FIELDS has VmCreate's offsets");

static const Field vm_create_fields[] = {
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(VmCreate, name),
         .check = vm_name_check,
         .summary = "Its name; without one, made from the image's",
         .metavar = "NAME",
         .positional = true},
        {.name = "image",
         .type = FIELD_STRING,
         .offset = offsetof(VmCreate, image),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The image that its root comes from",
         .option = "image",
         .letter = 'i',
         .metavar = "IMAGE"},
        VM_SHAPE_FIELDS,
        {.name = "ephemeral",
         .type = FIELD_BOOL,
         .offset = offsetof(VmCreate, ephemeral),
         .summary = "Delete it as soon as it stops",
         .option = "rm"},
};

const Schema vm_create_schema = {
        .name = "VmCreate",
        .size = sizeof(VmCreate),
        .fields = vm_create_fields,
        .n_fields = ELEMENTSOF(vm_create_fields),
};

static const Field vm_ref_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(VmRef, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id",
         .metavar = "VM",
         .positional = true},
};

const Schema vm_ref_schema = {
        .name = "VmRef",
        .size = sizeof(VmRef),
        .fields = vm_ref_fields,
        .n_fields = ELEMENTSOF(vm_ref_fields),
};

static const char *const switch_words[] = {
        [VM_SWITCH_NO] = "no",
        [VM_SWITCH_YES] = "yes",
        NULL,
};

static const Field vm_set_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(VmSet, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id",
         .metavar = "VM",
         .positional = true},
        {.name = "nat",
         .type = FIELD_ENUM,
         .offset = offsetof(VmSet, nat),
         .absent = VM_SWITCH_KEEP,
         .values = switch_words,
         .summary = "Let it reach beyond the host",
         .option = "nat",
         .metavar = "yes|no"},
};

const Schema vm_set_schema = {
        .name = "VmSet",
        .size = sizeof(VmSet),
        .fields = vm_set_fields,
        .n_fields = ELEMENTSOF(vm_set_fields),
};

static const Field vm_resize_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(VmResize, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id",
         .metavar = "VM",
         .positional = true},
        {.name = "work_mib",
         .type = FIELD_INT,
         .offset = offsetof(VmResize, work_mib),
         .min = VM_WORK_MIB_MIN,
         .max = VM_WORK_MIB_MAX,
         .summary = "The disk of its /root, e.g. 4G",
         .option = "work-disk",
         .metavar = "SIZE",
         .unit = UNIT_MIB},
        {.name = "cow_mib",
         .type = FIELD_INT,
         .offset = offsetof(VmResize, cow_mib),
         .min = 1,
         .max = VM_COW_MIB_MAX,
         .summary = "What the changes to its root may take on the host",
         .option = "cow",
         .metavar = "SIZE",
         .unit = UNIT_MIB},
};

const Schema vm_resize_schema = {
        .name = "VmResize",
        .size = sizeof(VmResize),
        .fields = vm_resize_fields,
        .n_fields = ELEMENTSOF(vm_resize_fields),
};

static const Field vm_stop_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(VmStop, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id",
         .metavar = "VM",
         .positional = true},
        {.name = "force",
         .type = FIELD_BOOL,
         .offset = offsetof(VmStop, force),
         .summary = "Do not ask the guest: what it has not written is lost",
         .option = "force",
         .letter = 'f'},
        {.name = "timeout_s",
         .type = FIELD_INT,
         .offset = offsetof(VmStop, timeout_s),
         .min = 1,
         .max = STOP_TIMEOUT_S_MAX,
         .absent = VM_STOP_TIMEOUT_S_DEFAULT,
         .summary = "How long the guest may take before it is ended",
         .option = "timeout",
         .letter = 't',
         .metavar = "SECONDS",
         .unit = UNIT_SECONDS},
};

const Schema vm_stop_schema = {
        .name = "VmStop",
        .size = sizeof(VmStop),
        .fields = vm_stop_fields,
        .n_fields = ELEMENTSOF(vm_stop_fields),
};

static const Field vm_delete_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(VmDelete, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id",
         .metavar = "VM",
         .positional = true},
        {.name = "force",
         .type = FIELD_BOOL,
         .offset = offsetof(VmDelete, force),
         .summary = "Also while it runs",
         .option = "force",
         .letter = 'f'},
};

const Schema vm_delete_schema = {
        .name = "VmDelete",
        .size = sizeof(VmDelete),
        .fields = vm_delete_fields,
        .n_fields = ELEMENTSOF(vm_delete_fields),
};

static const Field vm_progress_fields[] = {
        {.name = "operation",
         .type = FIELD_STRING,
         .offset = offsetof(VmProgress, operation),
         .required = true,
         .check = object_id_check,
         .summary = "The operation's id"},
        {.name = "stage",
         .type = FIELD_STRING,
         .offset = offsetof(VmProgress, stage),
         .summary = "The stage that begins or ends"},
        {.name = "finished",
         .type = FIELD_BOOL,
         .offset = offsetof(VmProgress, finished),
         .summary = "This stage has ended"},
        {.name = "elapsed_us",
         .type = FIELD_INT,
         .offset = offsetof(VmProgress, elapsed_us),
         .max = INT64_MAX,
         .summary = "How long the stage took"},
        {.name = "usual_us",
         .type = FIELD_INT,
         .offset = offsetof(VmProgress, usual_us),
         .max = INT64_MAX,
         .summary = "What it took at earlier starts of this image"},
        {.name = "vm",
         .type = FIELD_OBJECT,
         .offset = offsetof(VmProgress, vm),
         .nested = &vm_info_schema,
         .summary = "The VM, in the final reply"},
};

const Schema vm_progress_schema = {
        .name = "VmProgress",
        .size = sizeof(VmProgress),
        .fields = vm_progress_fields,
        .n_fields = ELEMENTSOF(vm_progress_fields),
};

static const Field vm_connect_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(VmConnect, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id"},
        {.name = "now",
         .type = FIELD_BOOL,
         .offset = offsetof(VmConnect, now),
         .summary = "As soon as its agent answers"},
        {.name = "timeout_s",
         .type = FIELD_INT,
         .offset = offsetof(VmConnect, timeout_s),
         .min = 1,
         .max = STOP_TIMEOUT_S_MAX,
         .absent = CONNECT_TIMEOUT_S_DEFAULT,
         .summary = "How long to wait for the guest"},
};

const Schema vm_connect_schema = {
        .name = "VmConnect",
        .size = sizeof(VmConnect),
        .fields = vm_connect_fields,
        .n_fields = ELEMENTSOF(vm_connect_fields),
};

static const Field vm_run_fields[] = {
        {.name = "image",
         .type = FIELD_STRING,
         .offset = offsetof(VmRun, image),
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The image that its root comes from",
         .option = "image",
         .letter = 'i',
         .metavar = "IMAGE"},
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(VmRun, name),
         .check = vm_name_check,
         .summary = "Its name; without one, made from the image's",
         .option = "name",
         .metavar = "NAME"},
        VM_SHAPE_FIELDS,
        {.name = "remove",
         .type = FIELD_BOOL,
         .offset = offsetof(VmRun, remove),
         .summary = "Delete the VM afterwards",
         .option = "rm"},
        {.name = "detach",
         .type = FIELD_BOOL,
         .offset = offsetof(VmRun, detach),
         .summary = "Return when it is ready",
         .option = "detach",
         .letter = 'd'},
        {.name = "now",
         .type = FIELD_BOOL,
         .offset = offsetof(VmRun, now),
         .summary = "Do not wait for the image's own init",
         .option = "now"},
        {.name = "command",
         .type = FIELD_STRINGS,
         .offset = offsetof(VmRun, command),
         .summary = "What to run in it",
         .metavar = "COMMAND",
         .positional = true},
};

const Schema vm_run_schema = {
        .name = "VmRun",
        .size = sizeof(VmRun),
        .fields = vm_run_fields,
        .n_fields = ELEMENTSOF(vm_run_fields),
};

static const Field vm_exec_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(VmExec, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id",
         .metavar = "VM",
         .positional = true},
        {.name = "environment",
         .type = FIELD_STRINGS,
         .offset = offsetof(VmExec, environment),
         .summary = "A variable of the command's environment",
         .option = "env",
         .letter = 'e',
         .metavar = "KEY=VALUE"},
        {.name = "directory",
         .type = FIELD_STRING,
         .offset = offsetof(VmExec, directory),
         .min = 1,
         .max = PATH_MAX_BYTES,
         .summary = "Where it runs",
         .option = "workdir",
         .letter = 'w',
         .metavar = "DIR"},
        {.name = "now",
         .type = FIELD_BOOL,
         .offset = offsetof(VmExec, now),
         .summary = "Do not wait for the image's own init",
         .option = "now"},
        {.name = "command",
         .type = FIELD_STRINGS,
         .offset = offsetof(VmExec, command),
         .required = true,
         .summary = "What to run in it",
         .metavar = "COMMAND",
         .positional = true},
};

const Schema vm_exec_schema = {
        .name = "VmExec",
        .size = sizeof(VmExec),
        .fields = vm_exec_fields,
        .n_fields = ELEMENTSOF(vm_exec_fields),
};

static const Action vm_actions[] = {
        {.method = "Create",
         .words = "vm create",
         .summary = "Make a VM from an image",
         .in = &vm_create_schema,
         .out = &vm_info_schema,
         .target = TARGET_IMAGE},
        {.method = "Start",
         .words = "vm start",
         .summary = "Start a VM and wait until its agent answers",
         .in = &vm_ref_schema,
         .out = &vm_progress_schema,
         .target = TARGET_VM,
         .flags = ACTION_STREAMS},
        {.method = "Stop",
         .words = "vm stop",
         .summary = "Stop a VM cleanly",
         .in = &vm_stop_schema,
         .out = &vm_progress_schema,
         .target = TARGET_VM,
         .flags = ACTION_STREAMS},
        {.method = "Resize",
         .words = "vm resize",
         .summary = "Make the disks of a stopped VM larger, from its next start on",
         .in = &vm_resize_schema,
         .out = &vm_info_schema,
         .target = TARGET_VM},
        {.method = "Delete",
         .words = "vm delete",
         .summary = "Delete a VM and its disks",
         .in = &vm_delete_schema,
         .out = &schema_empty,
         .target = TARGET_VM,
         .flags = ACTION_DESTROYS},
        {.method = "Set",
         .words = "vm set",
         .summary = "Change what a VM may do, at once and from then on",
         .in = &vm_set_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "List",
         .words = "vm list",
         .summary = "List all VMs",
         .in = &schema_empty,
         .out = &vm_list_schema,
         .target = TARGET_HOST},
        {.method = "Show",
         .words = "vm show",
         .summary = "Show a VM",
         .in = &vm_ref_schema,
         .out = &vm_info_schema,
         .target = TARGET_VM},
        {.method = "Connect",
         .summary = "Connect to a guest's agent, for io.banger.Guest",
         .in = &vm_connect_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.words = "vm run",
         .summary = "Make and start a VM, and run a command in it",
         .in = &vm_run_schema,
         .out = &schema_empty,
         .target = TARGET_IMAGE,
         .flags = ACTION_LOCAL},
        {.words = "vm exec",
         .summary = "Run a command in a VM",
         .in = &vm_exec_schema,
         .out = &schema_empty,
         .target = TARGET_VM,
         .flags = ACTION_LOCAL},
};

const Interface interface_vm = {
        .name = "io.banger.VM",
        .summary = "Virtual machines",
        .actions = vm_actions,
        .n_actions = ELEMENTSOF(vm_actions),
};
