/* One call: what its handler may ask it, and how it is answered. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/varlink-error.h"
#include "common/varlink-internal.h"

int varlink_call_new(VarlinkConnection *connection, VarlinkCall **ret) {
        VarlinkCall *call = calloc(1, sizeof(*call));

        if (!call)
                return -ENOMEM;
        call->n_refs = 1;
        call->server = connection->server;
        call->connection = connection;
        call->peer = connection->peer;
        call->started_usec = clock_monotonic_usec();
        *ret = call;
        return 0;
}

static void drop_out_fds(VarlinkCall *call) {
        for (size_t i = 0; i < call->n_out_fds; i++)
                close_fd(call->out_fds[i]);
        call->n_out_fds = 0;
}

static void call_free(VarlinkCall *call) {
        for (size_t i = 0; i < call->n_in_fds; i++)
                close_fd(call->in_fds[i]);
        drop_out_fds(call);
        if (call->parameters)
                schema_clear(call->action->in, call->parameters);
        free(call->parameters);
        free(call->method);
        free(call);
}

VarlinkCall *varlink_call_ref(VarlinkCall *call) {
        call->n_refs++;
        return call;
}

/* Nobody is left who could answer: the client must not wait for ever, nor `done` be missed. */
static void call_drop(VarlinkCall *call) {
        _cleanup_error_ Error error = ERROR_INIT;
        bool left = !call->connection;

        varlink_call_fail(call,
                          error_set(&error, ERROR_CANCELED, ECANCELED, "%s",
                                    left ? "the client left" : "the call was dropped"),
                          &error);
}

VarlinkCall *varlink_call_unref(VarlinkCall *call) {
        /* The connection's own reference cannot answer. */
        unsigned n_silent = 1;

        if (!call)
                return NULL;
        if (call->connection)
                n_silent++;
        if (call->state == CALL_LEFT && call->n_refs == n_silent)
                call_drop(call);
        call->n_refs--;
        if (call->n_refs == 0)
                call_free(call);
        return NULL;
}

const Peer *varlink_call_peer(const VarlinkCall *call) {
        return &call->peer;
}

const char *varlink_call_method(const VarlinkCall *call) {
        return call->method;
}

const char *varlink_call_text(const VarlinkCall *call, const char *field) {
        const Field *found = call->parameters ? schema_find(call->action->in, field) : NULL;
        const void *at;

        if (!found || found->type != FIELD_STRING)
                return NULL;
        at = (const char *) call->parameters + found->offset;
        return *(char *const *) at;
}

const Action *varlink_call_action(const VarlinkCall *call) {
        return call->action;
}

bool varlink_call_wants_more(const VarlinkCall *call) {
        return call->more;
}

bool varlink_call_gone(const VarlinkCall *call) {
        return !call->connection;
}

int varlink_call_take_fd(VarlinkCall *call, size_t index) {
        return index < call->n_in_fds ? steal_fd(&call->in_fds[index]) : -1;
}

size_t varlink_call_n_fds(const VarlinkCall *call) {
        return call->n_in_fds;
}

int varlink_call_push_fd(VarlinkCall *call, int fd) {
        if (fd < 0)
                return -EBADF;
        if (call->state == CALL_FINISHED ||
            call->n_out_fds == call->server->config->limits->fds_max) {
                close_fd(fd);
                return call->state == CALL_FINISHED ? -EALREADY : -EMSGSIZE;
        }
        call->out_fds[call->n_out_fds++] = fd;
        return 0;
}

void varlink_call_set_upgrade(VarlinkCall *call, VarlinkUpgrade upgrade, void *userdata) {
        call->upgrade_to = upgrade;
        call->upgrade_userdata = userdata;
}

void varlink_call_set_gone(VarlinkCall *call, void (*gone)(VarlinkCall *, void *), void *userdata) {
        call->gone = gone;
        call->gone_userdata = userdata;
}

static void wake(VarlinkConnection *connection) {
        if (connection && !connection->processing && connection->wakeup)
                connection->wakeup(connection, connection->wakeup_userdata);
}

static int call_send(VarlinkCall *call, struct json_object *reply) {
        VarlinkConnection *connection = call->connection;
        size_t n_fds;
        int r;

        if (!connection || call->oneway) {
                drop_out_fds(call);
                return 0;
        }
        if (connection->broken < 0)
                return connection->broken;
        n_fds = call->n_out_fds;
        call->n_out_fds = 0;
        r = varlink_wire_put(connection->wire, reply, call->out_fds, n_fds);
        /* The client would wait for a reply that never comes, or take the next for this one. */
        if (r < 0)
                connection->broken = r;
        return r;
}

