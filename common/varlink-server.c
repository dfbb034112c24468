#include "common/varlink-server.h"

#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "common/strings.h"
#include "common/varlink-error.h"
#include "common/varlink-internal.h"

/* Calls taken at one go, so that a client that pipelines many does not keep the others waiting. */
#define BATCH 32

static const VarlinkMethod *find_row(const VarlinkServerConfig *config, const char *method) {
        for (size_t i = 0; i < config->n_methods; i++)
                if (string_equal(config->methods[i].name, method))
                        return &config->methods[i];
        return varlink_service_find(method);
}

/* The tables are const and written by hand: a mistake in them shows at the first start. */
static int check_tables(const VarlinkServerConfig *config) {
        for (const Interface *const *interface = config->interfaces; *interface; interface++)
                for (size_t i = 0; i < (*interface)->n_actions; i++) {
                        const char *method = (*interface)->actions[i].method;
                        _cleanup_free_ char *name = NULL;

                        if (!method)
                                continue;
                        name = string_format("%s.%s", (*interface)->name, method);
                        if (!name)
                                return -ENOMEM;
                        if (!find_row(config, name))
                                return -EINVAL;
                }
        for (size_t i = 0; i < config->n_methods; i++)
                if (!action_find_method(config->interfaces, config->methods[i].name, NULL))
                        return -EINVAL;
        return 0;
}

int varlink_server_new(const VarlinkServerConfig *config, VarlinkServer **ret) {
        VarlinkServer *server;
        size_t n = 0;
        int r;

        r = check_tables(config);
        if (r < 0)
                return r;
        while (config->interfaces[n])
                n++;
        server = calloc(1, sizeof(*server));
        if (!server)
                return -ENOMEM;
        server->interfaces = calloc(n + 2, sizeof(*server->interfaces));
        if (!server->interfaces) {
                free(server);
                return -ENOMEM;
        }
        server->config = config;
        server->interfaces[server->n_interfaces++] = &varlink_service_interface;
        for (size_t i = 0; i < n; i++)
                server->interfaces[server->n_interfaces++] = config->interfaces[i];
        *ret = server;
        return 0;
}

VarlinkServer *varlink_server_free(VarlinkServer *server) {
        if (server)
                free(server->interfaces);
        free(server);
        return NULL;
}

void varlink_server_refuse(const VarlinkServer *server, const Peer *peer, const Error *error) {
        const VarlinkHooks *hooks = server->config->hooks;

        if (hooks && hooks->refused)
                hooks->refused(peer, error, server->config->userdata);
}

int varlink_connection_new(VarlinkServer *server, const Peer *peer, VarlinkConnection **ret) {
        VarlinkConnection *connection = calloc(1, sizeof(*connection));
        int r;

        if (!connection)
                return -ENOMEM;
        r = varlink_wire_new(server->config->limits, &connection->wire);
        if (r < 0) {
                free(connection);
                return r;
        }
        connection->server = server;
        connection->peer = *peer;
        *ret = connection;
        return 0;
}

VarlinkConnection *varlink_connection_free(VarlinkConnection *connection) {
        VarlinkCall *call;

        if (!connection)
                return NULL;
        call = steal_ptr(connection->current);
        if (call) {
                varlink_call_abandon(call);
                varlink_call_unref(call);
        }
        if (connection->upgrade)
                connection->upgrade(-1, NULL, 0, connection->upgrade_userdata);
        varlink_wire_free(connection->wire);
        free(connection);
        return NULL;
}

VarlinkWire *varlink_connection_wire(VarlinkConnection *connection) {
        return connection->wire;
}

bool varlink_connection_busy(const VarlinkConnection *connection) {
        return connection->current;
}

bool varlink_connection_awaited(const VarlinkConnection *connection) {
        return connection->current && !connection->current->oneway;
}

void varlink_connection_set_wakeup(VarlinkConnection *connection,
                                   void (*wakeup)(VarlinkConnection *, void *), void *userdata) {
        connection->wakeup = wakeup;
        connection->wakeup_userdata = userdata;
}

VarlinkUpgrade varlink_connection_upgrade(VarlinkConnection *connection, void **ret_userdata) {
        VarlinkUpgrade upgrade = connection->upgrade;

        if (!upgrade || varlink_wire_queued(connection->wire) > 0)
                return NULL;
        connection->upgrade = NULL;
        *ret_userdata = connection->upgrade_userdata;
        return upgrade;
}

/* Answers a call that never reaches a handler. `reply` NULL: the error as it is. */
static int refuse_call(VarlinkCall *call, struct json_object *reply, int r, const Error *error) {
        _cleanup_json_ struct json_object *made = NULL;
        int encode_r;

        varlink_server_refuse(call->server, &call->peer, error);
        if (call->oneway)
                return varlink_call_finish(call, NULL, r, error);
        if (!reply) {
                encode_r = varlink_error_encode(
                        call->interface ? call->interface->name : VARLINK_SERVICE, error, &made);
                if (encode_r < 0) {
                        call->connection->broken = encode_r;
                        return encode_r;
                }
                reply = made;
        }
        return varlink_call_finish(call, reply, r, error);
}

static int refuse_unknown(VarlinkCall *call, const char *name, const char *member,
                          const char *value) {
        _cleanup_json_ struct json_object *reply = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        error_set(&error, ERROR_PROTOCOL, EOPNOTSUPP, "%s: %s", name, value);
        r = varlink_error_encode_service(name, member, value, &reply);
        if (r < 0) {
                call->connection->broken = r;
                return r;
        }
        return refuse_call(call, reply, -EOPNOTSUPP, &error);
}

