#include "helper/disk.h"

#include <errno.h>

#include "common/clock.h"
#include "helper/devmapper.h"
#include "helper/loops.h"

static void files_cleanup(DiskFiles *files) {
        disk_close_files(files);
}

/* Every VM of an image reads the same pages: through the page cache they are read once. A VM's
 * changes are cached in the guest already, and are on the disk when a flush returns. */
static LoopBinding image_binding(const VmId *vm, const DiskFiles *files) {
        return (LoopBinding) {
                .vm = vm, .role = "image", .file_fd = files->image_fd, .read_only = true};
}

/* The label says what the root is for from its first moment on: so one for reading is known whose
 * maker was killed before he could let it go. */
static LoopBinding cow_binding(const DiskPlan *plan, const DiskFiles *files) {
        return (LoopBinding) {.vm = plan->vm,
                              .role = plan->reading ? DISK_ROLE_READING : "cow",
                              .file_fd = files->cow_fd,
                              .direct = true};
}

static LoopBinding work_binding(const VmId *vm, const DiskFiles *files) {
        return (LoopBinding) {.vm = vm, .role = "work", .file_fd = files->work_fd, .direct = true};
}

/* Is the VM's root device there, on exactly these files? */
static int is_root_attached(const Host *host, const DiskPlan *plan, const DiskFiles *files,
                            bool *ret, Error *reterr) {
        LoopBinding image = image_binding(plan->vm, files), cow = cow_binding(plan, files);
        Snapshot snapshot = {};
        int r;

        r = devmapper_read_snapshot(plan->vm, &snapshot, reterr);
        if (r < 0 && r != -ENODEV && r != -EBADMSG)
                return r;
        *ret = r >= 0 && snapshot.n_sectors == files->n_sectors &&
               loop_is_bound(host, snapshot.origin, &image) &&
               loop_is_bound(host, snapshot.changes, &cow);
        return 0;
}

/* Likewise its work disk; or is there none, as there should be? */
static int is_work_attached(const Host *host, const VmId *vm, const DiskFiles *files, bool *ret,
                            Error *reterr) {
        LoopBinding work = work_binding(vm, files);
        Linear linear = {};
        int r;

        r = devmapper_read_linear(vm, &linear, reterr);
        if (r < 0 && r != -ENODEV && r != -EBADMSG)
                return r;
        if (files->work_fd < 0)
                *ret = r == -ENODEV;
        else
                *ret = r >= 0 && linear.n_sectors == files->n_work_sectors &&
                       loop_is_bound(host, linear.below, &work);
        return 0;
}

static int is_attached(const Host *host, const DiskPlan *plan, const DiskFiles *files, bool *ret,
                       Error *reterr) {
        bool root = false, work = false;
        int r;

        r = is_root_attached(host, plan, files, &root, reterr);
        if (r >= 0)
                r = is_work_attached(host, plan->vm, files, &work, reterr);
        if (r >= 0)
                *ret = root && work;
        return r;
}

int disk_refuse_full(size_t n_others, Error *reterr) {
        const size_t n_max = VM_SLOT_MAX - VM_SLOT_MIN + 1;
        int r;

        if (n_others < n_max)
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, EMFILE,
                      "%zu other VMs have a root device, and %zu may at once", n_others, n_max);
        return error_set_hint(reterr, r, "stop one of them, or end the reading of one's root");
}

/* With the files' names locked, and so one after the other. */
static int refuse_full(const VmId *vm, Error *reterr) {
        size_t n_others = 0;
        int r = devmapper_count_others(vm, &n_others, reterr);

        return r < 0 ? r : disk_refuse_full(n_others, reterr);
}

int disk_refuse_other_image(const Host *host, const DiskPlan *plan, dev_t origin, Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles files = DISK_FILES_INIT;
        LoopBinding image;
        int r;

        r = disk_open_image(host, plan, &files.image_fd, reterr);
        if (r < 0)
                return r;
        image = image_binding(plan->vm, &files);
        if (loop_is_bound(host, origin, &image))
                return 0;
        r = error_set(reterr, ERROR_BUSY, EBUSY, "the root of vm %s is being read, on another image "
                      "than %s", plan->vm->text, plan->image);
        return error_set_hint(reterr, r, "try again when that has ended");
}

/* The owner can give a file another's name: two guests that write to one would spoil it, and the
 * table of changes in it may stop the kernel then. */
