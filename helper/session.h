#pragma once
/* One connection to the helper: who is there, may they, and the serving of their calls. Runs in a
 * process of its own. */

#include "common/install.h"
#include "common/varlink-poll.h"
#include "helper/inventory.h"
#include "helper/record.h"

typedef struct SessionConfig {
        const char *install_conf; /* BANGER_INSTALL_CONF outside tests */
        uid_t install_conf_uid;   /* whose file that must be: 0 outside tests */
        const HostPaths *paths;
        const InventorySource *sources;
        size_t n_sources;
        const RecordSink *record;
        VarlinkServeConfig times;
} SessionConfig;

typedef struct Session {
        const SessionConfig *config;
        InstallConf install;
        Peer peer;
} Session;

#define _cleanup_session_ _cleanup_(session_clear)

/* Reads who owns the installation, and the peer of fd; refuses any but uid 0 and the owner, with a
 * record of it. config must outlive the session. */
int session_open(const SessionConfig *config, int fd, Session *ret, Error *reterr);
void session_clear(Session *session);

/* Serves an accepted connection (taken) until it ends. Blocks. 0 for a proper end, -EACCES for a
 * peer that was refused. */
int session_serve(const SessionConfig *config, int fd);
