#pragma once
/* A call whose replies come one after the other, while something else may need attention. */
#include "common/varlink-poll.h"

typedef struct VarlinkStream VarlinkStream;
struct VarlinkStream {
        uint64_t deadline_usec; /* monotonic; UINT64_MAX for none */
        /* Each reply but the last, decoded by the action's out schema; it is cleared afterwards. May
         * be NULL. Negative ends the call with that. */
        int (*on_reply)(const void *out, void *userdata, Error *reterr);
        /* Watched besides the connection while it is readable; -1 for none. on_wake may change it. */
        int wake_fd;
        int (*on_wake)(VarlinkStream *stream, void *userdata, Error *reterr);
        void *userdata;
        /* Where the last reply's only descriptor goes, -EPROTO when it has none; untouched on
         * failure. NULL where none is wanted. */
        int *ret_fd;
};

/* Calls with `more` where the action streams, else as varlink_client_call(). After a failure that
 * was not the service's own reply the client can only be freed; that closes the connection. */
int varlink_client_stream(VarlinkClient *client, const Interface *interface, const char *method,
                          const void *in, void *out, const int *fds, size_t n_fds,
                          VarlinkStream *stream, Error *reterr);