/* After the final reply the socket belongs to the handler's other protocol. */
static void call_hand_over(VarlinkCall *call) {
        VarlinkUpgrade upgrade = call->upgrade_to;

        call->upgrade_to = NULL;
        if (!upgrade)
                return;
        if (!call->connection) {
                upgrade(-1, NULL, 0, call->upgrade_userdata);
                return;
        }
        call->connection->upgraded = true;
        call->connection->upgrade = upgrade;
        call->connection->upgrade_userdata = call->upgrade_userdata;
}

int varlink_call_finish(VarlinkCall *call, struct json_object *reply, int r, const Error *error) {
        const VarlinkHooks *hooks = call->server->config->hooks;
        VarlinkConnection *connection = call->connection;
        CallState state = call->state;
        int send_r;

        if (state == CALL_FINISHED)
                return -EALREADY;
        call->state = CALL_FINISHED;
        send_r = reply ? call_send(call, reply) : 0;
        if (r == 0)
                call_hand_over(call);
        if (state != CALL_NEW && hooks && hooks->done) {
                _cleanup_error_ Error unsent = ERROR_INIT;

                if (r == 0 && send_r < 0) {
                        error_set_errno(&unsent, -send_r, "cannot send the reply");
                        r = send_r;
                        error = &unsent;
                }
                hooks->done(call, r, error, clock_monotonic_usec() - call->started_usec,
                            call->server->config->userdata);
        }

        if (connection && connection->current == call) {
                connection->current = NULL;
                varlink_call_unref(call);
        }
        wake(connection);
        return send_r;
}

static int make_reply(const VarlinkCall *call, const void *out, bool continues,
                      struct json_object **ret) {
        _cleanup_json_ struct json_object *reply = json_object_new_object(), *parameters = NULL;
        struct json_object *flag;
        int r;

        if (!reply)
                return -ENOMEM;
        if (out)
                r = schema_encode(call->action->out, out, &parameters);
        else
                r = (parameters = json_object_new_object()) ? 0 : -ENOMEM;
        if (r < 0)
                return r;
        if (json_object_object_add(reply, "parameters", parameters) < 0)
                return -ENOMEM;
        steal_ptr(parameters);
        if (continues) {
                flag = json_object_new_boolean(true);
                if (!flag || json_object_object_add(reply, "continues", flag) < 0) {
                        json_object_put(flag);
                        return -ENOMEM;
                }
        }
        *ret = steal_ptr(reply);
        return 0;
}

/* Encodes; what cannot be encoded ends the call with an error. */
static int prepare_reply(VarlinkCall *call, const void *out, bool continues,
                         struct json_object **ret) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = make_reply(call, out, continues, ret);
        if (r < 0) {
                error_set(&error, ERROR_FAILED, -r, "cannot encode the reply of %s: %s",
                          call->method, strerror(-r));
                varlink_call_fail(call, r, &error);
        }
        return r;
}

int varlink_call_reply(VarlinkCall *call, const void *out) {
        _cleanup_json_ struct json_object *reply = NULL;
        int r;

        if (call->state == CALL_FINISHED)
                return -EALREADY;
        r = prepare_reply(call, out, false, &reply);
        return r < 0 ? r : varlink_call_finish(call, reply, 0, NULL);
}

int varlink_call_progress(VarlinkCall *call, const void *out) {
        _cleanup_json_ struct json_object *reply = NULL;
        int r;

        if (call->state == CALL_FINISHED)
                return -EALREADY;
        if (call->oneway || !call->connection)
                return 0;
        if (!call->more)
                return -EINVAL;
        r = prepare_reply(call, out, true, &reply);
        if (r < 0)
                return r;
        r = call_send(call, reply);
        wake(call->connection);
        return r;
}

int varlink_call_fail(VarlinkCall *call, int r, const Error *error) {
        _cleanup_json_ struct json_object *reply = NULL;
        _cleanup_error_ Error bare = ERROR_INIT;
        int encode_r;

        if (call->state == CALL_FINISHED)
                return -EALREADY;
        if (r >= 0)
                r = -EIO;
        if (!error || !error->message) {
                error_set_errno(&bare, -r, "%s failed", call->method);
                error = &bare;
        }
        encode_r = varlink_error_encode(call->interface->name, error, &reply);
        if (encode_r < 0 && call->connection && !call->oneway)
                call->connection->broken = encode_r;
        /* Descriptors belong to a success. */
        drop_out_fds(call);
        return varlink_call_finish(call, reply, r, error);
}

void varlink_call_abandon(VarlinkCall *call) {
        call->connection = NULL;
        if (call->gone && !call->oneway)
                call->gone(call, call->gone_userdata);
}
