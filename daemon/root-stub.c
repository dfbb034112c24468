#include "daemon/root-stub.h"

#include <errno.h>

#include "common/clock.h"
#include "common/varlink-stream.h"

static void client_cleanup(VarlinkClient **client) {
        varlink_client_free(*client);
}

static int on_cancel(_unused_ VarlinkStream *stream, _unused_ void *userdata, Error *reterr) {
        return error_set(reterr, ERROR_CANCELED, ECANCELED, "it was cancelled");
}

typedef struct RootCall {
        const char *method;
        const void *in;
        void *out;
        const int *fds; /* borrowed */
        size_t n_fds;
        uint64_t deadline_usec;
        int cancel_fd; /* -1: none */
        int *ret_fd;
        bool once; /* may not be asked for again */
} RootCall;

/* On a connection of its own. */
static int call_once(const char *socket, const RootCall *call, Error *reterr) {
        _cleanup_(client_cleanup) VarlinkClient *client = NULL;
        VarlinkStream stream = {
                .deadline_usec = call->deadline_usec,
                .wake_fd = call->cancel_fd,
                .on_wake = on_cancel,
                .ret_fd = call->ret_fd,
        };
        int r;

        r = varlink_client_connect(socket, &client, reterr);
        if (r >= 0)
                r = varlink_client_stream(client, &interface_root, call->method, call->in,
                                          call->out, call->fds, call->n_fds, &stream, reterr);
        return r;
}

/* A helper that was killed or restarted under the call: nearly every verb may be asked for again, and
 * systemd holds the connection until there is a new one. */
static int root_call(const char *socket, const RootCall *call, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = call_once(socket, call, &error);

        if (r < 0 && error.kind == ERROR_UNREACHABLE && !call->once &&
            clock_monotonic_usec() < call->deadline_usec) {
                error_clear(&error);
                r = call_once(socket, call, &error);
        }
        if (r >= 0)
                return 0;
        /* To our clients it is bangerd that they reach or do not. */
        if (error.kind == ERROR_UNREACHABLE) {
                error.kind = ERROR_UNAVAILABLE;
                (void) error_set_hint(&error, r, "run: sudo systemctl start bangerd-root.socket");
        }
        (void) error_prepend(&error, r, "bangerd-root");
        if (reterr)
                error_move(reterr, &error);
        return r;
}

/* A verb without descriptors. */
static int root_do(const char *socket, const char *method, const void *in, void *out,
                   uint64_t deadline_usec, Error *reterr) {
        const RootCall call = {
                .method = method,
                .in = in,
                .out = out,
                .deadline_usec = deadline_usec,
                .cancel_fd = -1,
        };

        return root_call(socket, &call, reterr);
}

int root_ping(const char *socket, uint64_t deadline_usec, RootPong *ret, Error *reterr) {
        return root_do(socket, "Ping", NULL, ret, deadline_usec, reterr);
}

int root_inventory(const char *socket, uint64_t deadline_usec, Inventory *ret, Error *reterr) {
        return root_do(socket, "Inventory", NULL, ret, deadline_usec, reterr);
}

int root_bridge_ensure(const char *socket, uint64_t deadline_usec, const RootRequest *request,
                       Error *reterr) {
        return root_do(socket, "BridgeEnsure", request, NULL, deadline_usec, reterr);
}

int root_bridge_remove(const char *socket, uint64_t deadline_usec, Error *reterr) {
        return root_do(socket, "BridgeRemove", NULL, NULL, deadline_usec, reterr);
}

int root_resolver_set(const char *socket, uint64_t deadline_usec, Error *reterr) {
        return root_do(socket, "ResolverSet", NULL, NULL, deadline_usec, reterr);
}

int root_resolver_clear(const char *socket, uint64_t deadline_usec, Error *reterr) {
        return root_do(socket, "ResolverClear", NULL, NULL, deadline_usec, reterr);
}

int root_tap_create(const char *socket, uint64_t deadline_usec, const RootVm *vm, Error *reterr) {
        return root_do(socket, "TapCreate", vm, NULL, deadline_usec, reterr);
}

int root_tap_delete(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                    Error *reterr) {
        return root_do(socket, "TapDelete", vm, NULL, deadline_usec, reterr);
}

int root_network_set(const char *socket, uint64_t deadline_usec, const RootNetwork *network,
                     RootNetworkDone *ret, Error *reterr) {
        return root_do(socket, "NetworkSet", network, ret, deadline_usec, reterr);
}

int root_disk_attach(const char *socket, uint64_t deadline_usec, const RootDiskAttach *disk,
                     Error *reterr) {
        return root_do(socket, "DiskAttach", disk, NULL, deadline_usec, reterr);
}

int root_disk_detach(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                     Error *reterr) {
        return root_do(socket, "DiskDetach", vm, NULL, deadline_usec, reterr);
}

int root_disk_grow(const char *socket, uint64_t deadline_usec, const RootDiskGrow *grow,
                   Error *reterr) {
        return root_do(socket, "DiskGrow", grow, NULL, deadline_usec, reterr);
}

int root_jail_make(const char *socket, uint64_t deadline_usec, const RootJailMake *jail,
                   int *ret_listener_fd, Error *reterr) {
        const RootCall call = {
                .method = "JailMake",
                .in = jail,
                .deadline_usec = deadline_usec,
                .cancel_fd = -1,
                .ret_fd = ret_listener_fd,
        };

        return root_call(socket, &call, reterr);
}

int root_jail_remove(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                     Error *reterr) {
        return root_do(socket, "JailRemove", vm, NULL, deadline_usec, reterr);
}

/* A second launch would be refused: the unit of the first may run. */
int root_launch(const char *socket, uint64_t deadline_usec, const RootLaunch *launch, int pty_fd,
                int log_fd, Error *reterr) {
        const int fds[] = {pty_fd, log_fd};
        const RootCall call = {
                .method = "Launch",
                .in = launch,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .deadline_usec = deadline_usec,
                .cancel_fd = -1,
                .once = true,
        };

        return root_call(socket, &call, reterr);
}

int root_socket(const char *socket, uint64_t deadline_usec, const RootSockets *wanted, int cancel_fd,
                int *ret_fd, Error *reterr) {
        const RootCall call = {
                .method = "Sockets",
                .in = wanted,
                .deadline_usec = deadline_usec,
                .cancel_fd = cancel_fd,
                .ret_fd = ret_fd,
        };

        return root_call(socket, &call, reterr);
}

int root_stop(const char *socket, uint64_t deadline_usec, const RootStop *stop, Error *reterr) {
        return root_do(socket, "Stop", stop, NULL, deadline_usec, reterr);
}

int root_reap(const char *socket, uint64_t deadline_usec, const RootVmRef *vm, RootReaped *ret,
              Error *reterr) {
        return root_do(socket, "Reap", vm, ret, deadline_usec, reterr);
}
