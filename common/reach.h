#pragma once
/* Connections of the programs to the two daemons, and why there is none: not installed, stopped, or
 * not ours. */
#include "common/host.h"
#include "common/varlink-poll.h"

typedef enum Daemon {
        DAEMON_BANGERD,
        DAEMON_HELPER,
} Daemon;

static inline void client_cleanup(VarlinkClient **client) {
        varlink_client_free(*client);
}
#define _cleanup_client_ _cleanup_(client_cleanup)

/* ERROR_NOT_INSTALLED, ERROR_UNREACHABLE or ERROR_NOT_PERMITTED, each with what to do. */
int daemon_connect(const Host *host, Daemon daemon, VarlinkClient **ret, Error *reterr);
/* "bangerd" */
const char *daemon_name(Daemon daemon);
