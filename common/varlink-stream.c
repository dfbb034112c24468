#include <errno.h>
#include <poll.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/strings.h"
#include "common/varlink-internal.h"
#include "common/varlink-stream.h"

static int send_call(VarlinkClient *client, const Interface *interface, const Action *action,
                     const void *in, const int *fds, size_t n_fds, uint64_t deadline_usec,
                     Error *reterr) {
        _cleanup_free_ char *name = string_format("%s.%s", interface->name, action->method);
        VarlinkCallFlags flags = 0;
        _cleanup_json_ struct json_object *parameters = NULL;
        int r = 0;

        if (!name)
                return error_set_errno(reterr, ENOMEM, "cannot call %s", action->method);
        if ((action->flags & ACTION_STREAMS) != 0)
                flags = VARLINK_CALL_MORE;
        if (in)
                r = schema_encode(action->in, in, &parameters);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot encode the call of %s", name);
        return varlink_client_send(client, name, parameters, flags, fds, n_fds, deadline_usec,
                                   reterr);
}

/* Until the connection has something to read. */
static int wait_for_input(VarlinkClient *client, VarlinkStream *stream, Error *reterr) {
        for (;;) {
                struct pollfd polls[] = {
                        {.fd = varlink_client_fd(client), .events = POLLIN},
                        {.fd = stream->wake_fd, .events = POLLIN},
                };
                int n = poll(polls, ELEMENTSOF(polls), clock_poll_timeout(stream->deadline_usec));
                int r = 0;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set_errno(reterr, errno, "cannot wait for a reply");
                if (n == 0)
                        return error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT,
                                         "there was no reply in time");
                if (polls[1].revents != 0)
                        r = stream->on_wake(stream, stream->userdata, reterr);
                if (r < 0 || polls[0].revents != 0)
                        return r;
        }
}

/* The next reply, looking at the wake descriptor in between. */
static int receive(VarlinkClient *client, VarlinkStream *stream, VarlinkReply *ret,
                   Error *reterr) {
        for (;;) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = varlink_client_receive(client, 0, ret, &error);

                if (r != -ETIMEDOUT || !varlink_client_waits(client)) {
                        if (r < 0 && reterr)
                                error_move(reterr, &error);
                        return r;
                }
                r = wait_for_input(client, stream, reterr);
                if (r < 0)
                        return r;
        }
}

static int deliver(const Action *action, VarlinkReply *reply, VarlinkStream *stream,
                   Error *reterr) {
        _cleanup_free_ void *out = NULL;
        int r;

        if (!stream->on_reply)
                return 0;
        out = calloc(1, action->out->size > 0 ? action->out->size : 1);
        if (!out)
                return error_set_errno(reterr, ENOMEM, "cannot read the service's reply");
        r = varlink_reply_decode(action, reply, out, NULL, reterr);
        if (r < 0)
                return r;
        r = stream->on_reply(out, stream->userdata, reterr);
        schema_clear(action->out, out);
        return r;
}

int varlink_client_stream(VarlinkClient *client, const Interface *interface, const char *method,
                          const void *in, void *out, const int *fds, size_t n_fds,
                          VarlinkStream *stream, Error *reterr) {
        const Action *action = varlink_find_action(interface, method);
        int r;

        if (!action)
                return error_set(reterr, ERROR_FAILED, EINVAL, "there is no method %s.%s",
                                 interface->name, method);
        r = send_call(client, interface, action, in, fds, n_fds, stream->deadline_usec, reterr);
        while (r >= 0) {
                _cleanup_(varlink_reply_clear) VarlinkReply reply = {.parameters = NULL};

                r = receive(client, stream, &reply, reterr);
                if (r >= 0 && !reply.continues)
                        return varlink_reply_decode(action, &reply, out, stream->ret_fd, reterr);
                if (r >= 0)
                        r = deliver(action, &reply, stream, reterr);
        }
        return r;
}
