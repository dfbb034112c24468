#include <errno.h>
#include <string.h>

#include "common/api-kernel.h"
#include "common/clock.h"
#include "daemon/content-delete.h"
#include "daemon/import-source.h"
#include "daemon/kernel-varlink.h"
#include "daemon/worker-stub.h"

/* One Import. The thread touches what stands below `socket`. */
typedef struct Import {
        VarlinkCall *call;
        const DaemonContext *context;
        Operation *operation; /* until its end */
        VmId id;
        char *name; /* NULL until the release is known */

        const char *socket;
        char *release; /* NULL: without modules */
        ImportSource source;
        int target_fds[_KERNEL_FILE_MAX];
        WorkerKernelFacts made;
        Error error;
} Import;

static Import *import_free(Import *import) {
        if (!import)
                return NULL;
        varlink_call_unref(import->call);
        for (size_t i = 0; i < _KERNEL_FILE_MAX; i++)
                close_fd(import->target_fds[i]);
        import_source_clear(&import->source);
        schema_clear(&worker_kernel_facts_schema, &import->made);
        error_clear(&import->error);
        free(import->name);
        free(import->release);
        free(import);
        return NULL;
}

static void import_cleanup(Import **import) {
        import_free(*import);
}

static void info_cleanup(KernelInfo *info) {
        schema_clear(&kernel_info_schema, info);
}

/* In the thread. */
static int import_run(void *userdata) {
        Import *import = userdata;
        const WorkerWatch watch = {.cancel_fd = operation_cancel_fd(import->operation)};
        int r = operation_check(import->operation, &import->error);

        if (r >= 0)
                r = worker_import_kernel(import->socket, import->release, import->source.fd,
                                         import->target_fds, &watch, &import->made,
                                         &import->error);
        return r >= 0 ? kernels_import_sync(import->context->kernels, &import->id,
                                            import->target_fds, &import->error)
                      : r;
}

/* As on_gone() of images: what a pipe gave before its writer left is no kernel. */
static void on_gone(VarlinkCall *call, void *userdata) {
        Import *import = userdata;

        (void) call;
        if (import->source.is_pipe && import->operation)
                operation_cancel(import->operation);
}

static int choose_name(Import *import, Error *reterr) {
        if (import->name)
                return 0;
        if (!import->made.release || kernel_name_check(import->made.release, NULL) < 0)
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                                "the file does not say its release"),
                                      "give it a name: banger kernel import FILE --name NAME");
        import->name = strdup(import->made.release);
        if (!import->name)
                return error_set_errno(reterr, ENOMEM, "cannot name the kernel");
        return kernels_check_name(import->context->kernels, import->name, reterr);
}

static int import_finish(Import *import, Error *reterr) {
        char none[] = "";
        KernelRecord record = {
                .id = import->id,
                .size_bytes = import->made.vmlinux_bytes + import->made.initrd_bytes +
                              import->made.modules_bytes,
                .has_modules = import->made.modules_bytes > 0,
                /* With modules of this host it is the host's kernel. */
                .is_default = import->release != NULL,
                .created_s = (int64_t) (clock_realtime_usec() / USEC_PER_SEC),
        };
        int r = choose_name(import, reterr);

        if (r < 0)
                return r;
        record.name = import->name;
        record.release = import->made.release ? import->made.release
                         : import->release    ? import->release
                                              : none;
        return kernels_import_finish(import->context->kernels, &record, reterr);
}

static int import_fail(Import *import, int r) {
        Error more = ERROR_INIT;
        int more_r = kernels_import_drop(import->context->kernels, &import->id, &more);

        r = error_join(&import->error, r, &more, more_r);
        if (import->name)
                return error_prepend(&import->error, r, "cannot import kernel \"%s\"",
                                     import->name);
        return error_prepend(&import->error, r, "cannot import a kernel");
}

