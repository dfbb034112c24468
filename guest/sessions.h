#pragma once
/* The host's connections, each served by a process of its own. There is a bound to those that may run
 * commands; beyond it some more are served, or a stop would not be heard. */
#include <stddef.h>

#include "guest/session.h"

#define SESSIONS_MAX 128
#define SESSIONS_SPARE 16

typedef struct Sessions {
        SessionConfig config;
        uint64_t spare_idle_usec; /* how long one of the spare ones may be without a call */
        /* In a new process: closes what is its parent's. */
        void (*forked)(void *userdata);
        void *userdata;
        size_t n; /* processes; the rest is the caller's to set */
} Sessions;

/* No connection should be accepted until one has ended. */
bool sessions_full(const Sessions *sessions);
/* Serves the connection (taken). Without memory for a process it is lost: negative errno. */
int sessions_start(Sessions *sessions, int fd);
/* Forgets those that have ended; every child of this process is taken for one. Does not block. */
void sessions_reap(Sessions *sessions);
