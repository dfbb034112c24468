#pragma once
/* Connections to the two daemons, and why there is none: not installed, stopped, or not ours. */
#include "cli/command.h"
#include "common/api-root.h"
#include "common/api-system.h"
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
/* Each connects, asks once and leaves. The caller clears the reply with its schema. */
int daemon_get_status(const Host *host, uint64_t deadline_usec, SystemStatus *ret, Error *reterr);
int daemon_ping_helper(const Host *host, uint64_t deadline_usec, RootPong *ret, Error *reterr);
int daemon_read_inventory(const Host *host, uint64_t deadline_usec, Inventory *ret, Error *reterr);
