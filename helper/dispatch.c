#include <errno.h>

#include "common/api-root.h"
#include "common/version.h"
#include "helper/disk.h"
#include "helper/dispatch.h"
#include "helper/network.h"
#include "helper/resolver.h"
#include "helper/session.h"
#include "helper/vm-verbs.h"

static int handle_ping(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                       _unused_ Error *reterr) {
        const Session *session = userdata;
        char version[64];
        RootPong pong = {.version = version, .owner_uid = session->install.uid};

        (void) snprintf(version, sizeof(version), "%s", banger_version);
        return varlink_call_reply(call, &pong);
}

static void inventory_cleanup(Inventory *inventory) {
        schema_clear(&inventory_schema, inventory);
}

static int handle_inventory(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                            Error *reterr) {
        _cleanup_(inventory_cleanup) Inventory inventory = {};
        Session *session = userdata;
        _cleanup_host_ Host host = HOST_INIT;
        int r;

        r = session_host(session, &host, reterr);
        if (r < 0)
                return r;
        r = inventory_read(session->config->sources, session->config->n_sources, &host, &inventory,
                           reterr);
        if (r < 0)
                return r;
        return varlink_call_reply(call, &inventory);
}

const VarlinkMethod root_methods[] = {
        {"io.banger.Root.Ping", handle_ping, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.Inventory", handle_inventory, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.BridgeEnsure", handle_bridge_ensure, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.BridgeRemove", handle_bridge_remove, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.ResolverSet", handle_resolver_set, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.ResolverClear", handle_resolver_clear,
         ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.TapCreate", handle_tap_create, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.TapDelete", handle_tap_delete, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.DiskAttach", handle_disk_attach, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.DiskDetach", handle_disk_detach, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.DiskGrow", handle_disk_grow, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.DiskOpen", handle_disk_open, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.JailMake", handle_jail_make, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.JailRemove", handle_jail_remove, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.Launch", handle_launch, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.Sockets", handle_sockets, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.Stop", handle_stop, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.Reap", handle_reap, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
        {"io.banger.Root.NetworkSet", handle_network_set, ROOT_POLICY_OWNER | ROOT_POLICY_ROOT},
};
const size_t root_n_methods = ELEMENTSOF(root_methods);

const Interface *const root_interfaces[] = {&interface_root, NULL};

static int admit(VarlinkCall *call, const VarlinkMethod *method, _unused_ void *userdata,
                 Error *reterr) {
        uid_t uid = varlink_call_peer(call)->uid;

        /* org.varlink.service comes without a policy: whoever may connect may read it. */
        if (method->policy == 0 || method->policy & (uid == 0 ? ROOT_POLICY_ROOT : ROOT_POLICY_OWNER))
                return 0;
        return error_set(reterr, ERROR_NOT_PERMITTED, EACCES, "uid %u may not call %s", uid,
                         method->name);
}

static void done(VarlinkCall *call, int r, const Error *error, uint64_t duration_usec,
                 void *userdata) {
        const char *operation = varlink_call_text(call, "operation");
        Session *session = userdata;

        record_call(session->config->record, &(RecordedCall) {
                                                     .verb = varlink_call_method(call),
                                                     .vm = session->vm.text[0] ? session->vm.text :
                                                                                 NULL,
                                                     .peer = varlink_call_peer(call),
                                                     .operation = operation,
                                                     .r = r,
                                                     .error = error,
                                                     .duration_usec = duration_usec,
                                             });
        /* Not with the connection's end, of which the caller decides, and which the close of what it has
         * sent can hold up. */
        session_leave_vm(session);
}

static void refused(const Peer *peer, const Error *error, void *userdata) {
        const Session *session = userdata;

        record_call(session->config->record, &(RecordedCall) {
                                                     .peer = peer,
                                                     .r = -EPROTO,
                                                     .error = error,
                                             });
}

const VarlinkHooks root_hooks = {.admit = admit, .done = done, .refused = refused};
