/* After a start of the daemon: what the kernel has, against what the store says. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/root-stub.h"
#include "daemon/vm-keep.h"
#include "daemon/vm.h"

/* Enough for a helper that systemd has yet to start. Clients wait meanwhile. */
#define INVENTORY_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define SOCKET_TIMEOUT_MS 2000
#define DIAL_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define KIND "io.banger.VM.Recover"

typedef struct RecoverJob {
        Vms *vms;
        DaemonContext *context;
        KeptFd *kept;
        size_t n_kept;
        Inventory inventory;
        Error error;
        void (*done)(void *userdata);
        void *userdata;
} RecoverJob;

/* Of one VM that runs: its vsock socket is asked for again. */
typedef struct TakeOverJob {
        Vm *vm;
        const char *root_socket;
        RootSockets wanted;
        char id[VM_ID_LENGTH + 1];
        int vsock_fd;
        bool answers;
        bool stop; /* was asked for before; or the guest can call nobody any more */
        Error error;
} TakeOverJob;

/* Of objects that no VM of the store owns. */
typedef struct OrphanJob {
        Start start;
        Error error;
} OrphanJob;

static int take_over_run(void *userdata) {
        TakeOverJob *job = userdata;
        uint64_t now_usec = clock_monotonic_usec();
        int fd = -1, r;

        r = root_socket(job->root_socket, now_usec + INVENTORY_TIMEOUT_USEC, &job->wanted,
                        &job->vsock_fd, &job->error);
        if (r < 0)
                return r;
        /* An agent that answers has told its readiness to the daemon before this one. */
        job->answers = guest_connect(job->vsock_fd, clock_monotonic_usec() + DIAL_TIMEOUT_USEC, &fd,
                                     NULL) >= 0;
        close_fd(fd);
        return 0;
}

static void take_over_end(TakeOverJob *job, int r) {
        Vm *vm = job->vm;
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        vm_end(vm, r, &job->error);
        vm_changed(vm);
        /* vm_settle() deletes it. */
        if (r >= 0 && vm->delete_wanted)
                return;
        if (r < 0 || job->stop) {
                log_write(LOG_WARNING, fields, "%s: is stopped%s", vm->record.name,
                          r < 0 || !vm->console ? ", cannot be taken over" : "");
                if (vm_stop(vm, KIND, r < 0 ? VM_STOP_FORCE : VM_STOP_ASK,
                            VM_STOP_TIMEOUT_S_DEFAULT, NULL, &job->error) < 0)
                        log_error(LOG_ERR, fields, &job->error, "cannot clean up");
        } else if ((vm_signal_get(vm->signal) & (VM_SIGNAL_ENDED | VM_SIGNAL_HALTED)) != 0)
                vm_ended(vm);
        else
                log_write(LOG_INFO, fields, "%s: runs on", vm->record.name);
}

static void take_over_done(int r, void *userdata) {
        TakeOverJob *job = userdata;
        Vm *vm = job->vm;

        if (r >= 0) {
                vm->vsock_fd = steal_fd(&job->vsock_fd);
                if (job->answers && vm->readiness < VM_READINESS_INIT)
                        vm->readiness = VM_READINESS_INIT;
        }
        take_over_end(job, r);
        close_fd(job->vsock_fd);
        error_clear(&job->error);
        free(job);
        vm_settle(vm);
}

static int take_over_submit(Vm *vm, bool stop) {
        TakeOverJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        *job = (TakeOverJob) {
                .vm = vm,
                .root_socket = vm->context->root_socket,
                .vsock_fd = -1,
                .stop = stop,
                .wanted = {.slot = vm->slot,
                           .socket = ROOT_SOCKET_VSOCK,
                           .timeout_ms = SOCKET_TIMEOUT_MS},
        };
        memcpy(job->id, vm->record.id.text, sizeof(job->id));
        job->wanted.vm = job->id;
        r = vm_begin(vm, KIND, NULL);
        if (r >= 0) {
                r = pool_submit(vm->context->pool,
                                &(PoolJob) {take_over_run, take_over_done, job});
                if (r < 0)
                        vm_end(vm, r, NULL);
        }
        if (r < 0)
                free(job);
        return r;
}

/* Takes this VM's kept descriptors; all or none, but for the rings, which an earlier version did not
 * keep: -1 then. */
