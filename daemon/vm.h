#pragma once
/* The VMs of this host: an index in memory, backed by the store. Lists are answered from it and
 * never wait. Loop thread only; vm-*.c and stop.c are its parts. */

#include "common/api-vm.h"
#include "daemon/console.h"
#include "daemon/content.h"
#include "daemon/context.h"
#include "daemon/guest-channel.h"
#include "daemon/start.h"
#include "daemon/vm-keep.h"

typedef struct Vm Vm;
typedef struct VmWaiter VmWaiter;
typedef struct VmHeld VmHeld;

struct Vm {
        DaemonContext *context;
        VmRecord record;
        VmState state;
        VmReadiness readiness;
        unsigned slot; /* 0: none; kept while a kernel object may be left */
        Operation *operation; /* what is under way on it, one at a time; NULL */
        bool unasked;         /* nobody asked for that operation */
        VmHeld *held;         /* calls that wait for its end */
        const Forwards *put_back; /* by that operation, should it fail; NULL */
        bool unsure;          /* what the kernel has of it is to be looked at again: recovery.h */
        bool unit_ended;      /* while it is broken: its VMM runs no more, that is known */
        bool delete_wanted;   /* as soon as that has ended */
        VarlinkCall *delete_call; /* who waits for that; NULL: nobody */

        /* While it runs. */
        VmSignal *signal;
        char *lacks; /* what its guest says it does without; NULL: nothing */
        GuestChannel *channel;
        Console *console;
        int vsock_fd; /* O_PATH */
        uint64_t heard; /* of its serial console: so far it was looked through for its end */
        sd_event_source *halt_timer; /* its kernel said that it halts: the next look whether it has */
        unsigned halt_looks;         /* so many are left */
        VmWaiter *waiters; /* calls of Connect */
};

/* Reads the store; context and what it points to must outlive it. */
int vms_new(DaemonContext *context, Vms **ret, Error *reterr);
/* No operation may be under way: after the pool is gone. */
Vms *vms_free(Vms *vms);

/* By name or id. ERROR_NOT_FOUND with the hint where to look. */
int vms_find(const Vms *vms, const char *name_or_id, Vm **ret, Error *reterr);
Vm *vms_find_id(const Vms *vms, const char *id); /* NULL */
/* The caller clears ret with vm_list_schema. -ENOMEM. */
int vms_list(const Vms *vms, VmList *ret);
/* Of the VM of that name, in host order, while it runs; 0: there is none. */
uint32_t vms_find_running_address(const Vms *vms, const char *name);
/* Whose address it is; NULL: of none that runs. */
const char *vms_find_running_name(const Vms *vms, uint32_t address);
void vms_count(const Vms *vms, int64_t *ret_running, int64_t *ret_total);
int64_t vms_count_broken(const Vms *vms);
/* The host stops: guests are asked to, starts are cancelled. vms_active() until all of that is done. */
void vms_shut_down(Vms *vms);
bool vms_active(const Vms *vms);
int vms_create(Vms *vms, const VmCreate *create, Vm **ret, Error *reterr);
/* Calls fn for each, which may forget the one it is given. */
void vms_for_each(Vms *vms, void (*fn)(Vm *vm, void *userdata), void *userdata);
/* Withdraws its files, takes it out of the store and of the index, tells subscribers and frees it. On
 * failure all is as before. */
int vm_forget(Vm *vm, Error *reterr);
/* The directories vms/ID: what a VM's disks are in, from its first start on. */
const Content *vms_content(const Vms *vms);
/* The names of the VMs of an image, in order; ret is for schema_clear(). -ENOMEM. */
int vms_name_image_users(const Vms *vms, const char *image_id, Objects *ret);

/* The caller clears ret with vm_info_schema. -ENOMEM. */
int vm_describe(const Vm *vm, VmInfo *ret);
/* A name from the image's and the first digits of the id, fit to be one; NULL for no memory. */
char *vm_make_name(const char *image, const VmId *id, size_t n_digits);
/* Of as few digits, from 4 on, as make it one that no VM has. */
char *vms_make_name(const Vms *vms, const char *image, const VmId *id);

/* Begins the one operation: ERROR_BUSY naming the one under way. */
int vm_begin(Vm *vm, const char *kind, Error *reterr);
/* Ends it; error gets the operation's id. */
void vm_end(Vm *vm, int r, Error *error);
/* Carries out a deletion that was wanted while the operation went on, and the calls that waited for its
 * end; may free the VM. */
void vm_settle(Vm *vm);
/* Tells subscribers, and those who wait to connect. */
void vm_changed(Vm *vm);
void vm_set_state(Vm *vm, VmState state);
void vm_raise_readiness(Vm *vm, VmReadiness readiness);
/* Copied; NULL for none. */
void vm_set_reason(Vm *vm, const char *reason);
/* Writes the record; a failure is logged, for what happened has happened. */
void vm_save(Vm *vm);
/* The record, not saved: the VM was started in this boot of the host, or it has stopped. -ENOMEM. */
int vm_set_started(Vm *vm, int64_t at_s);
void vm_set_stopped(Vm *vm);
/* Durable before anything is done: what the next start of the daemon has to undo or to go on with. */
int vm_set_intent(Vm *vm, VmIntent intent, Error *reterr);
/* A stage begins or ends: to subscribers and, where it has asked for it, the caller. */
void vm_tell_stage(Vm *vm, VarlinkCall *call, const char *stage, bool finished, int64_t elapsed_us);
/* The final reply of Start and Stop; drops the reference. */
void vm_reply_progress(const Vm *vm, VarlinkCall *call, const char *operation);

