#include "cli/daemon.h"

int daemon_call(const Host *host, const Interface *interface, const char *method, const void *in,
                void *out, int *ret_fd, uint64_t deadline_usec, Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        int r = daemon_connect(host, DAEMON_BANGERD, &client, reterr);

        if (r < 0)
                return r;
        return varlink_client_call(client, interface, method, in, out, NULL, 0, ret_fd,
                                   deadline_usec, reterr);
}

static int ask(const Host *host, Daemon daemon, const Interface *interface, const char *method,
               void *reply, uint64_t deadline_usec, Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        int r = daemon_connect(host, daemon, &client, reterr);

        if (r < 0)
                return r;
        r = varlink_client_call(client, interface, method, NULL, reply, NULL, 0, NULL,
                                deadline_usec, reterr);
        return r < 0 ? error_prepend(reterr, r, "%s does not answer", daemon_name(daemon)) : 0;
}

static int ask_about_vm(const Host *host, const char *method, char *vm, void *reply,
                        uint64_t deadline_usec, Error *reterr) {
        const RootVmRef ref = {.vm = vm};
        _cleanup_client_ VarlinkClient *client = NULL;
        int r = daemon_connect(host, DAEMON_HELPER, &client, reterr);

        if (r < 0)
                return r;
        return varlink_client_call(client, &interface_root, method, &ref, reply, NULL, 0, NULL,
                                   deadline_usec, reterr);
}

int daemon_get_status(const Host *host, uint64_t deadline_usec, SystemStatus *ret, Error *reterr) {
        return ask(host, DAEMON_BANGERD, &interface_system, "GetStatus", ret, deadline_usec,
                   reterr);
}

int daemon_get_summary(const Host *host, uint64_t deadline_usec, SystemSummary *ret,
                       Error *reterr) {
        return ask(host, DAEMON_BANGERD, &interface_system, "GetSummary", ret, deadline_usec,
                   reterr);
}

int daemon_ping_helper(const Host *host, uint64_t deadline_usec, RootPong *ret, Error *reterr) {
        return ask(host, DAEMON_HELPER, &interface_root, "Ping", ret, deadline_usec, reterr);
}

int daemon_read_inventory(const Host *host, uint64_t deadline_usec, Inventory *ret,
                          Error *reterr) {
        return ask(host, DAEMON_HELPER, &interface_root, "Inventory", ret, deadline_usec, reterr);
}

int daemon_clear_resolver(const Host *host, uint64_t deadline_usec, Error *reterr) {
        return ask(host, DAEMON_HELPER, &interface_root, "ResolverClear", NULL, deadline_usec,
                   reterr);
}

int daemon_remove_bridge(const Host *host, uint64_t deadline_usec, Error *reterr) {
        return ask(host, DAEMON_HELPER, &interface_root, "BridgeRemove", NULL, deadline_usec, reterr);
}

int daemon_reap_vm(const Host *host, uint64_t deadline_usec, char *vm, RootReaped *ret,
                   Error *reterr) {
        return ask_about_vm(host, "Reap", vm, ret, deadline_usec, reterr);
}

int daemon_remove_jail(const Host *host, uint64_t deadline_usec, char *vm, Error *reterr) {
        return ask_about_vm(host, "JailRemove", vm, NULL, deadline_usec, reterr);
}

int daemon_detach_disks(const Host *host, uint64_t deadline_usec, char *vm, Error *reterr) {
        return ask_about_vm(host, "DiskDetach", vm, NULL, deadline_usec, reterr);
}

int daemon_delete_tap(const Host *host, uint64_t deadline_usec, char *vm, Error *reterr) {
        return ask_about_vm(host, "TapDelete", vm, NULL, deadline_usec, reterr);
}
