/* Deleting a VM, from any state. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/strings.h"
#include "daemon/vm.h"

#define KIND "io.banger.VM.Delete"

typedef struct DeleteJob {
        Vm *vm;
        char *directory;
        Error error;
} DeleteJob;

static DeleteJob *delete_job_free(DeleteJob *job) {
        if (!job)
                return NULL;
        free(job->directory);
        error_clear(&job->error);
        free(job);
        return NULL;
}

static void delete_job_cleanup(DeleteJob **job) {
        delete_job_free(*job);
}

/* There are only files in it; closes dir. */
static int remove_files(DIR *dir, Error *reterr) {
        const struct dirent *entry;
        int r = 0;

        while (r >= 0 && (entry = readdir(dir))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
                        r = error_set_errno(reterr, errno, "cannot remove %s", entry->d_name);
        }
        (void) closedir(dir);
        return r;
}

static int delete_run(void *userdata) {
        DeleteJob *job = userdata;
        int fd, r;
        DIR *dir;

        fd = open(job->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0; /* never started */
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                r = error_set_errno(&job->error, errno, "cannot open %s", job->directory);
                close_fd(fd);
                return r;
        }
        r = remove_files(dir, &job->error);
        if (r < 0)
                return r;
        if (rmdir(job->directory) < 0 && errno != ENOENT)
                return error_set_errno(&job->error, errno, "cannot remove %s", job->directory);
        return 0;
}

static void fail_delete(Vm *vm, int r, Error *error) {
        vm->delete_wanted = false;
        /* The daemon that stops goes on with it at its next start. */
        if (!vm->context->stopping)
                (void) vm_set_intent(vm, VM_INTENT_NONE, NULL);
        if (vm->delete_call)
                (void) varlink_call_fail(vm->delete_call, r, error);
        vm->delete_call = varlink_call_unref(vm->delete_call);
}

static void delete_done(int r, void *userdata) {
        _cleanup_(delete_job_cleanup) DeleteJob *job = userdata;
        VarlinkCall *call;
        Vm *vm = job->vm;

        if (r < 0) {
                (void) error_prepend(&job->error, r, "cannot delete vm \"%s\"", vm->record.name);
                (void) error_set_object(&job->error, r, vm->record.name);
                vm_end(vm, r, &job->error);
                fail_delete(vm, r, &job->error);
                return;
        }
        call = steal_ptr(vm->delete_call);
        vm_end(vm, 0, NULL);
        vm_forget(vm);
        if (call)
                (void) varlink_call_reply(call, NULL);
        varlink_call_unref(call);
}

static int submit(Vm *vm, Error *reterr) {
        _cleanup_(delete_job_cleanup) DeleteJob *job = calloc(1, sizeof(*job));
        int r;

        if (job)
                job->directory = string_format("%s/vms/%s", vm->context->state_dir,
                                               vm->record.id.text);
        if (!job || !job->directory)
                return error_set_errno(reterr, ENOMEM, "cannot delete");
        r = vm_begin(vm, KIND, reterr);
        if (r < 0)
                return r;
        job->vm = vm;
        r = pool_submit(vm->context->pool, &(PoolJob) {delete_run, delete_done, job});
        if (r < 0) {
                (void) error_set_errno(reterr, -r, "cannot delete");
                vm_end(vm, r, reterr);
                return r;
        }
        (void) steal_ptr(job);
        return 0;
}

void vm_settle(Vm *vm) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        if (!vm->delete_wanted || vm->operation)
                return;
        if (vm->state == VM_STOPPED)
                r = submit(vm, &error);
        else if (vm->state == VM_BROKEN)
                r = error_set(&error, ERROR_FAILED, EUCLEAN, "vm \"%s\" is broken: %s",
                              vm->record.name, vm->record.reason ? vm->record.reason : "");
        else
                r = vm_stop(vm, KIND, VM_STOP_FORCE, 0, NULL, &error);
        if (r < 0)
                fail_delete(vm, r, &error);
}

static int refuse_running(const Vm *vm, Error *reterr) {
        int r = error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" runs", vm->record.name);

        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger vm stop %s, or add --force", vm->record.name);
}

int vm_delete(Vm *vm, bool force, VarlinkCall *call, Error *reterr) {
        int r = 0;

        if (vm->delete_wanted) {
                r = error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" is being deleted already",
                              vm->record.name);
                return error_set_object(reterr, r, vm->record.name);
        }
        if (!force && (vm->state == VM_RUNNING || vm->operation))
                return refuse_running(vm, reterr);
        r = vm_set_intent(vm, VM_INTENT_DELETE, reterr);
        if (r < 0)
                return r;
        if (vm->operation)
                operation_cancel(vm->operation); /* vm_settle() goes on from its end */
        else if (vm->state == VM_STOPPED)
                r = submit(vm, reterr);
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
