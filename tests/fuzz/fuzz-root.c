/* What the owner may send to the helper: framing, strict JSON, decoding and dispatch, with sources
 * and handlers that touch no host. */

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/strings.h"
#include "common/version.h"
#include "helper/dispatch.h"
#include "helper/firewall-rules.h"
#include "helper/session.h"

#define METHODS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fake_source(_unused_ const Host *host, Inventory *inventory, _unused_ Error *reterr) {
        const VmId vm = {.text = "0123456789"};

        return inventory_add(inventory, INVENTORY_LINK, "bgr-0123456789", &vm, "tun, up");
}

static void drop(_unused_ int level, _unused_ const LogField *fields, _unused_ const char *message,
                 _unused_ void *userdata) {
}

/* What every real handler takes for granted: nothing but ids, slots, addresses and ports gets this
 * far. */
static void check_value(const Schema *schema, const void *value) {
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];
                const void *at = (const char *) value + field->offset;
                const Objects *objects = at;
                struct in_addr address;

                if (field->type == FIELD_OBJECTS)
                        for (size_t j = 0; j < objects->n_items; j++)
                                check_value(field->nested, (const char *) objects->items +
                                                                   j * field->nested->size);
                if (field->type == FIELD_STRING) {
                        const char *text = *(const char *const *) at;

                        if (!text && field->required)
                                abort();
                        if (text && !(string_equal(field->name, "address")
                                              ? inet_pton(AF_INET, text, &address) == 1
                                              : vm_id_valid(text)))
                                abort();
                }
                if (string_equal(field->name, "slot") &&
                    vm_slot_uid((unsigned) *(const int64_t *) at) == (uid_t) -1)
                        abort();
                if (string_equal(field->name, "host_port") &&
                    (*(const int64_t *) at < 1 || *(const int64_t *) at > UINT16_MAX))
                        abort();
        }
}

/* As far as the rules' text, which nothing of the request may break out of. */
static void write_network(const RootNetwork *network) {
        static const FirewallTable none;
        FirewallPlan plan = {};
        char *text = NULL;
        size_t size = 0;
        FILE *out;

        if (firewall_plan_make(network, &config_default, &plan, NULL) < 0)
                return;
        out = open_memstream(&text, &size);
        if (!out)
                abort();
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++)
                firewall_rules_write(out, (FirewallFamily) i, &plan, &none, false);
        if (fclose(out) != 0)
                abort();
        free(text);
        firewall_plan_clear(&plan);
}

static int fake_handler(VarlinkCall *call, const void *parameters, _unused_ void *userdata,
                        Error *reterr) {
        const Schema *schema = varlink_call_action(call)->in;

        check_value(schema, parameters);
        if (schema == &root_network_schema)
                write_network(parameters);
        return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "there is no host here");
}

static size_t fake_methods(VarlinkMethod *methods) {
        if (root_n_methods > METHODS_MAX)
                abort();
        for (size_t i = 0; i < root_n_methods; i++) {
                methods[i] = root_methods[i];
                if (!string_equal(methods[i].name, "io.banger.Root.Ping") &&
                    !string_equal(methods[i].name, "io.banger.Root.Inventory"))
                        methods[i].handler = fake_handler;
        }
        return root_n_methods;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        VarlinkMethod methods[METHODS_MAX];
        static const HostPaths paths = {
                .proc = "/", .sys = "/", .dev = "/", .state = "/", .bridge = "b", .carrier = "c",
                .carrier_kind = "dummy"};
        static const InventorySource sources[] = {{"fakes", fake_source}};
        static const RecordSink sink = {.write = drop};
        static const SessionConfig session_config = {
                .paths = &paths, .sources = sources, .n_sources = 1, .record = &sink};
        Session session = {.config = &session_config};
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "bangerd-root",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = root_interfaces,
                .methods = methods,
                .n_methods = fake_methods(methods),
                .hooks = &root_hooks,
                .limits = &varlink_limits_helper,
                .userdata = &session,
        };
        const Peer peer = {.pid = 1, .uid = 1000, .gid = 1000};
        VarlinkConnection *connection = NULL;
        VarlinkServer *server = NULL;

        if (varlink_server_new(&config, &server) < 0 ||
            varlink_connection_new(server, &peer, &connection) < 0)
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
