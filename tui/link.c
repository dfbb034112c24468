#include "tui/link.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/reach.h"
#include "common/strings.h"

#define SEND_TIMEOUT_USEC USEC_PER_SEC
#define RETRY_MIN_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (2 * USEC_PER_SEC)

typedef struct Call {
        VarlinkClient *client; /* NULL: the place is free */
        const Interface *interface;
        const Action *action;
        char *target;
        uint64_t began_usec;
} Call;

struct Link {
        const Host *host;
        LinkHandler handler;
        Call events;               /* the subscription */
        Call calls[LINK_CALLS_MAX];
        bool up;                   /* the first answer has come */
        uint64_t retry_usec;       /* when to connect again; 0: connected */
        uint64_t patience_usec;    /* until the try after the next */
};

static void call_clear(Call *call) {
        varlink_client_free(call->client);
        free(call->target);
        *call = (Call) {.client = NULL};
}

int link_new(const Host *host, const LinkHandler *handler, Link **ret) {
        Link *link = calloc(1, sizeof(*link));

        if (!link)
                return -ENOMEM;
        link->host = host;
        link->handler = *handler;
        link->retry_usec = 1;
        link->patience_usec = RETRY_MIN_USEC;
        *ret = link;
        return 0;
}

Link *link_free(Link *link) {
        if (!link)
                return NULL;
        call_clear(&link->events);
        for (size_t i = 0; i < LINK_CALLS_MAX; i++)
                call_clear(&link->calls[i]);
        free(link);
        return NULL;
}

static const Action *find_action(const Interface *interface, const char *method) {
        for (size_t i = 0; i < interface->n_actions; i++)
                if (string_equal(interface->actions[i].method, method))
                        return &interface->actions[i];
        return NULL;
}

/* Connects and sends. */
static int call_begin(const Link *link, const Interface *interface, const Action *action,
                      const void *in, Call *call, Error *reterr) {
        _cleanup_free_ char *method = string_format("%s.%s", interface->name, action->method);
        _cleanup_json_ struct json_object *parameters = NULL;
        VarlinkCallFlags flags = (VarlinkCallFlags) 0;
        int r = 0;

        if (!method)
                return error_set_errno(reterr, ENOMEM, "cannot call %s", action->method);
        if (action->flags & ACTION_STREAMS)
                flags = VARLINK_CALL_MORE;
        if (in)
                r = schema_encode(action->in, in, &parameters);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot call %s", method);
        r = daemon_connect(link->host, DAEMON_BANGERD, &call->client, reterr);
        if (r < 0)
                return r;
        call->interface = interface;
        call->action = action;
        call->began_usec = clock_monotonic_usec();
        return varlink_client_send(call->client, method, parameters, flags, NULL, 0,
                                   call->began_usec + SEND_TIMEOUT_USEC, reterr);
}

void link_call(Link *link, const Interface *interface, const Action *action, const void *in,
               const char *target) {
        _cleanup_error_ Error error = ERROR_INIT;
        Call *call = NULL;
        int r;

        for (size_t i = 0; i < LINK_CALLS_MAX && !call; i++)
                if (!link->calls[i].client)
                        call = &link->calls[i];
        if (!call)
                r = error_set(&error, ERROR_BUSY, EBUSY,
                              "too much is under way; wait for some of it");
        else
                r = call_begin(link, interface, action, in, call, &error);
        if (r >= 0 && target) {
                call->target = strdup(target);
                r = call->target ? 0 : error_set_errno(&error, ENOMEM, "cannot go on");
        }
        if (r >= 0)
                return;
        if (call)
                call_clear(call);
        link->handler.failed(action, target, &error, link->handler.userdata);
}

void link_ask(Link *link, const Interface *interface, const char *method) {
        const Action *action = find_action(interface, method);

        if (action)
                link_call(link, interface, action, NULL, NULL);
}

bool link_asks(const Link *link, const Action *action) {
        for (size_t i = 0; i < LINK_CALLS_MAX; i++)
                if (link->calls[i].client && link->calls[i].action == action)
                        return true;
        return false;
}

/* ---- connection ---- */

static void go_down(Link *link, Error *error, uint64_t now_usec) {
        call_clear(&link->events);
        /* A connection that was good is tried again at once. */
        if (link->up)
                link->patience_usec = RETRY_MIN_USEC;
        link->up = false;
        link->retry_usec = now_usec + link->patience_usec;
        if (link->patience_usec < RETRY_MAX_USEC)
                link->patience_usec *= 2;
        link->handler.down(error, link->handler.userdata);
}

/* Subscribes; the first event says that the subscription is in place, and what is asked from then on
 * misses nothing. What is under way is asked for at once: a daemon that knows no such event answers
 * that. */