static bool has_interface(const VarlinkServer *server, const char *name) {
        for (size_t i = 0; i < server->n_interfaces; i++)
                if (string_equal(server->interfaces[i]->name, name))
                        return true;
        return false;
}

/* What the method's row says about flags and descriptors. */
static int check_use(const VarlinkCall *call, Error *reterr) {
        bool upgrades = call->action->flags & ACTION_UPGRADES;

        if (call->upgrade != upgrades) {
                error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "%s %s an upgrade", call->method,
                          upgrades ? "must be called as" : "is not");
                return error_set_field(reterr, -EINVAL, "upgrade");
        }
        if (call->n_in_fds > 0 && !(call->action->flags & ACTION_TAKES_FD)) {
                error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "%s takes no descriptors",
                          call->method);
                return error_set_field(reterr, -EINVAL, "descriptors");
        }
        return 0;
}

static int decode_parameters(VarlinkCall *call, struct json_object *parameters, Error *reterr) {
        const Schema *schema = call->action->in;
        void *value;
        int r;

        value = calloc(1, schema->size > 0 ? schema->size : 1);
        if (!value)
                return -ENOMEM;
        r = schema_decode(schema, parameters, value, reterr);
        if (r < 0) {
                free(value);
                return r;
        }
        call->parameters = value;
        return 0;
}

static int enter_handler(VarlinkCall *call, Error *reterr) {
        VarlinkServer *server = call->server;
        bool built_in = call->interface == &varlink_service_interface;
        void *userdata = built_in ? server : server->config->userdata;

        call->state = CALL_ENTERED;
        return call->row->handler(call, call->parameters, userdata, reterr);
}

/* The handler has returned r. The connection's reference and this frame's are the only ones when it
 * has kept none. */
static void leave_handler(VarlinkCall *call, int r, const Error *error) {
        if (call->state == CALL_FINISHED)
                return;
        if (r < 0)
                varlink_call_fail(call, r, error);
        else if (call->oneway && call->n_refs == 2)
                varlink_call_finish(call, NULL, 0, NULL);
        else
                call->state = CALL_LEFT; /* our caller's unref fails it when nobody can answer */
}

static int dispatch(VarlinkCall *call, struct json_object *parameters) {
        const VarlinkServerConfig *config = call->server->config;
        _cleanup_error_ Error error = ERROR_INIT;
        const char *dot = strrchr(call->method, '.');
        int r;

        call->action = action_find_method(call->server->interfaces, call->method, &call->interface);
        if (!call->action) {
                _cleanup_free_ char *interface = strndup(call->method,
                                                         (size_t) (dot - call->method));

                if (!interface)
                        return -ENOMEM;
                if (!has_interface(call->server, interface))
                        return refuse_unknown(call, "InterfaceNotFound", "interface", interface);
                return refuse_unknown(call, "MethodNotFound", "method", call->method);
        }
        call->row = find_row(config, call->method);
        if (!call->row || !call->row->handler)
                return refuse_unknown(call, "MethodNotImplemented", "method", call->method);

        r = config->hooks && config->hooks->admit
                    ? config->hooks->admit(call, call->row, config->userdata, &error)
                    : 0;
        if (r >= 0)
                r = check_use(call, &error);
        if (r >= 0)
                r = decode_parameters(call, parameters, &error);
        if (r < 0) {
                if (!error.message)
                        error_set_errno(&error, -r, "cannot call %s", call->method);
                return refuse_call(call, NULL, r, &error);
        }
        r = enter_handler(call, &error);
        leave_handler(call, r, &error);
        return 0;
}

static int take_message(VarlinkConnection *connection, VarlinkMessage *message) {
        _cleanup_error_ Error error = ERROR_INIT;
        struct json_object *parameters;
        VarlinkCall *call;
        int r;

        r = varlink_call_new(connection, &call);
        if (r < 0)
                return r;
        connection->current = varlink_call_ref(call);
        r = varlink_envelope_parse(call, message, &parameters, &error);
        if (r == -EINVAL)
                r = refuse_call(call, NULL, r, &error);
        else if (r >= 0)
                r = dispatch(call, parameters);
        varlink_call_unref(call);
        return r;
}

static int process(VarlinkConnection *connection) {
        size_t backlog_max = connection->server->config->limits->output_max / 2;

        for (size_t n = 0; !connection->current && !connection->upgraded; n++) {
                _cleanup_error_ Error error = ERROR_INIT;
                VarlinkMessage message;
                int r;

                if (connection->broken < 0)
                        return connection->broken;
                /* A client that does not read its replies is not given more of them. */
                if (varlink_wire_ready(connection->wire) &&
                    (n == BATCH || varlink_wire_queued(connection->wire) > backlog_max))
                        return 1;
                r = varlink_wire_next(connection->wire, &message, &error);
                if (r == 0)
                        return 0;
                if (r < 0) {
                        varlink_server_refuse(connection->server, &connection->peer, &error);
                        connection->broken = r;
                        return r;
                }
                r = take_message(connection, &message);
                varlink_message_clear(&message);
                if (r < 0) {
                        connection->broken = r;
                        return r;
                }
        }
        return connection->broken;
}

int varlink_connection_process(VarlinkConnection *connection) {
        int r;

        connection->processing = true;
        r = process(connection);
        connection->processing = false;
        return r;
}
