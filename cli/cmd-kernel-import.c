#include <errno.h>
#include <fcntl.h>

#include "cli/daemon.h"
#include "cli/import.h"
#include "cli/kernel-import.h"
#include "cli/output.h"
#include "common/clock.h"
#include "common/varlink-stream.h"

#define LIST_TIMEOUT_USEC (10 * USEC_PER_SEC)

static int import_kernel(const Host *host, const KernelImport *in, int fd, KernelInfo *ret,
                         Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        int r = daemon_connect(host, DAEMON_BANGERD, &client, reterr);

        if (r < 0)
                return r;
        return varlink_client_call(client, &interface_kernel, "Import", in, ret, &fd, 1, NULL,
                                   UINT64_MAX, reterr);
}

int kernel_import_host(const Host *host, const char *name, KernelInfo *ret, Error *reterr) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *release = NULL;
        KernelImport in = {.name = NULL};
        int r = host_kernel_open(host->root_fd, &release, &fd, reterr);

        if (r < 0)
                return r;
        in.name = (char *) (uintptr_t) name;
        in.release = release;
        return import_kernel(host, &in, fd, ret, reterr);
}

int kernel_exists(const Host *host, bool *ret, Error *reterr) {
        KernelList list = {.kernels = {.items = NULL}};
        int r = daemon_call(host, &interface_kernel, "List", NULL, &list, NULL,
                            clock_monotonic_usec() + LIST_TIMEOUT_USEC, reterr);

        if (r < 0)
                return r;
        *ret = list.kernels.n_items > 0;
        schema_clear(&kernel_list_schema, &list);
        return 0;
}

static int import_file(const CommandContext *context, const KernelImportCommand *wanted,
                       KernelInfo *ret, Error *reterr) {
        const KernelImport in = {.name = wanted->name};
        _cleanup_close_ int fd = open(wanted->file, O_RDONLY | O_CLOEXEC);

        if (fd < 0) {
                int r = error_set_errno(reterr, errno, "cannot open %s", wanted->file);

                return error_set_object(reterr, r, wanted->file);
        }
        return import_kernel(context->host, &in, fd, ret, reterr);
}

static int import_run(const CommandContext *context, const Action *action, const void *value,
                      Error *reterr) {
        const KernelImportCommand *wanted = value;
        KernelInfo kernel = {.id = NULL};
        int r;

        if (wanted->host == (wanted->file != NULL))
                return error_set(reterr, ERROR_USAGE, EINVAL,
                                 "\"kernel import\" takes either FILE or --host");
        if (wanted->host)
                r = kernel_import_host(context->host, wanted->name, &kernel, reterr);
        else
                r = import_file(context, wanted, &kernel, reterr);
        if (r < 0)
                return r;
        if (context->json)
                r = output_schema_json(context->out, action->out, &kernel);
        else
                r = output_line(context->out, "kernel \"%s\"%s", kernel.name,
                                kernel.is_default ? ": VMs start with it from now on" : "");
        schema_clear(&kernel_info_schema, &kernel);
        return r;
}

const Command command_kernel_import = {
        .words = "kernel import",
        .run = import_run,
};
