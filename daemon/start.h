#pragma once
/* A start as a table of steps, each with its undo; and the clean-up of a VM, which is all the
 * undos. Runs in a thread of the pool and shares nothing with the loop but the operation, the signal
 * and the network. */

#include "common/api-root.h"
#include "common/ident.h"
#include "daemon/network.h"
#include "daemon/operation.h"
#include "daemon/vm-signal.h"

typedef struct Start Start;
typedef struct Firecracker Firecracker;
typedef struct StartOps StartOps;

typedef enum StartStepIndex {
        START_CHECK,
        START_DISK,
        START_TAP,
        START_JAIL,
        START_LAUNCH,
        START_SOCKETS,
        START_CONFIGURE,
        START_BOOT,
        START_READY,
        _START_STEP_MAX,
} StartStepIndex;

/* What the steps are made of; a scripted fake in tests. */
struct StartOps {
        int (*check)(Start *start, Error *reterr);
        int (*make_disk)(Start *start, Error *reterr);
        int (*disk_attach)(Start *start, Error *reterr);
        int (*disk_detach)(Start *start, Error *reterr);
        int (*bridge_ensure)(Start *start, Error *reterr);
        int (*tap_create)(Start *start, Error *reterr);
        int (*tap_delete)(Start *start, Error *reterr);
        int (*network_put)(Start *start, Error *reterr);
        int (*network_remove)(Start *start, Error *reterr);
        int (*jail_make)(Start *start, Error *reterr);
        int (*jail_remove)(Start *start, Error *reterr);
        int (*open_console)(Start *start, Error *reterr);
        int (*launch)(Start *start, Error *reterr);
        int (*kill)(Start *start, Error *reterr);
        int (*reap)(Start *start, Error *reterr);
        int (*api_socket)(Start *start, Error *reterr);
        int (*configure)(Start *start, Error *reterr);
        int (*vsock_socket)(Start *start, Error *reterr);
        int (*boot)(Start *start, Error *reterr);
        int (*wait_ready)(Start *start, Error *reterr);
};

/* The files of a VM's disks, in vms/ID. */
#define START_COW_FILE "root.cow"
#define START_WORK_FILE "work.img"

/* What the disks of a VM may take, or their files have. */
typedef struct StartSpace {
        VmId id;
        int64_t cow_bytes;
        int64_t work_bytes; /* 0: no work disk */
} StartSpace;

typedef struct StartStep {
        const char *name;
        int (*run)(Start *start, Error *reterr);
        int (*undo)(Start *start, Error *reterr); /* NULL: nothing to undo */
} StartStep;

extern const StartStep start_steps[_START_STEP_MAX];
extern const StartOps start_ops; /* the real ones */

struct Start {
        const StartOps *ops;
        /* A step begins, or has ended well; NULL where nobody wants to know. */
        void (*tell)(Start *start, StartStepIndex step, bool ended);
        void *userdata;

        /* What to start: copies. */
        VmId id, image, kernel;
        char *name;
        unsigned slot;
        int64_t vcpus, memory_mib;
        int64_t cow_bytes; /* of its file of changes */
        int64_t work_mib;  /* of its work disk; 0: none */
        bool has_modules;
        NetworkGuest guest;                  /* what it is to reach, and who it */
        Network *network;                    /* of the context */
        const char *root_socket, *worker_socket, *state_dir; /* of the context: constant */
        const char *firecracker;             /* its path in banger.conf; NULL: look for it */
        StartSpace *others;                  /* the VMs that run besides it */
        size_t n_others;
        Operation *operation;                /* NULL for a clean-up that nobody can cancel */
        VmId operation_text;                 /* its id, for requests */
        VmSignal *signal;

        /* What the steps made; -1 for none. */
        int listener_fd;
        int pty_fd, log_fd;            /* our ends of the console and the log */
        int pty_far_fd, log_far_fd;
        int api_fd, vsock_fd;
        Firecracker *vmm;
        RootReaped reaped;             /* after the undo of launch */
        int64_t elapsed_us[_START_STEP_MAX];
        int failed_step;               /* -1: none */
        bool undo_failed;
};

void start_init(Start *start);
/* Closes and frees what is still there; not the kernel's objects. */
void start_clear(Start *start);
/* The id of its operation, for requests to the helper; NULL without one. The start's. */
char *start_operation_text(Start *start);
/* All steps; or the undos of what was done, whose failures are joined to the error. Blocks. */
int start_run(Start *start, Error *reterr);
/* The undos from this step back to the first; goes on past failures and joins them. */
int start_undo_from(Start *start, StartStepIndex step, Error *reterr);
/* What the COW file of an image may grow to: a root rewritten whole, and the snapshot's own. */
int64_t start_cow_bytes(int64_t image_bytes);
/* What a work disk's file has: besides the disk, what the guest does not get. 0 for none. */
int64_t start_work_bytes(int64_t work_mib);
/* start_ops.make_disk: makes what files of its disks are not there yet, and lets grow what is to. */
int start_make_disks(Start *start, Error *reterr);
/* The sizes of its disks' files as they are; 0 for one that is not there. */
int start_read_sizes(const char *state_dir, const VmId *id, StartSpace *ret, Error *reterr);
/* Is there room for all of these at their full sizes? -ENOSPC, without a hint. */
int start_check_space(const char *state_dir, const StartSpace *own, const StartSpace *others,
                      size_t n_others, Error *reterr);
/* The step `check` of start_ops; -errno with what to do. */
int start_check(Start *start, Error *reterr);