static int refuse_shared(const Host *host, const VmId *vm, const DiskFiles *files, Error *reterr) {
        int r;

        r = loops_refuse_shared(host, vm, files->cow_fd, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot use vms/%s/root.cow", vm->text);
        if (files->work_fd >= 0)
                r = loops_refuse_shared(host, vm, files->work_fd, reterr);
        return r < 0 ? error_prepend(reterr, r, "cannot use vms/%s/work.img", vm->text) : 0;
}

/* The loops are device-mapper's when this returns, and go away with its device; or at once, with
 * their descriptors, when it fails. */
static int make_root(const Host *host, const DiskPlan *plan, const DiskFiles *files,
                     Error *reterr) {
        LoopBinding image = image_binding(plan->vm, files), cow = cow_binding(plan, files);
        _cleanup_close_ int image_loop = -1, cow_loop = -1;
        Snapshot snapshot = {.n_sectors = files->n_sectors};
        int r;

        r = loop_bind(host, &image, &image_loop, &snapshot.origin, reterr);
        if (r >= 0)
                r = loop_bind(host, &cow, &cow_loop, &snapshot.changes, reterr);
        if (r >= 0)
                r = devmapper_create_snapshot(plan->vm, &snapshot, reterr);
        return r;
}

/* Not the loop itself for the VM: whoever has a loop open for writing can give it another label, and
 * anybody who has it open can unbind it, to be bound to another VM's file while he still has it
 * (loop(4), LOOP_SET_STATUS and LOOP_CLR_FD). See WORK_DISK_TAIL_BYTES. */
static int make_work(const Host *host, const VmId *vm, const DiskFiles *files, Error *reterr) {
        LoopBinding work = work_binding(vm, files);
        _cleanup_close_ int loop = -1;
        Linear linear = {.n_sectors = files->n_work_sectors};
        int r;

        r = loop_bind(host, &work, &loop, &linear.below, reterr);
        return r < 0 ? r : devmapper_create_linear(vm, &linear, reterr);
}

/* Somebody reads it (disk-open.c): with him it goes. */
static bool is_leaving(const VmId *vm) {
        Snapshot snapshot = {};

        return devmapper_read_snapshot(vm, &snapshot, NULL) >= 0 && snapshot.leaving;
}

static int detach(const Host *host, const VmId *vm, Error *reterr) {
        uint64_t deadline = clock_monotonic_usec() + DISK_RELEASE_TIMEOUT_USEC;
        _cleanup_error_ Error more = ERROR_INIT;
        bool leaving = is_leaving(vm), busy = false;
        int r = 0;

        for (int role = 0; role < _DEVICE_ROLE_MAX; role++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int role_r;

                if (leaving && role == DEVICE_ROOT)
                        continue;
                role_r = devmapper_remove(vm, (DeviceRole) role, deadline, &error);

                busy = busy || role_r == -EBUSY;
                r = error_join(reterr, r, &error, role_r);
        }
        /* Loops below a device that stays are its: unbinding them would only mark them. */
        if (busy || leaving)
                return r;
        return error_join(reterr, r, &more, loops_clear(host, vm, deadline, &more));
}

int disk_detach(const Host *host, const VmId *vm, Error *reterr) {
        _cleanup_error_ Error more = ERROR_INIT;
        int r = disk_forget_name(host, reterr);

        return error_join(reterr, r, &more, detach(host, vm, &more));
}

int disk_attach(const Host *host, const DiskPlan *plan, Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles files = DISK_FILES_INIT;
        bool attached = false;
        int r;

        if (is_leaving(plan->vm))
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_BUSY, EBUSY,
                                                "its root is being read"),
                                      "try again when that has ended");
        r = disk_open_named_files(host, plan, &files, reterr);
        if (r >= 0)
                r = is_attached(host, plan, &files, &attached, reterr);
        if (r < 0 || attached)
                return r;
        r = detach(host, plan->vm, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot remove what is left of the last start");
        r = refuse_full(plan->vm, reterr);
        if (r >= 0)
                r = refuse_shared(host, plan->vm, &files, reterr);
        if (r >= 0)
                r = make_root(host, plan, &files, reterr);
        if (r >= 0 && plan->work)
                r = make_work(host, plan->vm, &files, reterr);
        if (r < 0) {
                _cleanup_error_ Error more = ERROR_INIT;

                r = error_join(reterr, r, &more, detach(host, plan->vm, &more));
        }
        return r;
}
