#include <errno.h>

#include "common/api-worker.h"
#include "common/log.h"
#include "worker/disk.h"
#include "worker/dispatch.h"
#include "worker/image.h"
#include "worker/kernel.h"
#include "worker/session.h"

#define KERNEL_FDS 4

typedef struct Report {
        Session *session;
        VarlinkCall *call;
} Report;

static void report(int64_t done_bytes, int64_t total_bytes, void *userdata) {
        const Report *to = userdata;
        WorkerImageProgress progress = {.done_bytes = done_bytes, .total_bytes = total_bytes};

        if (!varlink_call_wants_more(to->call))
                return;
        (void) varlink_call_progress(to->call, &progress);
        session_flush(to->session);
}

static int check_fds(const VarlinkCall *call, size_t n, Error *reterr) {
        if (varlink_call_n_fds(call) == n)
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                         "the call needs %zu descriptors, it has %zu", n, varlink_call_n_fds(call));
}

static int handle_make_disk(VarlinkCall *call, const void *parameters, _unused_ void *userdata,
                            Error *reterr) {
        const WorkerDiskMake *make = parameters;
        _cleanup_close_ int target = -1;
        int r;

        r = check_fds(call, 1, reterr);
        if (r < 0)
                return r;
        target = varlink_call_take_fd(call, 0);
        r = disk_make(target, make->size_bytes, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

static int handle_import_image(VarlinkCall *call, const void *parameters, void *userdata,
                               Error *reterr) {
        const WorkerImageImport *import = parameters;
        Session *session = userdata;
        Report to = {.session = session, .call = call};
        Job job = {.client_fd = session->fd, .progress = report, .userdata = &to};
        _cleanup_close_ int source = -1, target = -1;
        WorkerImageProgress result;
        int r;

        r = check_fds(call, 2, reterr);
        if (r < 0)
                return r;
        source = varlink_call_take_fd(call, 0);
        target = varlink_call_take_fd(call, 1);
        r = image_import(source, target, (ImageFormat) import->format, &job, &result, reterr);
        return r < 0 ? r : varlink_call_reply(call, &result);
}

static int handle_import_kernel(VarlinkCall *call, const void *parameters, void *userdata,
                                Error *reterr) {
        const WorkerKernelImport *import = parameters;
        const Session *session = userdata;
        Job job = {.client_fd = session->fd};
        _cleanup_close_ int source = -1, vmlinux = -1, initrd = -1, modules = -1;
        WorkerKernelFacts facts = {.release = NULL};
        int r;

        r = check_fds(call, KERNEL_FDS, reterr);
        if (r < 0)
                return r;
        source = varlink_call_take_fd(call, 0);
        vmlinux = varlink_call_take_fd(call, 1);
        initrd = varlink_call_take_fd(call, 2);
        modules = varlink_call_take_fd(call, 3);
        r = kernel_import(&(KernelJob) {
                                  .job = &job,
                                  .source_fd = source,
                                  .vmlinux_fd = vmlinux,
                                  .initrd_fd = initrd,
                                  .modules_fd = modules,
                                  .release = import->release,
                                  .modules_path = session->config->modules,
                                  .agent_path = session->config->agent,
                          },
                          &facts, reterr);
        if (r < 0)
                return r;
        r = varlink_call_reply(call, &facts);
        schema_clear(&worker_kernel_facts_schema, &facts);
        return r;
}

const VarlinkMethod worker_methods[] = {
        {"io.banger.Worker.MakeDisk", handle_make_disk, 0},
        {"io.banger.Worker.ImportImage", handle_import_image, 0},
        {"io.banger.Worker.ImportKernel", handle_import_kernel, 0},
};
const size_t worker_n_methods = ELEMENTSOF(worker_methods);

const Interface *const worker_interfaces[] = {&interface_worker, NULL};

static void done(VarlinkCall *call, int r, const Error *error, _unused_ uint64_t duration_usec,
                 _unused_ void *userdata) {
        if (r < 0 && error)
                log_error(r == -ECANCELED ? LOG_INFO : LOG_ERR, NULL, error,
                          varlink_call_method(call));
}

static void refused(_unused_ const Peer *peer, const Error *error, _unused_ void *userdata) {
        log_error(LOG_WARNING, NULL, error, "refused");
}

const VarlinkHooks worker_hooks = {.done = done, .refused = refused};
