#include <errno.h>

#include "cli/daemon.h"
#include "cli/exec-session.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "common/api-operation.h"
#include "common/clock.h"
#include "common/stages.h"
#include "common/strings.h"
#include "common/varlink-stream.h"

/* For an agent to answer and an image's init to end its start. */
#define CONNECT_TIMEOUT_S 120
#define CONNECT_MARGIN_USEC (10 * USEC_PER_SEC)
#define CANCEL_TIMEOUT_USEC (10 * USEC_PER_SEC)

typedef struct Follow {
        const CommandContext *context;
        Live live;
        Stages stages;
        VarlinkStream stream;
        bool cancels;       /* the operation ends when we do not want to wait any more */
        bool cancel_wanted; /* as soon as its id is known */
} Follow;

static int cancel(Follow *follow, Error *reterr) {
        const OperationRef ref = {.operation = follow->stages.operation};
        _cleanup_error_ Error error = ERROR_INIT;
        int r = daemon_call(follow->context->host, &interface_operation, "Cancel", &ref, NULL, NULL,
                            clock_monotonic_usec() + CANCEL_TIMEOUT_USEC, &error);

        /* It has ended meanwhile: how, its last reply says. */
        if (r >= 0 || error.kind == ERROR_NOT_FOUND)
                return 0;
        error_move(reterr, &error);
        return r;
}

static int on_stage(const void *out, void *userdata, Error *reterr) {
        Follow *follow = userdata;
        _cleanup_free_ char *line = NULL;
        int r = stages_add(&follow->stages, out);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot show the progress");
        if (follow->cancel_wanted && follow->stages.operation) {
                follow->cancel_wanted = false;
                follow->stream.deadline_usec = UINT64_MAX;
                r = cancel(follow, reterr);
                if (r < 0)
                        return r;
        }
        if (!follow->live.on)
                return 0;
        line = stages_format(&follow->stages, live_width(&follow->live));
        if (line)
                live_write(&follow->live, line);
        return 0;
}

/* The operation itself says in its reply that it was cancelled: wait for that. */
static int on_wake(VarlinkStream *stream, void *userdata, Error *reterr) {
        Follow *follow = userdata;

        stream->wake_fd = -1;
        if (!follow->cancels)
                return error_set(reterr, ERROR_CANCELED, ECANCELED, "interrupted");
        if (follow->stages.operation)
                return cancel(follow, reterr);
        follow->cancel_wanted = true;
        stream->deadline_usec = clock_monotonic_usec() + CANCEL_TIMEOUT_USEC;
        return 0;
}

/* Where nothing was shown, a failure shows how far it came. */
static void tell_failure(Follow *follow) {
        _cleanup_free_ char *line = NULL;

        if (follow->live.on || follow->context->json || follow->stages.n_items == 0)
                return;
        line = stages_format(&follow->stages, SIZE_MAX);
        if (line)
                (void) output_line(follow->context->err, "%s", line);
}

int vm_follow(const CommandContext *context, const char *method, const void *in, int wake_fd,
              VmProgress *ret, Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        Follow follow = {
                .context = context,
                .live = live_start(context),
                .cancels = string_equal(method, "Start"),
        };
        int r = daemon_connect(context->host, DAEMON_BANGERD, &client, reterr);

        follow.stream = (VarlinkStream) {
                .deadline_usec = UINT64_MAX,
                .on_reply = on_stage,
                .wake_fd = wake_fd,
                .on_wake = on_wake,
                .userdata = &follow,
        };
        if (r >= 0)
                r = varlink_client_stream(client, &interface_vm, method, in, ret, NULL, 0,
                                          &follow.stream, reterr);
        live_keep(&follow.live);
        if (r < 0)
                tell_failure(&follow);
        stages_clear(&follow.stages);
        return r;
}

static int give_up(_unused_ VarlinkStream *stream, _unused_ void *userdata, Error *reterr) {
        return error_set(reterr, ERROR_CANCELED, ECANCELED, "interrupted");
}

static int connect_agent(const CommandContext *context, const VmConnect *connect, int wake_fd,
                         int *ret_fd, Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        VarlinkStream stream = {
                .deadline_usec = clock_monotonic_usec() + CONNECT_TIMEOUT_S * USEC_PER_SEC +
                                 CONNECT_MARGIN_USEC,
                .wake_fd = wake_fd,
                .on_wake = give_up,
                .ret_fd = ret_fd,
        };
        int r = daemon_connect(context->host, DAEMON_BANGERD, &client, reterr);

        if (r < 0)
                return r;
        return varlink_client_stream(client, &interface_vm, "Connect", connect, NULL, NULL, 0,
                                     &stream, reterr);
}

int vm_exec(const CommandContext *context, const VmExec *exec, int wake_fd, int *ret_status,
            Error *reterr) {
        const VmConnect connect = {
                .vm = exec->vm,
                .now = exec->now,
                .timeout_s = CONNECT_TIMEOUT_S,
        };
        const GuestExec guest = {
                .command = exec->command,
                .environment = exec->environment,
                .directory = exec->directory,
        };
        int fd, r;

        r = connect_agent(context, &connect, wake_fd, &fd, reterr);
        if (r >= 0)
                r = exec_session_run(fd, &guest, ret_status, reterr);
        return r < 0 ? error_prepend(reterr, r, "cannot run a command in vm \"%s\"", exec->vm) : 0;
}

int vm_own_failure(const CommandContext *context, const Error *error, int r) {
        output_error(context->err, context->json, error, r);
        return VM_EXIT_OWN_FAILURE;
}

void vm_warn(const CommandContext *context, const VmInfo *vm) {
        if (vm->reason)
                (void) output_line(context->err, "warning: %s: %s", vm->name, vm->reason);
}
