/* What a guest may send to bangerd (io.banger.Host): framing, strict JSON and decoding, with handlers
 * that hold what the real ones take for granted. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/varlink-server.h"
#include "common/version.h"
#include "daemon/guest-channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int hello(VarlinkCall *call, const void *parameters, _unused_ void *userdata,
                 _unused_ Error *reterr) {
        const HostHello *said = parameters;
        char text[] = "web";
        const GuestConfig config = {.hostname = text};

        if (!said->version || strlen(said->version) > guest_channel_limits.message_max)
                abort();
        return varlink_call_reply(call, &config);
}

static int report(VarlinkCall *call, const void *parameters, _unused_ void *userdata,
                  Error *reterr) {
        const HostReport *said = parameters;

        if (said->stage != GUEST_AGENT && said->stage != GUEST_INIT && said->stage != GUEST_FAILED)
                abort();
        if (said->message && strlen(said->message) > guest_channel_limits.message_max)
                abort();
        if (said->stage == GUEST_FAILED)
                return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "there is no VM here");
        return varlink_call_reply(call, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const VarlinkMethod methods[] = {
                {"io.banger.Host.Hello", hello, 0},
                {"io.banger.Host.Report", report, 0},
        };
        static const Interface *const interfaces[] = {&interface_host, NULL};
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "bangerd",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = interfaces,
                .methods = methods,
                .n_methods = ELEMENTSOF(methods),
                .limits = &guest_channel_limits,
        };
        VarlinkConnection *connection = NULL;
        VarlinkServer *server = NULL;

        if (varlink_server_new(&config, &server) < 0 ||
            varlink_connection_new(server, &(Peer) {.pid = 1, .uid = 60578}, &connection) < 0)
                abort();
        /* Fed in two parts, so that messages are cut anywhere. */
        for (size_t part = 0; part < 2; part++) {
                size_t from = part ? size / 2 : 0, to = part ? size : size / 2;

                if (varlink_wire_feed(varlink_connection_wire(connection), data + from, to - from,
                                      NULL, 0, NULL) < 0 ||
                    varlink_connection_process(connection) < 0)
                        break;
        }
        varlink_connection_free(connection);
        varlink_server_free(server);
        return 0;
}
