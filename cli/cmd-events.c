#include <errno.h>

#include "cli/daemon.h"
#include "cli/output.h"
#include "common/api-operation.h"
#include "common/api-vm.h"
#include "common/varlink-stream.h"

static const char *kind_name(int kind) {
        const Field *field = schema_find(&event_schema, "kind");

        return field ? field->values[kind] : "?";
}

/* What there is to say about it besides what it is. */
static const char *detail_of(const Event *event) {
        if (event->error)
                return event->error;
        if (event->operation && event->operation->stage)
                return event->operation->stage;
        if (event->operation)
                return event->operation->kind;
        return event->vm ? vm_state_names[event->vm->state] : "";
}

/* A VM's change may have a reason. */
static int print_line(FILE *out, const Event *event) {
        const char *name = event->name ? event->name : event->object;
        const char *reason = event->vm ? event->vm->reason : NULL;

        if (event->kind == EVENT_CURRENT)
                return output_line(out, "%s", kind_name(event->kind));
        return output_line(out, "%s %s %s%s%s", kind_name(event->kind), name ? name : "-",
                           detail_of(event), reason ? ": " : "", reason ? reason : "");
}

static int on_event(const void *out, void *userdata, Error *reterr) {
        const CommandContext *context = userdata;
        const Event *event = out;
        int r;

        if (context->json)
                r = output_schema_line(context->out, &event_schema, event);
        else
                r = print_line(context->out, event);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot print an event");
        /* Whoever reads a stream wants each when it comes; and ends it by leaving. */
        if (fflush(context->out) != 0)
                return error_set(reterr, ERROR_FAILED, EPIPE, "cannot write the output");
        return 0;
}

static int events_run(const CommandContext *context, const Action *action, const void *value,
                      Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        CommandContext copy = *context;
        VarlinkStream stream = {
                .deadline_usec = UINT64_MAX,
                .on_reply = on_event,
                .wake_fd = -1,
                .userdata = &copy,
        };
        int r = daemon_connect(context->host, DAEMON_BANGERD, &client, reterr);

        if (r < 0)
                return r;
        return varlink_client_stream(client, &interface_event, action->method, value, NULL, NULL, 0,
                                     &stream, reterr);
}

const Command command_events = {
        .words = "events",
        .run = events_run,
};
