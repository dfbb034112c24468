#include "daemon/dispatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/api-forward.h"
#include "common/api-image.h"
#include "common/api-kernel.h"
#include "common/api-operation.h"
#include "common/api-system.h"
#include "common/api-vm.h"
#include "common/log.h"
#include "daemon/forward-varlink.h"
#include "daemon/image-varlink.h"
#include "daemon/kernel-varlink.h"
#include "daemon/operation-varlink.h"
#include "daemon/system-varlink.h"
#include "daemon/vm-varlink.h"

const Interface *const daemon_interfaces[] = {
        &interface_system, &interface_vm,        &interface_forward, &interface_image,
        &interface_kernel, &interface_operation, &interface_event,   NULL,
};

static const VarlinkMethod own_methods[] = {
        {"io.banger.System.GetStatus", system_get_status, 0},
        {"io.banger.System.GetSummary", system_get_summary, 0},
        {"io.banger.VM.Create", vm_handle_create, 0},
        {"io.banger.VM.Start", vm_handle_start, 0},
        {"io.banger.VM.Stop", vm_handle_stop, 0},
        {"io.banger.VM.Resize", vm_handle_resize, 0},
        {"io.banger.VM.Delete", vm_handle_delete, 0},
        {"io.banger.VM.Set", vm_handle_set, 0},
        {"io.banger.VM.List", vm_handle_list, 0},
        {"io.banger.VM.Show", vm_handle_show, 0},
        {"io.banger.VM.Connect", vm_handle_connect, 0},
        {"io.banger.Operation.List", operation_handle_list, 0},
        {"io.banger.Operation.Cancel", operation_handle_cancel, 0},
        {"io.banger.Event.Subscribe", event_handle_subscribe, 0},
};

int daemon_methods_make(VarlinkMethod **ret, size_t *ret_n) {
        size_t n = ELEMENTSOF(own_methods);
        VarlinkMethod *methods;

        methods = calloc(n + image_n_methods + kernel_n_methods + forward_n_methods,
                         sizeof(*methods));
        if (!methods)
                return -ENOMEM;
        memcpy(methods, own_methods, sizeof(own_methods));
        memcpy(&methods[n], image_methods, image_n_methods * sizeof(*methods));
        n += image_n_methods;
        memcpy(&methods[n], kernel_methods, kernel_n_methods * sizeof(*methods));
        n += kernel_n_methods;
        memcpy(&methods[n], forward_methods, forward_n_methods * sizeof(*methods));
        n += forward_n_methods;
        *ret = methods;
        *ret_n = n;
        return 0;
}

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
