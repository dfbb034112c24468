#include <inttypes.h>
#include <stdio.h>

#include "common/api-system.h"
#include "common/log.h"
#include "daemon/dispatch.h"
#include "daemon/system-varlink.h"

const Interface *const daemon_interfaces[] = {&interface_system, NULL};

const VarlinkMethod daemon_methods[] = {
        {"io.banger.System.GetStatus", system_get_status, 0},
};
const size_t daemon_n_methods = ELEMENTSOF(daemon_methods);

/* A call that is done is a debug record: consoles ask several times a second. */
static void done(VarlinkCall *call, int r, const Error *error, uint64_t duration_usec,
                 _unused_ void *userdata) {
        const char *verb = varlink_call_method(call);
        char uid[16], duration[24];
        const LogField fields[] = {
                {"BANGER_VERB", verb},
                {"BANGER_PEER_UID", uid},
                {"BANGER_RESULT", r < 0 && error ? error_kind_name(error->kind) : "ok"},
                {"BANGER_DURATION_USEC", duration},
                {},
        };

        (void) snprintf(uid, sizeof(uid), "%u", varlink_call_peer(call)->uid);
        (void) snprintf(duration, sizeof(duration), "%" PRIu64, duration_usec);
        if (r < 0 && error)
                log_error(LOG_NOTICE, fields, error, verb);
        else
                log_write(LOG_DEBUG, fields, "%s: done", verb);
}

static void refused(const Peer *peer, const Error *error, _unused_ void *userdata) {
        char uid[16], pid[16], context[64];
        const LogField fields[] = {
                {"BANGER_PEER_UID", uid},
                {"BANGER_PEER_PID", pid},
                {"BANGER_RESULT", error_kind_name(error->kind)},
                {},
        };

        (void) snprintf(uid, sizeof(uid), "%u", peer->uid);
        (void) snprintf(pid, sizeof(pid), "%d", peer->pid);
        (void) snprintf(context, sizeof(context), "refused uid %s", uid);
        log_error(LOG_WARNING, fields, error, context);
}

const VarlinkHooks daemon_hooks = {.done = done, .refused = refused};
