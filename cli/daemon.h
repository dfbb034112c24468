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
/* Connects, calls and leaves: as varlink_client_call(), which knows the rest. */
int daemon_call(const Host *host, const Interface *interface, const char *method, const void *in,
                void *out, int *ret_fd, uint64_t deadline_usec, Error *reterr);
/* Each connects, asks once and leaves. The caller clears the reply with its schema. */
int daemon_get_status(const Host *host, uint64_t deadline_usec, SystemStatus *ret, Error *reterr);
int daemon_get_summary(const Host *host, uint64_t deadline_usec, SystemSummary *ret,
                       Error *reterr);
int daemon_ping_helper(const Host *host, uint64_t deadline_usec, RootPong *ret, Error *reterr);
int daemon_read_inventory(const Host *host, uint64_t deadline_usec, Inventory *ret, Error *reterr);
/* The bridge and its carrier go; refused while a VM has a tap on it. */
int daemon_remove_bridge(const Host *host, uint64_t deadline_usec, Error *reterr);
