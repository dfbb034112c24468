/* After a start of the daemon, one VM: taken over where it runs, else cleaned up. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/recovery.h"
#include "daemon/root-stub.h"
#include "daemon/vm.h"

/* Enough for a helper that systemd has yet to start. */
#define HELPER_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define SOCKET_TIMEOUT_MS 2000
#define DIAL_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define KIND "io.banger.VM.Recover"

/* Of one VM that runs: its vsock socket is asked for again. */
typedef struct TakeOverJob {
        Vm *vm;
        const char *root_socket;
        RootSockets wanted;
        char id[VM_ID_LENGTH + 1], operation[VM_ID_LENGTH + 1];
        int vsock_fd;
        bool answers;
        bool stop; /* was asked for before; or the guest can call nobody any more */
        Error error;
} TakeOverJob;

static int take_over_run(void *userdata) {
        TakeOverJob *job = userdata;
        uint64_t now_usec = clock_monotonic_usec();
        int fd = -1, r;

        r = root_socket(job->root_socket, now_usec + HELPER_TIMEOUT_USEC, &job->wanted, -1,
                        &job->vsock_fd, &job->error);
        if (r < 0)
                return r;
        /* An agent that answers has told its readiness to the daemon before this one. */
        job->answers = guest_connect(job->vsock_fd, clock_monotonic_usec() + DIAL_TIMEOUT_USEC, &fd,
                                     NULL) >= 0;
        close_fd(fd);
        return 0;
}

/* The helper could not be asked, which is not the guest's fault. */
static void take_over_again(Vm *vm, const LogField *fields, const Error *error) {
        log_error(LOG_WARNING, fields, error, "cannot take the VM over yet");
        vm->unsure = true;
        recovery_again(vm->context->recovery);
}

static void take_over_end(TakeOverJob *job, int r) {
        Vm *vm = job->vm;
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        vm_end(vm, r, &job->error);
        vm_changed(vm);
        /* vm_settle() deletes it. */
        if (vm->delete_wanted)
                return;
        if ((vm_signal_get(vm->signal) & (VM_SIGNAL_ENDED | VM_SIGNAL_HALTED)) != 0) {
                vm_ended(vm);
                return;
        }
        if (r < 0) {
                if (r != -ECANCELED)
                        take_over_again(vm, fields, &job->error);
                return;
        }
        if (!job->stop) {
                log_write(LOG_INFO, fields, "%s: runs on", vm->record.name);
                return;
        }
        log_write(LOG_WARNING, fields, "%s: is stopped%s", vm->record.name,
                  vm->console ? "" : ", cannot be taken over");
        if (vm_stop(vm, KIND, VM_STOP_ASK, VM_STOP_TIMEOUT_S_DEFAULT, NULL, &job->error) < 0)
                log_error(LOG_ERR, fields, &job->error, "cannot clean up");
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
                (void) snprintf(job->operation, sizeof(job->operation), "%s",
                                operation_id(vm->operation));
                job->wanted.operation = job->operation;
                vm->unasked = true;
                r = pool_submit(vm->context->pool,
                                &(PoolJob) {take_over_run, take_over_done, job});
                if (r < 0)
                        vm_end(vm, r, NULL);
        }
        if (r < 0)
                free(job);
        return r;
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
                if (r < 0) {
                        vm_unkeep_role(&vm->record.id, KEEP_RINGS);
                        r = rings_new(&rings);
                }
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
        int r = vm->signal ? 0 : vm_signal_new(&vm->signal);

        if (r < 0)
                return r;
        if (vm->readiness < VM_READINESS_LAUNCHED)
                vm->readiness = VM_READINESS_LAUNCHED;
        vm_set_state(vm, VM_RUNNING);
        vm_set_reason(vm, NULL);
        /* Where an earlier attempt got as far as that, it has them. */
        r = kept ? adopt(vm, fds) : 0;
        if (r < 0)
                return r;
        kept = kept || vm->console;
        r = take_over_submit(vm, !kept || vm->record.intent == VM_INTENT_STOP);
        /* It may have halted meanwhile. */
        if (r >= 0 && kept)
                vm_heard(vm);
        return r;
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

bool vm_runs_on(const Vm *vm, const VmRemains *remains) {
        return remains->active && vm->record.intent != VM_INTENT_START;
}

void vm_recover(Vm *vm, const VmRemains *remains, bool kept, int fds[_KEEP_ROLE_MAX]) {
        const VmRecord *record = &vm->record;
        const LogField fields[] = {{"BANGER_VM", record->id.text}, {}};
        _cleanup_error_ Error error = ERROR_INIT;

        vm->unsure = false;
        vm->delete_wanted = record->intent == VM_INTENT_DELETE;
        if (!remains->any && !record->boot_id && vm->state != VM_BROKEN) {
                vm_settle(vm);
                return;
        }
        vm->slot = (unsigned) record->last_slot;
        if (vm_runs_on(vm, remains)) {
                if (take_over(vm, kept, fds) >= 0)
                        return;
                vm_release(vm);
                kept = false;
        }
        if (clean_up_lost(vm, kept, fds, &error) < 0)
                log_error(LOG_ERR, fields, &error, "cannot clean up after the VM");
}

void vm_set_unsure(Vm *vm, const char *why) {
        _cleanup_free_ char *reason = string_format("cannot tell whether it runs: %s", why);

        if (!vm->record.boot_id || !string_equal(vm->record.boot_id, vm->context->boot_id))
                return;
        /* Not saved: the next start of the daemon looks again. */
        vm->unsure = true;
        vm->unit_ended = false;
        vm->slot = (unsigned) vm->record.last_slot;
        vm_fill_network(vm);
        vm_set_state(vm, VM_BROKEN);
        vm_set_reason(vm, reason);
        vm_changed(vm);
}