static bool find_kept(RecoverJob *job, const VmId *id, int fds[_KEEP_ROLE_MAX]) {
        KeptFd *found[_KEEP_ROLE_MAX] = {};

        for (size_t i = 0; i < job->n_kept; i++)
                if (strcmp(job->kept[i].id.text, id->text) == 0 && job->kept[i].fd >= 0)
                        found[job->kept[i].role] = &job->kept[i];
        for (size_t i = 0; i < _KEEP_ROLE_MAX; i++)
                if (!found[i] && i != KEEP_RINGS)
                        return false;
        for (size_t i = 0; i < _KEEP_ROLE_MAX; i++)
                fds[i] = found[i] ? steal_fd(&found[i]->fd) : -1;
        return true;
}

/* Takes all of the descriptors. */
static int adopt(Vm *vm, int fds[_KEEP_ROLE_MAX]) {
        Rings rings = RINGS_INIT;
        int r;

        r = vm_adopt_listener(vm, steal_fd(&fds[KEEP_LISTENER]));
        if (r >= 0) {
                r = fds[KEEP_RINGS] >= 0 ? rings_open(steal_fd(&fds[KEEP_RINGS]), &rings)
                                         : -ENOENT;
                /* What was said before is lost, what comes is not. */
                if (r < 0)
                        r = rings_new(&rings);
        }
        if (r >= 0)
                r = vm_adopt_console(vm, steal_fd(&fds[KEEP_PTY]), steal_fd(&fds[KEEP_LOG]),
                                     &rings);
        for (size_t i = 0; i < _KEEP_ROLE_MAX; i++)
                close_fd(fds[i]);
        return r;
}

/* Without kept descriptors (systemd drops them when the service is stopped for good) the guest is
 * left for a clean stop only. */
static int take_over(Vm *vm, bool kept, int fds[_KEEP_ROLE_MAX]) {
        int r = vm_signal_new(&vm->signal);

        if (r < 0)
                return r;
        vm->readiness = VM_READINESS_LAUNCHED;
        vm_set_state(vm, VM_RUNNING);
        r = kept ? adopt(vm, fds) : 0;
        if (r < 0)
                return r;
        r = take_over_submit(vm, !kept || vm->record.intent == VM_INTENT_STOP);
        /* It may have halted meanwhile. */
        if (r >= 0 && kept)
                vm_heard(vm);
        return r;
}

static bool is_active_unit(const InventoryEntry *entry) {
        return entry->kind == INVENTORY_UNIT && entry->detail &&
               (string_after_prefix(entry->detail, "active") ||
                string_after_prefix(entry->detail, "activating"));
}

/* What the inventory has of a VM. */
typedef struct Remains {
        bool any, active;
} Remains;

static Remains find_remains(const RecoverJob *job, const VmId *id) {
        const InventoryEntry *entries = job->inventory.entries.items;
        Remains remains = {.any = false};

        for (size_t i = 0; i < job->inventory.entries.n_items; i++)
                if (string_equal(entries[i].vm, id->text)) {
                        remains.any = true;
                        remains.active = remains.active || is_active_unit(&entries[i]);
                }
        return remains;
}

/* Why a VM that is not taken over has stopped; NULL: the guest's or its VMM's doing, to be found out
 * from what they left. */
static const char *lost_reason(const Vm *vm) {
        const VmRecord *record = &vm->record;

        if (record->boot_id && !string_equal(record->boot_id, vm->context->boot_id))
                return "the host was restarted";
        return record->intent == VM_INTENT_START ? "its start was cut short: bangerd ended" : NULL;
}

static int clean_up_lost(Vm *vm, bool kept, int fds[_KEEP_ROLE_MAX], Error *reterr) {
        const char *reason = lost_reason(vm);
        bool asked = vm->record.intent == VM_INTENT_STOP || vm->record.intent == VM_INTENT_DELETE;
        int r;

        /* Its last words. */
        if (kept) {
                r = vm_signal_new(&vm->signal);
                if (r >= 0)
                        r = adopt(vm, fds);
                if (r < 0)
                        vm_release(vm);
        }
        if (asked && !reason)
                return vm_stop(vm, KIND, VM_STOP_FORCE, 0, NULL, reterr);
        return vm_clean_up(vm, reason, reterr);
}

