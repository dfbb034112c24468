#pragma once
/* One connection to the worker, and its job. */
#include <sys/types.h>

#include "common/clock.h"
#include "common/varlink-server.h"

typedef struct SessionConfig {
        uid_t uid;            /* who may connect, besides root: the worker's own */
        const char *modules;  /* "/lib/modules" */
        const char *agent;    /* path of banger-guest */
        uint64_t idle_timeout_usec; /* for a call to come */
} SessionConfig;

typedef struct Session {
        const SessionConfig *config;
        int fd;
        VarlinkConnection *connection;
} Session;

/* ERROR_NOT_PERMITTED for root: what parses anybody's files never runs as it. */
int session_check_uid(uid_t uid, Error *reterr);
/* Serves an accepted connection (taken) until it ends. Blocks. 0 for a proper end; -EACCES for a
 * peer that is refused. */
int session_serve(const SessionConfig *config, int fd, Error *reterr);
/* Sends what is queued as far as the peer reads; for progress from within a handler. */
void session_flush(Session *session);
