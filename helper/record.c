#include <inttypes.h>
#include <stdio.h>

#include "common/strings.h"
#include "helper/record.h"

static void write_to_journal(int level, const LogField *fields, const char *message,
                             _unused_ void *userdata) {
        log_write(level, fields, "%s", message);
}

const RecordSink record_sink_journal = {.write = write_to_journal};

/* The stable error name; an errno that came without an Error is named by its nearest kind. */
static const char *result_name(const RecordedCall *call) {
        if (call->r >= 0)
                return "ok";
        if (call->error && call->error->kind != ERROR_NONE)
                return error_kind_name(call->error->kind);
        return error_kind_name(error_kind_from_errno(-call->r));
}

void record_call(const RecordSink *sink, const RecordedCall *call) {
        const char *verb = call->verb ? call->verb : "request", *result = result_name(call);
        const char *why = call->error && call->error->message ? call->error->message : result;
        _cleanup_free_ char *message = NULL;
        char uid[16], pid[16], duration[24];
        const LogField fields[] = {
                {"BANGER_VERB", call->verb},
                {"BANGER_VM", call->vm},
                {"BANGER_OPERATION", call->operation},
                {"BANGER_PEER_UID", uid},
                {"BANGER_PEER_PID", pid},
                {"BANGER_RESULT", result},
                {"BANGER_DURATION_USEC", duration},
                {},
        };

        (void) snprintf(uid, sizeof(uid), "%u", call->peer->uid);
        (void) snprintf(pid, sizeof(pid), "%d", call->peer->pid);
        (void) snprintf(duration, sizeof(duration), "%" PRIu64, call->duration_usec);
        if (call->r < 0)
                message = string_format("%s of uid %s: %s", verb, uid, why);
        else
                message = string_format("%s of uid %s: done", verb, uid);
        /* Without memory the fields still tell all. */
        sink->write(call->r < 0 ? LOG_WARNING : LOG_INFO, fields, message ? message : verb,
                    sink->userdata);
}