/* The lowest free slot, or the preferred one where that is free; 0: none. taken has an entry for
 * each slot up to VM_SLOT_MAX. */
unsigned vm_pick_slot(const bool *taken, unsigned preferred);
/* ERROR_UNAVAILABLE when all are taken. */
int vm_take_slot(Vm *vm, Error *reterr);

/* vm-start.c. The call is answered when it is done; may be NULL. */
int vm_start(Vm *vm, VarlinkCall *call, Error *reterr);
/* Of a guest that ended by itself to be started again; the reason is shown until it runs. */
int vm_start_again(Vm *vm, const char *reason, Error *reterr);
/* Copies what the steps need to know. The caller clears ret with start_clear(). */
int vm_prepare(const Vm *vm, Start *ret, Error *reterr);
/* What its file of changes may take: what was asked for, or at least a root rewritten whole. */
int64_t vm_cow_bytes(const Vm *vm);
/* The same, were that asked for (0: nothing). */
int64_t vm_cow_bytes_with(const Vm *vm, int64_t cow_mib);
/* What the disks of those that run besides it may take; allocated. -ENOMEM. */
int vm_count_others(const Vm *vm, StartSpace **ret, size_t *ret_n);
int vm_adopt_listener(Vm *vm, int listener_fd);          /* takes it */
int vm_adopt_console(Vm *vm, int pty_fd, int log_fd, Rings *rings); /* takes all */
/* Frees what it has while it runs. */
void vm_release(Vm *vm);

/* stop.c */
typedef enum VmStopMode {
        VM_STOP_ASK,   /* the guest, then by force */
        VM_STOP_FORCE,
        VM_STOP_ENDED, /* it has ended by itself: clean up */
} VmStopMode;
int vm_stop(Vm *vm, const char *kind, VmStopMode mode, int64_t timeout_s, VarlinkCall *call,
            Error *reterr);
/* Asks the guest, for a reason that is kept. */
int vm_shut_down(Vm *vm, const char *reason, Error *reterr);
/* The VMM is gone or its guest halted, and nobody asked: cleaned up, and started again if the guest
 * rebooted. */
void vm_ended(Vm *vm);
/* Removes whatever is there of it; reason (NULL: what the guest and the VMM left to be read) is why it
 * has stopped. */
int vm_clean_up(Vm *vm, const char *reason, Error *reterr);

/* vm-halt.c: new text on the serial console. A guest whose kernel says that it halts, and whose agent
 * then answers no more, is ended. */
void vm_heard(Vm *vm);

/* vm-hold.c: while an operation that nobody asked for is under way, calls wait for vm_settle(). */
bool vm_must_hold(const Vm *vm);
/* Until then; the handler looks the VM up anew. */
int vm_hold(Vm *vm, VarlinkCall *call, VarlinkHandler handler, const void *parameters,
            Error *reterr);
VmHeld *vm_held_free(VmHeld *held);
void vm_held_call(VmHeld *first_taken, DaemonContext *context);

/* vm-resize.c: of a stopped one; carried out by its next start. */
int vm_resize(Vm *vm, const VmResize *resize, Error *reterr);

/* vm-delete.c */
int vm_delete(Vm *vm, bool force, VarlinkCall *call, Error *reterr);

/* vm-network.c */
int vm_network_guest(const Vm *vm, NetworkGuest *ret); /* a copy; -ENOMEM */
/* It runs already: into the network's set. */
void vm_fill_network(const Vm *vm);
int vm_describe_forwards(const Vm *vm, char ***ret); /* -ENOMEM */
/* Adds one of own's (NULL: of a VM that is to be made) to its forwards. ERROR_ALREADY_EXISTS when its
 * port leads to a VM already, ERROR_BUSY when it may come to again, ERROR_NOT_PERMITTED when it is
 * root's. */
int vms_add_forward(const DaemonContext *context, const Vm *own, const char *text,
                    Forwards *forwards, Error *reterr);
/* Those of a VM that is to be made; texts may be NULL. */
int vms_add_forwards(const DaemonContext *context, char *const *texts, Forwards *forwards,
                     Error *reterr);
/* Stored, and at once where it runs; the call is answered when it is done. Takes the forwards, even
 * on failure. */
int vm_set_network(Vm *vm, bool nat, Forwards *forwards_taken, VarlinkCall *call, Error *reterr);

/* vm-connect.c */
int vm_connect(Vm *vm, const VmConnect *connect, VarlinkCall *call, Error *reterr);
void vm_check_waiters(Vm *vm);

/* vm-recover.c: what the kernel has of a VM. */
typedef struct VmRemains {
        bool any, active;
} VmRemains;
/* Takes over what runs, cleans up the rest. With kept, takes the descriptors. */
void vm_recover(Vm *vm, const VmRemains *remains, bool kept, int fds[_KEEP_ROLE_MAX]);
/* Is it one that the daemon takes over? */
bool vm_runs_on(const Vm *vm, const VmRemains *remains);
/* The helper could not tell: one that was started in this boot of the host is broken until it can. */
void vm_set_unsure(Vm *vm, const char *why);
