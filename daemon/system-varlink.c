#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "common/version.h"
#include "daemon/component.h"
#include "daemon/load.h"
#include "daemon/names.h"
#include "daemon/root-stub.h"
#include "daemon/system-varlink.h"
#include "daemon/vm.h"

#define SLICE_CGROUP "/sys/fs/cgroup/banger.slice"

/* Long enough for a helper that systemd has yet to start. */
#define HELPER_TIMEOUT_USEC (2 * USEC_PER_SEC)

/* One GetStatus that waits for the helper. The thread touches what stands behind the context only. */
typedef struct StatusRequest {
        VarlinkCall *call;
        const DaemonContext *context;
        const char *socket;
        RootPong pong;
        Error error;
} StatusRequest;

static StatusRequest *status_request_free(StatusRequest *request) {
        if (!request)
                return NULL;
        varlink_call_unref(request->call);
        schema_clear(&root_pong_schema, &request->pong);
        error_clear(&request->error);
        free(request);
        return NULL;
}

static void status_request_cleanup(StatusRequest **request) {
        status_request_free(*request);
}

static void status_cleanup(SystemStatus *status) {
        schema_clear(&system_status_schema, status);
}

static int status_fill(const StatusRequest *request, int r, SystemStatus *status) {
        const InstallConf *install = &request->context->install;
        ComponentStatus *components = calloc(3, sizeof(*components));
        const HelperSeen seen = {
                .r = r,
                .error = &request->error,
                .version = request->pong.version,
                .owner_uid = request->pong.owner_uid,
        };
        NamesSeen names;
        char host[HOST_NAME_MAX + 1];

        if (!components)
                return -ENOMEM;
        status->components = (Objects) {.items = components, .n_items = 3};
        vms_count(request->context->vms, &status->vms_running, &status->vms_total);
        if (gethostname(host, sizeof(host)) < 0)
                return -errno;
        status->host = strdup(host);
        status->version = strdup(banger_version);
        status->owner = strdup(install->owner);
        if (!status->host || !status->version || !status->owner)
                return -ENOMEM;
        r = component_self(banger_version, install, &components[0]);
        if (r < 0)
                return r;
        r = component_helper(&seen, banger_version, install->uid, &components[1]);
        names_see(request->context->names, &names);
        return r < 0 ? r : component_names(&names, &components[2]);
}

static int status_run(void *userdata) {
        StatusRequest *request = userdata;

        return root_ping(request->socket, clock_monotonic_usec() + HELPER_TIMEOUT_USEC,
                         &request->pong, &request->error);
}

static void status_done(int r, void *userdata) {
        _cleanup_(status_request_cleanup) StatusRequest *request = userdata;
        _cleanup_(status_cleanup) SystemStatus status = {};
        _cleanup_error_ Error error = ERROR_INIT;

        /* A helper that does not answer is part of the status, not a failure to tell it. */
        r = status_fill(request, r, &status);
        if (r >= 0)
                r = varlink_call_reply(request->call, &status);
        if (r < 0) {
                (void) error_set_errno(&error, -r, "cannot tell the status");
                (void) varlink_call_fail(request->call, r, &error);
        }
}

int system_get_status(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                      Error *reterr) {
        _cleanup_(status_request_cleanup) StatusRequest *request = calloc(1, sizeof(*request));
        const DaemonContext *context = userdata;
        int r;

        if (!request)
                return error_set_errno(reterr, ENOMEM, "cannot ask the helper");
        request->call = varlink_call_ref(call);
        request->context = context;
        request->socket = context->root_socket;
        r = pool_submit(context->short_pool, &(PoolJob) {status_run, status_done, request});
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot ask the helper");
        (void) steal_ptr(request);
        return 0;
}

int system_get_summary(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                       _unused_ Error *reterr) {
        DaemonContext *context = userdata;
        _cleanup_close_ int slice_fd = open(SLICE_CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        SystemSummary summary = {.vms_broken = vms_count_broken(context->vms)};
        LoadNow now;

        vms_count(context->vms, &summary.vms_running, &summary.vms_total);
        load_look(&context->load, slice_fd, clock_monotonic_usec(), &now);
        summary.cpu_percent = now.cpu_percent;
        summary.memory_bytes = now.memory_bytes;
        summary.memory_total_bytes = now.memory_total_bytes;
        return varlink_call_reply(call, &summary);
}
