#include "daemon/root-stub.h"

#include <errno.h>

#include "common/clock.h"
#include "common/varlink-poll.h"

static void client_cleanup(VarlinkClient **client) {
        varlink_client_free(*client);
}

/* As varlink_client_call(), on a connection of its own. */
static int root_call_fds(const char *socket, const char *method, const void *in, void *out,
                         const int *fds, size_t n_fds, int *ret_fd, uint64_t deadline_usec,
                         Error *reterr) {
        _cleanup_(client_cleanup) VarlinkClient *client = NULL;
        int r;

        r = varlink_client_connect(socket, &client, reterr);
        if (r >= 0)
                r = varlink_client_call(client, &interface_root, method, in, out, fds, n_fds,
                                        ret_fd, deadline_usec, reterr);
        if (r >= 0)
                return 0;
        /* To our clients it is bangerd that they reach or do not. */
        if (reterr && reterr->kind == ERROR_UNREACHABLE) {
                reterr->kind = ERROR_UNAVAILABLE;
                (void) error_set_hint(reterr, r, "run: sudo systemctl start bangerd-root.socket");
        }
        return error_prepend(reterr, r, "bangerd-root");
}

/* A helper that was killed or restarted under the call: its verbs without descriptors may all be
 * asked for again, and systemd holds the connection until there is a new one. */
static int root_call(const char *socket, const char *method, const void *in, void *out,
                     uint64_t deadline_usec, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = root_call_fds(socket, method, in, out, NULL, 0, NULL, deadline_usec, &error);

        if (r < 0 && error.kind == ERROR_UNREACHABLE && clock_monotonic_usec() < deadline_usec)
                return root_call_fds(socket, method, in, out, NULL, 0, NULL, deadline_usec, reterr);
        if (r < 0 && reterr)
                error_move(reterr, &error);
        return r;
}

int root_ping(const char *socket, uint64_t deadline_usec, RootPong *ret, Error *reterr) {
        return root_call(socket, "Ping", NULL, ret, deadline_usec, reterr);
}

int root_inventory(const char *socket, uint64_t deadline_usec, Inventory *ret, Error *reterr) {
        return root_call(socket, "Inventory", NULL, ret, deadline_usec, reterr);
}

int root_bridge_ensure(const char *socket, uint64_t deadline_usec, Error *reterr) {
        return root_call(socket, "BridgeEnsure", NULL, NULL, deadline_usec, reterr);
}

int root_bridge_remove(const char *socket, uint64_t deadline_usec, Error *reterr) {
        return root_call(socket, "BridgeRemove", NULL, NULL, deadline_usec, reterr);
}

int root_tap_create(const char *socket, uint64_t deadline_usec, const RootVm *vm, Error *reterr) {
        return root_call(socket, "TapCreate", vm, NULL, deadline_usec, reterr);
}

int root_tap_delete(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                    Error *reterr) {
        return root_call(socket, "TapDelete", vm, NULL, deadline_usec, reterr);
}

int root_disk_attach(const char *socket, uint64_t deadline_usec, const RootDiskAttach *disk,
                     Error *reterr) {
        return root_call(socket, "DiskAttach", disk, NULL, deadline_usec, reterr);
}

int root_disk_detach(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                     Error *reterr) {
        return root_call(socket, "DiskDetach", vm, NULL, deadline_usec, reterr);
}

int root_jail_make(const char *socket, uint64_t deadline_usec, const RootJailMake *jail,
                   int *ret_listener_fd, Error *reterr) {
        return root_call_fds(socket, "JailMake", jail, NULL, NULL, 0, ret_listener_fd,
                             deadline_usec, reterr);
}

int root_jail_remove(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                     Error *reterr) {
        return root_call(socket, "JailRemove", vm, NULL, deadline_usec, reterr);
}

int root_launch(const char *socket, uint64_t deadline_usec, const RootLaunch *launch, int pty_fd,
                int log_fd, Error *reterr) {
        const int fds[] = {pty_fd, log_fd};

        return root_call_fds(socket, "Launch", launch, NULL, fds, ELEMENTSOF(fds), NULL,
                             deadline_usec, reterr);
}

int root_socket(const char *socket, uint64_t deadline_usec, const RootSockets *wanted, int *ret_fd,
                Error *reterr) {
        return root_call_fds(socket, "Sockets", wanted, NULL, NULL, 0, ret_fd, deadline_usec,
                             reterr);
}

int root_stop(const char *socket, uint64_t deadline_usec, const RootStop *stop, Error *reterr) {
        return root_call(socket, "Stop", stop, NULL, deadline_usec, reterr);
}

int root_reap(const char *socket, uint64_t deadline_usec, const RootVmRef *vm, RootReaped *ret,
              Error *reterr) {
        return root_call(socket, "Reap", vm, ret, deadline_usec, reterr);
}
