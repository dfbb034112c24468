#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/json.h"
#include "common/strings.h"
#include "common/varlink-error.h"
#include "common/varlink-internal.h"
#include "common/varlink-poll.h"

/* Only where a service does not accept: then there would be no answer either. */
#define CONNECT_TIMEOUT_USEC (10 * USEC_PER_SEC)

struct VarlinkClient {
        int fd;
        bool ended; /* the server sends no more */
        VarlinkWire *wire;
        size_t n_unanswered;
};

int varlink_client_new(int fd, VarlinkClient **ret) {
        VarlinkClient *client = calloc(1, sizeof(*client));
        int r = -ENOMEM;

        if (client)
                r = varlink_wire_new(&varlink_limits_client, &client->wire);
        if (r < 0) {
                free(client);
                close_fd(fd);
                return r;
        }
        client->fd = fd;
        *ret = client;
        return 0;
}

int varlink_client_connect(const char *path, VarlinkClient **ret, Error *reterr) {
        int fd, r;

        r = io_connect_unix(path, clock_monotonic_usec() + CONNECT_TIMEOUT_USEC, &fd);
        if (r < 0) {
                error_set_errno(reterr, -r, "cannot connect to %s", path);
                /* A socket that is not there is a service that is not there. */
                if (reterr && (r == -ENOENT || r == -ECONNREFUSED))
                        reterr->kind = ERROR_UNREACHABLE;
                return r;
        }
        r = varlink_client_new(fd, ret);
        return r < 0 ? error_set_errno(reterr, -r, "cannot connect to %s", path) : 0;
}

VarlinkClient *varlink_client_free(VarlinkClient *client) {
        if (!client)
                return NULL;
        varlink_wire_free(client->wire);
        close_fd(client->fd);
        free(client);
        return NULL;
}

void varlink_reply_clear(VarlinkReply *reply) {
        for (size_t i = 0; i < reply->n_fds; i++)
                close_fd(reply->fds[i]);
        json_object_put(reply->parameters);
        *reply = (VarlinkReply) {.parameters = NULL};
}

int varlink_client_fd(const VarlinkClient *client) {
        return client->fd;
}

static int client_left(Error *reterr) {
        return error_set(reterr, ERROR_UNREACHABLE, ECONNRESET,
                         "the service closed the connection");
}

static int client_wait(const VarlinkClient *client, uint64_t deadline_usec, Error *reterr) {
        struct pollfd item = {.fd = client->fd, .events = client->ended ? 0 : POLLIN};
        int r;

        if (varlink_wire_queued(client->wire) > 0)
                item.events |= POLLOUT;
        do {
                r = poll(&item, 1, clock_poll_timeout(deadline_usec));
        } while (r < 0 && errno == EINTR);
        if (r < 0)
                return error_set_errno(reterr, errno, "cannot wait for the service");
        if (r == 0)
                return error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT,
                                 "the service did not answer in time");
        return 0;
}

/* One round of input. Also while sending: a server whose replies are not read stops reading. */
static int client_take_input(VarlinkClient *client, Error *reterr) {
        int r;

        if (client->ended)
                return 0;
        r = varlink_wire_receive(client->wire, client->fd, reterr);
        if (r == -EAGAIN)
                return 0;
        if (r == 0)
                client->ended = true;
        return r;
}

static int client_flush(VarlinkClient *client, uint64_t deadline_usec, Error *reterr) {
        int r;

        for (;;) {
                r = varlink_wire_send(client->wire, client->fd);
                if (r == 1)
                        return 0;
                if (r == -EPIPE || r == -ECONNRESET)
                        return client_left(reterr);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot send to the service");
                r = client_wait(client, deadline_usec, reterr);
                if (r >= 0)
                        r = client_take_input(client, reterr);
                if (r < 0)
                        return r;
        }
}

bool varlink_client_waits(const VarlinkClient *client) {
        return client->n_unanswered > 0;
}