static void recover_vm(Vm *vm, void *userdata) {
        RecoverJob *job = userdata;
        const VmRecord *record = &vm->record;
        const LogField fields[] = {{"BANGER_VM", record->id.text}, {}};
        Remains remains = find_remains(job, &record->id);
        _cleanup_error_ Error error = ERROR_INIT;
        int fds[_KEEP_ROLE_MAX] = {};
        bool kept;

        vm->delete_wanted = record->intent == VM_INTENT_DELETE;
        if (!remains.any && !record->boot_id && vm->state != VM_BROKEN) {
                vm_settle(vm);
                return;
        }
        vm->slot = (unsigned) record->last_slot;
        kept = find_kept(job, &record->id, fds);
        if (remains.active && record->intent != VM_INTENT_START) {
                if (take_over(vm, kept, fds) >= 0)
                        return;
                vm_release(vm);
                kept = false;
        }
        if (clean_up_lost(vm, kept, fds, &error) < 0)
                log_error(LOG_ERR, fields, &error, "cannot clean up after the VM");
}

static int orphan_run(void *userdata) {
        OrphanJob *job = userdata;

        return start_undo_from(&job->start, START_READY, &job->error);
}

static void orphan_done(int r, void *userdata) {
        OrphanJob *job = userdata;
        const LogField fields[] = {{"BANGER_VM", job->start.id.text}, {}};

        if (r < 0)
                log_error(LOG_WARNING, fields, &job->error, "cannot remove what no VM owns");
        else
                log_write(LOG_NOTICE, fields, "removed what was left of a VM that is not known");
        start_clear(&job->start);
        error_clear(&job->error);
        free(job);
}

static void remove_orphan(const RecoverJob *job, const VmId *id) {
        OrphanJob *orphan = calloc(1, sizeof(*orphan));

        if (!orphan)
                return;
        start_init(&orphan->start);
        orphan->start.id = *id;
        orphan->start.root_socket = job->context->root_socket;
        if (pool_submit(job->context->pool, &(PoolJob) {orphan_run, orphan_done, orphan}) < 0)
                free(orphan);
}

static bool seen_before(const InventoryEntry *entries, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (string_equal(entries[j].vm, entries[i].vm))
                        return true;
        return false;
}

static void remove_orphans(const RecoverJob *job) {
        const InventoryEntry *entries = job->inventory.entries.items;

        for (size_t i = 0; i < job->inventory.entries.n_items; i++) {
                VmId id;

                if (!entries[i].vm || vm_id_parse(entries[i].vm, &id) < 0)
                        continue;
                if (!vms_find_id(job->vms, id.text) && !seen_before(entries, i))
                        remove_orphan(job, &id);
        }
}

static int recover_run(void *userdata) {
        RecoverJob *job = userdata;

        return root_inventory(job->context->root_socket,
                              clock_monotonic_usec() + INVENTORY_TIMEOUT_USEC, &job->inventory,
                              &job->error);
}

static void recover_done(int r, void *userdata) {
        RecoverJob *job = userdata;

        if (r >= 0) {
                vms_for_each(job->vms, recover_vm, job);
                remove_orphans(job);
        } else if (r != -ECANCELED)
                log_error(LOG_WARNING, NULL, &job->error, "cannot tell which VMs run");
        for (size_t i = 0; i < job->n_kept; i++) {
                /* Without an inventory they stay in the store, for the next start. */
                if (r >= 0 && job->kept[i].fd >= 0)
                        vm_unkeep(&job->kept[i].id);
                close_fd(job->kept[i].fd);
        }
        if (r != -ECANCELED)
                job->done(job->userdata);
        free(job->kept);
        schema_clear(&inventory_schema, &job->inventory);
        error_clear(&job->error);
        free(job);
}

int vms_recover(Vms *vms, DaemonContext *context, KeptFd *kept, size_t n_kept,
                void (*done)(void *userdata), void *userdata) {
        RecoverJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        *job = (RecoverJob) {
                .vms = vms,
                .context = context,
                .done = done,
                .userdata = userdata,
        };
        r = pool_submit(context->pool, &(PoolJob) {recover_run, recover_done, job});
        if (r < 0) {
                free(job);
                return r;
        }
        job->kept = kept;
        job->n_kept = n_kept;
        return 0;
}