static void go_up(Link *link, uint64_t now_usec) {
        _cleanup_error_ Error error = ERROR_INIT;
        const Action *subscribe = find_action(&interface_event, "Subscribe");

        link->retry_usec = 0;
        if (call_begin(link, &interface_event, subscribe, NULL, &link->events, &error) < 0) {
                go_down(link, &error, now_usec);
                return;
        }
        link_ask(link, &interface_operation, "List");
}

void link_hurry(Link *link) {
        if (link->retry_usec > 0)
                link->retry_usec = 1;
        link->patience_usec = RETRY_MIN_USEC;
}

/* ---- replies ---- */

/* 1 and a decoded reply, 0 when there is none yet, negative at the end of it. */
static int call_receive(Call *call, void *out, bool *ret_progress, Error *reterr) {
        _cleanup_(varlink_reply_clear) VarlinkReply reply = {.parameters = NULL};
        int r;

        r = varlink_client_receive(call->client, 0, &reply, reterr);
        if (r == -ETIMEDOUT && varlink_client_waits(call->client)) {
                error_clear(reterr);
                return 0;
        }
        if (r < 0)
                return r;
        *ret_progress = reply.continues;
        r = schema_decode(call->action->out, reply.parameters, out, reterr);
        if (r < 0) {
                reterr->kind = ERROR_PROTOCOL;
                return error_prepend(reterr, r, "cannot read a reply of %s", call->action->method);
        }
        return 1;
}

static void come_up(Link *link) {
        if (link->up || !link->events.client)
                return;
        link->up = true;
        link->patience_usec = RETRY_MIN_USEC;
        link->handler.up(link->handler.userdata);
}

static void take_events(Link *link, uint64_t now_usec) {
        while (link->events.client) {
                _cleanup_error_ Error error = ERROR_INIT;
                Event event = {.sequence = 0};
                bool progress;
                int r = call_receive(&link->events, &event, &progress, &error);

                if (r == 0)
                        return;
                if (r < 0) {
                        go_down(link, &error, now_usec);
                        return;
                }
                come_up(link);
                link->handler.event(&event, link->handler.userdata);
                schema_clear(&event_schema, &event);
        }
}

static void deliver(Link *link, const Call *call, void *out, bool progress) {
        come_up(link);
        link->handler.reply(call->action, out, progress, link->handler.userdata);
}

/* One call's replies. Its place is free before the last is told: the handler may call again. */
static void take_replies(Link *link, Call *call) {
        while (call->client) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ void *out = NULL;
                Call ended = {.client = NULL};
                bool progress = false;
                int r = -ENOMEM;

                out = calloc(1, call->action->out->size > 0 ? call->action->out->size : 1);
                if (out)
                        r = call_receive(call, out, &progress, &error);
                if (r == 0)
                        return;
                if (r < 0 || !progress)
                        ended = steal_struct(*call, (Call) {.client = NULL});
                if (r < 0)
                        link->handler.failed(ended.action, ended.target, &error,
                                             link->handler.userdata);
                else {
                        deliver(link, ended.client ? &ended : call, out, progress);
                        schema_clear((ended.client ? &ended : call)->action->out, out);
                }
                if (ended.client) {
                        call_clear(&ended);
                        return;
                }
        }
}

size_t link_polls(const Link *link, struct pollfd *polls, size_t max,
                  uint64_t *ret_deadline_usec) {
        size_t n = 0;

        if (link->events.client && n < max)
                polls[n++] = (struct pollfd) {varlink_client_fd(link->events.client), POLLIN, 0};
        for (size_t i = 0; i < LINK_CALLS_MAX && n < max; i++)
                if (link->calls[i].client)
                        polls[n++] = (struct pollfd) {varlink_client_fd(link->calls[i].client),
                                                      POLLIN, 0};
        *ret_deadline_usec = link->retry_usec > 0 ? link->retry_usec : UINT64_MAX;
        return n;
}

void link_process(Link *link, uint64_t now_usec) {
        if (link->retry_usec > 0 && now_usec >= link->retry_usec)
                go_up(link, now_usec);
        /* Replies first: what they say is older than the events that come with them. */
        for (size_t i = 0; i < LINK_CALLS_MAX; i++)
                if (link->calls[i].client)
                        take_replies(link, &link->calls[i]);
        take_events(link, now_usec);
}

uint64_t link_waits_since(const Link *link) {
        uint64_t since = link->events.client && !link->up ? link->events.began_usec : 0;

        for (size_t i = 0; i < LINK_CALLS_MAX; i++) {
                const Call *call = &link->calls[i];

                /* What streams may take as long as it does. */
                if (!call->client || (call->action->flags & ACTION_STREAMS))
                        continue;
                if (since == 0 || call->began_usec < since)
                        since = call->began_usec;
        }
        return since;
}
