/* The network's verbs. */
#include "helper/network.h"

#include <errno.h>

#include "common/api-root.h"
#include "helper/firewall.h"
#include "helper/session.h"
#include "helper/units.h"

int network_lock(const Host *host, uid_t peer, int *ret_fd, Error *reterr) {
        return host_lock(host, peer == 0 ? NULL : ".network-turn", ".network", "the network", ret_fd,
                         reterr);
}

/* The host as configured, locked. */
static int begin(Session *session, Host *ret_host, int *ret_lock, Error *reterr) {
        int r = session_host(session, ret_host, reterr);

        return r < 0 ? r : network_lock(ret_host, session->peer.uid, ret_lock, reterr);
}

int handle_bridge_ensure(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                         Error *reterr) {
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_close_ int lock = -1;
        Session *session = userdata;
        int r;

        r = begin(session, &host, &lock, reterr);
        if (r >= 0)
                r = bridge_ensure(&host, &session->settings, reterr);
        if (r >= 0)
                r = firewall_ensure(&session->settings, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

/* The tables outlive a bridge that is in use: they are what its guests are held by. */
static int remove_all(const Host *host, const Config *settings, Error *reterr) {
        _cleanup_error_ Error more = ERROR_INIT;
        int r = bridge_remove(host, reterr);

        if (r == -EBUSY)
                return r;
        return error_join(reterr, r, &more, firewall_remove(host, settings, &more));
}

int handle_bridge_remove(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                         Error *reterr) {
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_close_ int lock = -1;
        Session *session = userdata;
        int r;

        r = begin(session, &host, &lock, reterr);
        if (r >= 0)
                r = remove_all(&host, &session->settings, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

int handle_tap_create(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootVm *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_close_ int lock = -1;
        Session *session = userdata;
        VmId vm;
        int r;

        r = session_vm(session, request->vm, &vm, reterr);
        if (r >= 0)
                r = begin(session, &host, &lock, reterr);
        if (r >= 0)
                r = units_refuse_active(&host, &vm, reterr);
        /* Not one frame of it is to pass before NetworkSet lets it. */
        if (r >= 0)
                r = firewall_ensure(&session->settings, reterr);
        if (r >= 0)
                r = tap_ensure(&host, &vm, vm_slot_uid((unsigned) request->slot),
                               session->settings.isolated, reterr);
        if (r >= 0)
                r = tap_forget_address(&host,
                                       vm_slot_address((unsigned) request->slot,
                                                       session->settings.address,
                                                       session->settings.prefix),
                                       reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

int handle_tap_delete(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootVmRef *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_close_ int lock = -1;
        VmId vm;
        int r;

        r = session_vm(userdata, request->vm, &vm, reterr);
        if (r >= 0)
                r = begin(userdata, &host, &lock, reterr);
        if (r >= 0)
                r = units_refuse_active(&host, &vm, reterr);
        if (r >= 0)
                r = tap_remove(&vm, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

static void done_cleanup(RootNetworkDone *done) {
        schema_clear(&root_network_done_schema, done);
}

int handle_network_set(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        _cleanup_(done_cleanup) RootNetworkDone done = {.left_out = {.items = NULL}};
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_close_ int lock = -1;
        Session *session = userdata;
        int r;

        r = begin(session, &host, &lock, reterr);
        if (r >= 0)
                r = firewall_set(&host, &session->settings, parameters, &done, reterr);
        return r < 0 ? r : varlink_call_reply(call, &done);
}
