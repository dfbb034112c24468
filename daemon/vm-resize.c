/* Larger disks for a stopped VM. The record is all that changes here: the next start lets the files
 * grow, and its guest the file system. So a crash at any moment leaves nothing half done. */
#include <errno.h>
#include <inttypes.h>

#include "daemon/vm.h"

#define KIND "io.banger.VM.Resize"
#define MIB INT64_C(1048576)

static int check_stopped(const Vm *vm, Error *reterr) {
        int r;

        if (vm->state == VM_STOPPED || vm->operation)
                return 0; /* vm_begin() says what it is busy with */
        r = error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" is %s", vm->record.name,
                      vm->state == VM_BROKEN ? "broken" : "running");
        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger vm stop %s", vm->record.name);
}

static int no_size(Error *reterr) {
        int r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "no size is given");

        return error_set_hint(reterr, r, "give --work-disk SIZE, --cow SIZE or both");
}

static int too_small(const char *field, const char *what, int64_t has_bytes, Error *reterr) {
        int r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                          "%s has %" PRId64 " MiB already: it can only grow", what,
                          has_bytes / MIB);

        return error_set_field(reterr, r, field);
}

/* Against the files, not the record: what no start has carried out yet can be taken back. */
static int check_sizes(const Vm *vm, const VmResize *resize, Error *reterr) {
        StartSpace has;
        int r;

        if (resize->work_mib == 0 && resize->cow_mib == 0)
                return no_size(reterr);
        r = start_read_sizes(vm->context->state_dir, &vm->record.id, &has, reterr);
        if (r < 0)
                return r;
        if (has.cow_bytes == 0)
                has.cow_bytes = vm_cow_bytes_with(vm, 0);
        if (resize->work_mib != 0 && resize->work_mib < has.work_bytes / MIB)
                return too_small("work_mib", "the work disk", has.work_bytes, reterr);
        if (resize->cow_mib != 0 && resize->cow_mib < has.cow_bytes / MIB)
                return too_small("cow_mib", "the file of changes", has.cow_bytes, reterr);
        return 0;
}

/* As the next start will, which could only refuse. */
static int check_space(const Vm *vm, const VmResize *resize, Error *reterr) {
        int64_t cow_mib = resize->cow_mib != 0 ? resize->cow_mib : vm->record.cow_mib;
        int64_t work_mib = resize->work_mib != 0 ? resize->work_mib : vm->record.work_mib;
        const StartSpace own = {
                .id = vm->record.id,
                .cow_bytes = vm_cow_bytes_with(vm, cow_mib),
                .work_bytes = start_work_bytes(work_mib),
        };
        _cleanup_free_ StartSpace *others = NULL;
        size_t n_others;
        int r;

        /* Less than was asked for is always taken, though it be still too much. */
        if (own.cow_bytes <= vm_cow_bytes(vm) && work_mib <= vm->record.work_mib)
                return 0;
        r = vm_count_others(vm, &others, &n_others);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot look for space");
        r = start_check_space(vm->context->state_dir, &own, others, n_others, reterr);
        if (r != -ENOSPC)
                return r;
        return error_set_hint(reterr, r, "give a smaller size, delete VMs or images, or make the "
                                         "file system larger");
}

static int store_sizes(Vm *vm, const VmResize *resize, Error *reterr) {
        VmRecord before = vm->record;
        int r;

        if (resize->work_mib != 0)
                vm->record.work_mib = resize->work_mib;
        if (resize->cow_mib != 0)
                vm->record.cow_mib = resize->cow_mib;
        r = store_put_vm(vm->context->store, &vm->record, reterr);
        if (r < 0) {
                vm->record.work_mib = before.work_mib;
                vm->record.cow_mib = before.cow_mib;
        }
        return r;
}

int vm_resize(Vm *vm, const VmResize *resize, Error *reterr) {
        int r;

        r = check_stopped(vm, reterr);
        if (r >= 0)
                r = check_sizes(vm, resize, reterr);
        if (r >= 0)
                r = check_space(vm, resize, reterr);
        if (r >= 0)
                r = vm_begin(vm, KIND, reterr);
        if (r < 0)
                return r;
        r = store_sizes(vm, resize, reterr);
        vm_end(vm, r, r < 0 ? reterr : NULL);
        if (r >= 0)
                vm_changed(vm);
        return r;
}
