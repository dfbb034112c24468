/* Calls about ports wait here until it is known which of them may be forwarded. Asked anew each
 * time: an administrator may have changed it. */
#include <errno.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/root-stub.h"
#include "daemon/vm.h"

#define HELPER_TIMEOUT_USEC (2 * USEC_PER_SEC)

typedef struct PortsJob {
        DaemonContext *context;
        const char *root_socket;
        VarlinkCall *call; /* a reference; it owns the parameters */
        VarlinkHandler handler;
        const void *parameters;
        RootPorts ports;
        Error error;
} PortsJob;

static PortsJob *ports_job_free(PortsJob *job) {
        if (!job)
                return NULL;
        varlink_call_unref(job->call);
        error_clear(&job->error);
        free(job);
        return NULL;
}

static void ports_job_cleanup(PortsJob **job) {
        ports_job_free(*job);
}

bool ports_known(const DaemonContext *context) {
        return context->ports_known;
}

static int ports_run(void *userdata) {
        PortsJob *job = userdata;

        return root_ports(job->root_socket, clock_monotonic_usec() + HELPER_TIMEOUT_USEC,
                          &job->ports, &job->error);
}

static void ports_done(int r, void *userdata) {
        _cleanup_(ports_job_cleanup) PortsJob *job = userdata;
        _cleanup_error_ Error error = ERROR_INIT;
        DaemonContext *context = job->context;

        if (r == -ECANCELED) { /* the daemon ends */
                (void) error_set(&error, ERROR_CANCELED, ECANCELED, "bangerd ends");
                (void) varlink_call_fail(job->call, r, &error);
                return;
        }
        if (r < 0)
                log_error(LOG_WARNING, NULL, &job->error, "cannot tell which ports are root's");
        context->ports_known = true;
        context->first_port = r < 0 ? 0 : (unsigned) job->ports.first;
        r = job->handler(job->call, job->parameters, context, &error);
        context->ports_known = false;
        if (r < 0)
                (void) varlink_call_fail(job->call, r, &error);
}

int ports_ask(DaemonContext *context, VarlinkCall *call, VarlinkHandler handler,
              const void *parameters, Error *reterr) {
        _cleanup_(ports_job_cleanup) PortsJob *job = calloc(1, sizeof(*job));
        int r = job ? 0 : -ENOMEM;

        if (job) {
                *job = (PortsJob) {
                        .context = context,
                        .root_socket = context->root_socket,
                        .call = varlink_call_ref(call),
                        .handler = handler,
                        .parameters = parameters,
                };
                r = pool_submit(context->short_pool, &(PoolJob) {ports_run, ports_done, job});
        }
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot ask which ports are root's");
        (void) steal_ptr(job);
        return 0;
}