static int add(struct json_object *object, const char *name, struct json_object *value) {
        if (value && json_object_object_add(object, name, value) == 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

static int make_call(const char *method, struct json_object *parameters, VarlinkCallFlags flags,
                     struct json_object **ret) {
        static const struct {
                const char *name;
                VarlinkCallFlags flag;
        } names[] = {
                {"more", VARLINK_CALL_MORE},
                {"oneway", VARLINK_CALL_ONEWAY},
                {"upgrade", VARLINK_CALL_UPGRADE},
        };
        _cleanup_json_ struct json_object *call = json_object_new_object();
        int r;

        if (!call)
                return -ENOMEM;
        r = add(call, "method", json_object_new_string(method));
        if (r >= 0 && parameters)
                r = add(call, "parameters", json_object_get(parameters));
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
                if (flags & names[i].flag)
                        r = add(call, names[i].name, json_object_new_boolean(true));
        if (r < 0)
                return r;
        *ret = steal_ptr(call);
        return 0;
}

/* The wire closes what it sends; the caller keeps its own. */
static int duplicate_fds(const int *fds, size_t n_fds, int *ret) {
        for (size_t i = 0; i < n_fds; i++) {
                ret[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
                if (ret[i] < 0) {
                        int r = -errno;

                        while (i > 0)
                                close_fd(ret[--i]);
                        return r;
                }
        }
        return 0;
}

int varlink_client_send(VarlinkClient *client, const char *method, struct json_object *parameters,
                        VarlinkCallFlags flags, const int *fds, size_t n_fds,
                        uint64_t deadline_usec, Error *reterr) {
        _cleanup_json_ struct json_object *call = NULL;
        int copies[VARLINK_FDS_MAX], r;

        if (n_fds > VARLINK_FDS_MAX)
                return error_set_errno(reterr, EMSGSIZE, "cannot call %s", method);
        r = make_call(method, parameters, flags, &call);
        if (r >= 0)
                r = duplicate_fds(fds, n_fds, copies);
        if (r >= 0)
                r = varlink_wire_put(client->wire, call, copies, n_fds);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot call %s", method);
        if (!(flags & VARLINK_CALL_ONEWAY))
                client->n_unanswered++;
        r = client_flush(client, deadline_usec, reterr);
        return r < 0 ? error_prepend(reterr, r, "cannot call %s", method) : 0;
}

static int bad_reply(Error *reterr) {
        return error_set(reterr, ERROR_PROTOCOL, EPROTO, "the service's reply is not Varlink");
}

/* Moves the message into the reply. Members that are not known are left to newer services. */
static int parse_reply(VarlinkMessage *message, VarlinkReply *ret, Error *reterr) {
        struct json_object *name, *parameters = NULL, *continues = NULL;
        VarlinkReply reply = {.parameters = NULL};

        if (json_object_object_get_ex(message->object, "parameters", &parameters) && parameters &&
            !json_object_is_type(parameters, json_type_object))
                return bad_reply(reterr);
        if (json_object_object_get_ex(message->object, "error", &name)) {
                if (!json_object_is_type(name, json_type_string))
                        return bad_reply(reterr);
                return varlink_error_decode(json_object_get_string(name), parameters, reterr);
        }
        if (json_object_object_get_ex(message->object, "continues", &continues) &&
            !json_object_is_type(continues, json_type_boolean))
                return bad_reply(reterr);

        reply.parameters = parameters ? json_object_get(parameters) : json_object_new_object();
        if (!reply.parameters)
                return error_set_errno(reterr, ENOMEM, "cannot read the service's reply");
        reply.continues = json_object_get_boolean(continues);
        reply.n_fds = message->n_fds;
        memcpy(reply.fds, message->fds, sizeof(reply.fds));
        message->n_fds = 0;
        *ret = reply;
        return 0;
}

int varlink_client_receive(VarlinkClient *client, uint64_t deadline_usec, VarlinkReply *ret,
                           Error *reterr) {
        VarlinkMessage message;
        VarlinkReply reply = {.continues = false};
        int r;

        if (client->n_unanswered == 0)
                return error_set(reterr, ERROR_FAILED, EINVAL, "no call waits for a reply");
        for (;;) {
                r = varlink_wire_next(client->wire, &message, reterr);
                if (r < 0)
                        return error_prepend(reterr, r, "cannot read the service's reply");
                if (r > 0)
                        break;
                if (client->ended)
                        return client_left(reterr);
                r = client_wait(client, deadline_usec, reterr);
                if (r >= 0)
                        r = client_take_input(client, reterr);
                if (r >= 0 && varlink_wire_queued(client->wire) > 0)
                        r = client_flush(client, deadline_usec, reterr);
                if (r < 0)
                        return r;
        }
        r = parse_reply(&message, &reply, reterr);
        varlink_message_clear(&message);
        if (r < 0 || !reply.continues)
                client->n_unanswered--;
        if (r < 0)
                return r;
        *ret = reply;
        return 0;
}

const Action *varlink_find_action(const Interface *interface, const char *method) {
        for (size_t i = 0; i < interface->n_actions; i++)
                if (string_equal(interface->actions[i].method, method))
                        return &interface->actions[i];
        return NULL;
}

int varlink_reply_decode(const Action *action, VarlinkReply *reply, void *out, int *ret_fd,
                         Error *reterr) {
        int r = 0;

        if (ret_fd && reply->n_fds != 1)
                return bad_reply(reterr);
        if (out)
                r = schema_decode(action->out, reply->parameters, out, reterr);
        if (r < 0) {
                /* It is not the user's parameter that is wrong. */
                if (reterr && reterr->kind == ERROR_INVALID_PARAMETER)
                        reterr->kind = ERROR_PROTOCOL;
                return error_prepend(reterr, r, "cannot read the service's reply");
        }
        if (ret_fd)
                *ret_fd = steal_fd(&reply->fds[0]);
        return 0;
}

int varlink_client_call(VarlinkClient *client, const Interface *interface, const char *method,
                        const void *in, void *out, const int *fds, size_t n_fds, int *ret_fd,
                        uint64_t deadline_usec, Error *reterr) {
        const Action *action = varlink_find_action(interface, method);
        _cleanup_(varlink_reply_clear) VarlinkReply reply = {.parameters = NULL};
        _cleanup_json_ struct json_object *parameters = NULL;
        _cleanup_free_ char *name = NULL;
        VarlinkCallFlags flags;
        int r;

        name = string_format("%s.%s", interface->name, method);
        if (!name)
                return error_set_errno(reterr, ENOMEM, "cannot call %s", method);
        if (!action)
                return error_set(reterr, ERROR_FAILED, EINVAL, "there is no method %s", name);
        if (client->n_unanswered > 0)
                return error_set(reterr, ERROR_BUSY, EBUSY,
                                 "cannot call %s: an earlier call has no answer yet", name);
        if (in) {
                r = schema_encode(action->in, in, &parameters);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot encode the call of %s", name);
        }
        flags = (VarlinkCallFlags) (action->flags & ACTION_UPGRADES ? VARLINK_CALL_UPGRADE : 0);
        r = varlink_client_send(client, name, parameters, flags, fds, n_fds, deadline_usec, reterr);
        if (r >= 0)
                r = varlink_client_receive(client, deadline_usec, &reply, reterr);
        if (r < 0)
                return r;
        if (reply.continues)
                return bad_reply(reterr);
        return varlink_reply_decode(action, &reply, out, ret_fd, reterr);
}

int varlink_client_steal(VarlinkClient *client, void **ret_rest, size_t *ret_rest_size) {
        const void *rest;
        void *copy;
        size_t size;

        rest = varlink_wire_rest(client->wire, &size);
        copy = malloc(size > 0 ? size : 1);
        if (!copy)
                return -ENOMEM;
        if (size > 0)
                memcpy(copy, rest, size);
        *ret_rest = copy;
        *ret_rest_size = size;
        client->ended = true;
        return steal_fd(&client->fd);
}
