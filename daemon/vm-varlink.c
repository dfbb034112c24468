#include "daemon/vm-varlink.h"

#include <errno.h>

#include "daemon/vm.h"

static int reply_info(const Vm *vm, VarlinkCall *call, Error *reterr) {
        VmInfo info;
        int r;

        r = vm_describe(vm, &info);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot describe the VM");
        r = varlink_call_reply(call, &info);
        schema_clear(&vm_info_schema, &info);
        return r;
}

/* The VM for what changes it; *ret NULL: the call waits, and comes to the handler again. */
static int find_idle(const DaemonContext *context, const char *name, VarlinkCall *call,
                     VarlinkHandler handler, const void *parameters, Vm **ret, Error *reterr) {
        Vm *vm;
        int r;

        r = vms_find(context->vms, name, &vm, reterr);
        if (r < 0)
                return r;
        *ret = vm_must_hold(vm) ? NULL : vm;
        return *ret ? 0 : vm_hold(vm, call, handler, parameters, reterr);
}

int vm_handle_create(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const VmCreate *create = parameters;
        DaemonContext *context = userdata;
        Vm *vm;
        int r;

        r = vms_create(context->vms, create, &vm, reterr);
        return r < 0 ? r : reply_info(vm, call, reterr);
}

int vm_handle_start(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const VmRef *ref = parameters;
        Vm *vm;
        int r;

        r = find_idle(context, ref->vm, call, vm_handle_start, parameters, &vm, reterr);
        if (r < 0 || !vm)
                return r;
        return vm_start(vm, call, reterr);
}

int vm_handle_stop(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const VmStop *stop = parameters;
        Vm *vm;
        int r;

        r = find_idle(context, stop->vm, call, vm_handle_stop, parameters, &vm, reterr);
        if (r < 0 || !vm)
                return r;
        return vm_stop(vm, "io.banger.VM.Stop", stop->force ? VM_STOP_FORCE : VM_STOP_ASK,
                       stop->timeout_s, call, reterr);
}

int vm_handle_resize(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const VmResize *resize = parameters;
        Vm *vm;
        int r;

        r = vms_find(context->vms, resize->vm, &vm, reterr);
        if (r < 0)
                return r;
        if (vm_must_hold(vm))
                return vm_hold(vm, call, vm_handle_resize, parameters, reterr);
        r = vm_resize(vm, resize, reterr);
        return r < 0 ? r : reply_info(vm, call, reterr);
}

int vm_handle_delete(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const VmDelete *delete = parameters;
        Vm *vm;
        int r;

        r = find_idle(context, delete->vm, call, vm_handle_delete, parameters, &vm, reterr);
        if (r < 0 || !vm)
                return r;
        return vm_delete(vm, delete->force, call, reterr);
}

static int set_nothing(Error *reterr) {
        int r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "nothing is to be set");

        (void) error_set_field(reterr, r, "nat");
        return error_set_hint(reterr, r, "run: banger vm set --help");
}

int vm_handle_set(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const VmSet *set = parameters;
        _cleanup_(forwards_clear) Forwards forwards = {};
        Vm *vm;
        int r;

        r = vms_find(context->vms, set->vm, &vm, reterr);
        if (r < 0)
                return r;
        if (set->nat == VM_SWITCH_KEEP)
                return set_nothing(reterr);
        if (vm_must_hold(vm))
                return vm_hold(vm, call, vm_handle_set, parameters, reterr);
        r = forwards_copy(&vm->record.forwards, &forwards);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot set the VM");
        return vm_set_network(vm, set->nat == VM_SWITCH_YES, &forwards, call, reterr);
}

int vm_handle_list(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                   Error *reterr) {
        const DaemonContext *context = userdata;
        VmList list;
        int r;

        r = vms_list(context->vms, &list);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot list the VMs");
        r = varlink_call_reply(call, &list);
        schema_clear(&vm_list_schema, &list);
        return r;
}

int vm_handle_show(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const VmRef *ref = parameters;
        Vm *vm;
        int r;

        r = vms_find(context->vms, ref->vm, &vm, reterr);
        return r < 0 ? r : reply_info(vm, call, reterr);
}

int vm_handle_connect(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const VmConnect *connect = parameters;
        Vm *vm;
        int r;

        r = vms_find(context->vms, connect->vm, &vm, reterr);
        return r < 0 ? r : vm_connect(vm, connect, call, reterr);
}