static void import_done(int r, void *userdata) {
        _cleanup_(import_cleanup) Import *import = userdata;
        const DaemonContext *context = import->context;
        _cleanup_(info_cleanup) KernelInfo info = {.id = NULL};

        operation_explain(import->operation, r, &import->error);
        if (r >= 0 && import->source.is_pipe && varlink_call_gone(import->call))
                r = error_set(&import->error, ERROR_CANCELED, ECANCELED,
                              "the client that gave the content has left");
        if (r >= 0)
                r = import_finish(import, &import->error);
        if (r < 0)
                r = import_fail(import, r);
        operation_end(steal_ptr(import->operation), r, &import->error);
        if (r >= 0) {
                event_bus_publish_object(context->events, EVENT_KERNEL_CHANGED, &import->id,
                                         import->name);
                r = kernels_describe(context->kernels, &import->id, &info, &import->error);
        }
        if (r >= 0)
                r = varlink_call_reply(import->call, &info);
        if (r < 0)
                (void) varlink_call_fail(import->call, r, &import->error);
}

static int import_start(Import *import, Error *reterr) {
        const DaemonContext *context = import->context;
        int r = kernels_import_begin(context->kernels, &import->id, import->target_fds, reterr);

        if (r < 0)
                return r;
        varlink_call_set_gone(import->call, on_gone, import);
        r = operation_submit(import->operation, context->pool,
                             &(PoolJob) {import_run, import_done, import});
        if (r >= 0)
                return 0;
        varlink_call_set_gone(import->call, NULL, NULL);
        (void) kernels_import_drop(context->kernels, &import->id, NULL);
        return error_set_errno(reterr, -r, "cannot start the import");
}

static int copy_wanted(const KernelImport *wanted, Import *import, Error *reterr) {
        const char *name = wanted->name ? wanted->name : wanted->release;

        import->name = name ? strdup(name) : NULL;
        import->release = wanted->release ? strdup(wanted->release) : NULL;
        if ((name && !import->name) || (wanted->release && !import->release))
                return error_set_errno(reterr, ENOMEM, "cannot import a kernel");
        return name ? kernels_check_name(import->context->kernels, name, reterr) : 0;
}

static int kernel_import(VarlinkCall *call, const void *parameters, void *userdata,
                         Error *reterr) {
        const DaemonContext *context = userdata;
        _cleanup_(import_cleanup) Import *import = calloc(1, sizeof(*import));
        int r;

        if (!import)
                return error_set_errno(reterr, ENOMEM, "cannot import a kernel");
        import->source = IMPORT_SOURCE_INIT;
        for (size_t i = 0; i < _KERNEL_FILE_MAX; i++)
                import->target_fds[i] = -1;
        import->call = varlink_call_ref(call);
        import->context = context;
        import->socket = context->worker_socket;
        r = copy_wanted(parameters, import, reterr);
        if (r >= 0)
                r = import_source_take(call, &import->source, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot import a kernel");
        r = vm_id_generate(&import->id);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make an id");
        r = operation_new(context->operations, varlink_call_method(call), import->id.text,
                          import->name ? import->name : import->id.text, &import->operation,
                          reterr);
        if (r < 0)
                return r;
        r = import_start(import, reterr);
        if (r < 0) {
                operation_end(steal_ptr(import->operation), r, reterr);
                return r;
        }
        (void) steal_ptr(import);
        return 0;
}

static int kernel_list(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        KernelList list;
        int r;

        (void) parameters;
        r = kernels_list(context->kernels, &list, reterr);
        if (r < 0)
                return r;
        r = varlink_call_reply(call, &list);
        schema_clear(&kernel_list_schema, &list);
        return r;
}

static int kernel_delete(VarlinkCall *call, const void *parameters, void *userdata,
                         Error *reterr) {
        const DaemonContext *context = userdata;
        const KernelRef *ref = parameters;
        _cleanup_free_ char *name = NULL;
        VmId id;
        int r = kernels_delete(context->kernels, ref->kernel, &id, &name, reterr);

        if (r < 0)
                return r;
        event_bus_publish_object(context->events, EVENT_KERNEL_DELETED, &id, name);
        content_delete(context, &(ContentDelete) {.content = kernels_content(context->kernels),
                                                  .id = id,
                                                  .kind = varlink_call_method(call),
                                                  .what = "kernel",
                                                  .name = name,
                                                  .call = call});
        return 0;
}

const VarlinkMethod kernel_methods[] = {
        {"io.banger.Kernel.Import", kernel_import, 0},
        {"io.banger.Kernel.List", kernel_list, 0},
        {"io.banger.Kernel.Delete", kernel_delete, 0},
};
const size_t kernel_n_methods = ELEMENTSOF(kernel_methods);
