#pragma once
/* The way to bangerd: a subscription that lasts, and calls beside it, none of them waited for. Each
 * has a connection of its own, so that a slow one delays no other. Comes back by itself. */
#include <poll.h>

#include "common/api-operation.h"
#include "common/host.h"
#include "common/varlink-poll.h"

#define LINK_CALLS_MAX 32

typedef struct Link Link;

typedef struct LinkHandler {
        /* The daemon answers, and no event is lost from here on: ask for the lists. */
        void (*up)(void *userdata);
        /* Why there is no daemon; taken. Told at every failed try. */
        void (*down)(Error *error, void *userdata);
        void (*event)(Event *event, void *userdata); /* parts may be taken */
        /* A reply of link_call(); progress is true for one that is followed by others. `out` is of
         * the action's out schema; parts may be taken. */
        void (*reply)(const Action *action, void *out, bool progress, void *userdata);
        void (*failed)(const Action *action, const char *target, const Error *error,
                       void *userdata);
        void *userdata;
} LinkHandler;

/* host and handler outlive the link. -ENOMEM. */
int link_new(const Host *host, const LinkHandler *handler, Link **ret);
Link *link_free(Link *link);

/* Sends a call; `in` is of the action's in schema or NULL, target only for messages. Failures are
 * told by the handler, also those of sending. */
void link_call(Link *link, const Interface *interface, const Action *action, const void *in,
               const char *target);
/* The same by name, without parameters. */
void link_ask(Link *link, const Interface *interface, const char *method);
/* Is a call of this action under way? */
bool link_asks(const Link *link, const Action *action);

/* What to wait for, and until when (monotonic; UINT64_MAX for ever). */
size_t link_polls(const Link *link, struct pollfd *polls, size_t max, uint64_t *ret_deadline_usec);
/* Takes what has come, and tries to connect when it is time. */
void link_process(Link *link, uint64_t now_usec);
/* Tries again at once. */
void link_hurry(Link *link);
/* Since when an answer is awaited without any; 0 when none is. */
uint64_t link_waits_since(const Link *link);
