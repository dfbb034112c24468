/* What happens to one VM in memory, and who is told. */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "daemon/recovery.h"
#include "daemon/vm.h"

int vm_begin(Vm *vm, const char *kind, Error *reterr) {
        int r;

        if (vm->operation) {
                r = error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" is busy with %s (operation %s)",
                              vm->record.name, operation_kind(vm->operation),
                              operation_id(vm->operation));
                (void) error_set_object(reterr, r, vm->record.name);
                return error_set_hint(reterr, r, "wait for it, or run: banger operation cancel %s",
                                      operation_id(vm->operation));
        }
        vm->unsure = false;
        return operation_new(vm->context->operations, kind, vm->record.id.text, vm->record.name,
                             &vm->operation, reterr);
}

void vm_end(Vm *vm, int r, Error *error) {
        operation_end(steal_ptr(vm->operation), r, error);
        vm->unasked = false;
        /* What was taken back may be in the kernel all the same. */
        if (vm->context->recovery && network_failed(vm->context->network))
                recovery_again(vm->context->recovery);
}

void vm_changed(Vm *vm) {
        VmInfo info;
        Event event = {
                .kind = EVENT_VM_CHANGED,
                .object = vm->record.id.text,
                .name = vm->record.name,
                .vm = &info,
        };

        if (vm_describe(vm, &info) >= 0) {
                event_bus_publish(vm->context->events, &event);
                schema_clear(&vm_info_schema, &info);
        }
        vm_check_waiters(vm);
}

void vm_set_state(Vm *vm, VmState state) {
        vm->state = state;
        vm->record.broken = state == VM_BROKEN;
        if (state != VM_RUNNING && state != VM_STOPPING)
                vm->readiness = VM_READINESS_NONE;
}

void vm_raise_readiness(Vm *vm, VmReadiness readiness) {
        if (readiness <= vm->readiness)
                return;
        vm->readiness = readiness;
        vm_changed(vm);
}

void vm_set_reason(Vm *vm, const char *reason) {
        char *copy = reason ? strdup(reason) : NULL;

        free(vm->record.reason);
        vm->record.reason = copy;
}

void vm_save(Vm *vm) {
        _cleanup_error_ Error error = ERROR_INIT;
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        if (store_put_vm(vm->context->store, &vm->record, &error) < 0)
                log_error(LOG_ERR, fields, &error, "cannot save the VM");
}

int vm_set_started(Vm *vm, int64_t at_s) {
        char *copy = strdup(vm->context->boot_id);

        if (!copy)
                return -ENOMEM;
        free(vm->record.boot_id);
        vm->record.boot_id = copy;
        vm->record.started_s = at_s;
        return 0;
}

void vm_set_stopped(Vm *vm) {
        free(vm->record.boot_id);
        vm->record.boot_id = NULL;
        vm->record.started_s = 0;
        vm->record.intent = vm->delete_wanted ? VM_INTENT_DELETE : VM_INTENT_NONE;
}

int vm_set_intent(Vm *vm, VmIntent intent, Error *reterr) {
        VmIntent before = vm->record.intent;
        int r;

        if (before == intent)
                return 0;
        vm->record.intent = intent;
        r = store_put_vm(vm->context->store, &vm->record, reterr);
        if (r < 0)
                vm->record.intent = before;
        return r;
}

void vm_tell_stage(Vm *vm, VarlinkCall *call, const char *stage, bool finished,
                   int64_t elapsed_us) {
        char id[VM_ID_LENGTH + 1], name[32];
        VmProgress progress = {
                .operation = id,
                .stage = name,
                .finished = finished,
                .elapsed_us = elapsed_us,
        };

        if (!finished)
                operation_set_stage(vm->operation, stage);
        if (!call || !varlink_call_wants_more(call))
                return;
        (void) snprintf(id, sizeof(id), "%s", operation_id(vm->operation));
        (void) snprintf(name, sizeof(name), "%s", stage);
        /* Without a median the stage is told all the same. */
        (void) store_usual_us(vm->context->store, &vm->record.image, stage, &progress.usual_us,
                              NULL);
        (void) varlink_call_progress(call, &progress);
}

void vm_reply_progress(const Vm *vm, VarlinkCall *call, const char *operation) {
        _cleanup_free_ char *id = strdup(operation);
        _cleanup_error_ Error error = ERROR_INIT;
        VmInfo info = {};
        const VmProgress progress = {.operation = id, .vm = &info};

        if (!call)
                return;
        if (id && vm_describe(vm, &info) >= 0)
                (void) varlink_call_reply(call, &progress);
        else
                (void) varlink_call_fail(call, error_set_errno(&error, ENOMEM, "cannot reply"),
                                         &error);
        schema_clear(&vm_info_schema, &info);
        varlink_call_unref(call);
}

void vm_release(Vm *vm) {
        vm->channel = guest_channel_free(vm->channel);
        vm->console = console_free(vm->console);
        vm->signal = vm_signal_free(vm->signal);
        vm->vsock_fd = close_fd(vm->vsock_fd);
        vm->halt_timer = sd_event_source_disable_unref(vm->halt_timer);
        vm->halt_looks = 0;
        free(vm->lacks);
        vm->lacks = NULL;
        vm->heard = 0;
}
