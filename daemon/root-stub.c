#include "common/varlink-poll.h"
#include "daemon/root-stub.h"

static void client_cleanup(VarlinkClient **client) {
        varlink_client_free(*client);
}

static int root_call(const char *socket, const char *method, const void *in, void *out,
                     uint64_t deadline_usec, Error *reterr) {
        _cleanup_(client_cleanup) VarlinkClient *client = NULL;
        int r;

        r = varlink_client_connect(socket, &client, reterr);
        if (r >= 0)
                r = varlink_client_call(client, &interface_root, method, in, out, NULL, 0, NULL,
                                        deadline_usec, reterr);
        return r < 0 ? error_prepend(reterr, r, "bangerd-root") : 0;
}

int root_ping(const char *socket, uint64_t deadline_usec, RootPong *ret, Error *reterr) {
        return root_call(socket, "Ping", NULL, ret, deadline_usec, reterr);
}

int root_inventory(const char *socket, uint64_t deadline_usec, Inventory *ret, Error *reterr) {
        return root_call(socket, "Inventory", NULL, ret, deadline_usec, reterr);
}
