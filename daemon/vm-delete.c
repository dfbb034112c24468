/* Deleting a VM, from any state. */
#include <errno.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/content-delete.h"
#include "daemon/vm.h"

#define KIND "io.banger.VM.Delete"

/* Frees the VM; or all is as before. */
static int delete_now(Vm *vm, VarlinkCall *call, Error *reterr) {
        const DaemonContext *context = vm->context;
        _cleanup_free_ char *name = strdup(vm->record.name);
        ContentDelete wanted = {
                .content = vms_content(context->vms),
                .id = vm->record.id,
                .kind = KIND,
                .what = "vm",
                .name = name,
                .call = call,
        };
        int r = name ? vm_forget(vm, reterr) : error_set_errno(reterr, ENOMEM, "cannot delete");

        if (r < 0) {
                (void) error_prepend(reterr, r, "cannot delete vm \"%s\"", vm->record.name);
                return error_set_object(reterr, r, vm->record.name);
        }
        content_delete(context, &wanted);
        return 0;
}

static int refuse_broken(const Vm *vm, Error *reterr) {
        int r = error_set(reterr, ERROR_FAILED, EUCLEAN, "vm \"%s\" is broken: %s",
                          vm->record.name, vm->record.reason ? vm->record.reason : "");

        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger vm stop %s", vm->record.name);
}

static void settle_deletion(Vm *vm) {
        _cleanup_error_ Error error = ERROR_INIT;
        VarlinkCall *call;
        int r;

        if (!vm->delete_wanted || vm->operation)
                return;
        if (vm->state != VM_STOPPED && vm->state != VM_BROKEN) {
                r = vm_stop(vm, KIND, VM_STOP_FORCE, 0, NULL, &error);
                if (r >= 0)
                        return; /* and is here again at its end */
        } else
                r = 0;
        vm->delete_wanted = false;
        call = steal_ptr(vm->delete_call);
        if (r >= 0)
                r = vm->state == VM_STOPPED ? delete_now(vm, call, &error)
                                            : refuse_broken(vm, &error);
        /* The daemon that stops goes on with it at its next start. */
        if (r < 0 && !vm->context->stopping)
                (void) vm_set_intent(vm, VM_INTENT_NONE, NULL);
        if (r < 0 && call)
                (void) varlink_call_fail(call, r, &error);
        varlink_call_unref(call);
}

void vm_settle(Vm *vm) {
        DaemonContext *context = vm->context;
        VmHeld *held = vm_must_hold(vm) ? NULL : steal_ptr(vm->held);

        settle_deletion(vm);
        vm_held_call(held, context);
}

static int refuse_running(const Vm *vm, Error *reterr) {
        int r = error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" runs", vm->record.name);

        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger vm stop %s, or add --force", vm->record.name);
}

/* Nobody knows whether its VMM still runs. */
static int refuse_unknown(const Vm *vm, Error *reterr) {
        int r = error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" is broken and may still run: %s",
                          vm->record.name, vm->record.reason ? vm->record.reason : "");

        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger vm stop %s, or add --force", vm->record.name);
}

static int check_deletable(const Vm *vm, bool force, Error *reterr) {
        int r;

        if (vm->delete_wanted) {
                r = error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" is being deleted already",
                              vm->record.name);
                return error_set_object(reterr, r, vm->record.name);
        }
        if (force)
                return 0;
        if (vm->state == VM_BROKEN && !vm->operation)
                return vm->unit_ended ? 0 : refuse_unknown(vm, reterr);
        return vm->state == VM_RUNNING || vm->operation ? refuse_running(vm, reterr) : 0;
}

int vm_delete(Vm *vm, bool force, VarlinkCall *call, Error *reterr) {
        int r = check_deletable(vm, force, reterr);

        if (r < 0)
                return r;
        if (vm->state == VM_STOPPED && !vm->operation)
                return delete_now(vm, call, reterr);
        r = vm_set_intent(vm, VM_INTENT_DELETE, reterr);
        if (r < 0)
                return r;
        if (vm->operation)
                operation_cancel(vm->operation); /* vm_settle() goes on from its end */
        else
                r = vm_stop(vm, KIND, VM_STOP_FORCE, 0, NULL, reterr);
        if (r < 0) {
                (void) vm_set_intent(vm, VM_INTENT_NONE, NULL);
                return r;
        }
        vm->delete_wanted = true;
        vm->delete_call = call ? varlink_call_ref(call) : NULL;
        return 0;
}
