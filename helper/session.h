#pragma once
/* One connection to the helper: who is there, may they, and the serving of their calls. Runs in a
 * process of its own. */

#include "common/config.h"
#include "common/install.h"
#include "common/varlink-poll.h"
#include "helper/inventory.h"
#include "helper/record.h"

typedef struct SessionConfig {
        const char *install_conf; /* BANGER_INSTALL_CONF outside tests */
        const char *banger_conf;  /* BANGER_CONF outside tests; NULL: there is none */
        uid_t install_conf_uid;   /* whose files those must be: 0 outside tests */
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
        int fd;          /* the client's connection, borrowed: to see that it has left */
        Config settings; /* after session_host() */
        HostPaths paths; /* likewise: the configured ones */
        VmId vm;         /* the call's, for its record; "" where it is about none */
        int vm_lock_fd;  /* of that VM, until the call ends; -1: none */
} Session;

/* A session that is cleared without having been opened must close nothing. */
#define SESSION_INIT ((Session) {.fd = -1, .vm_lock_fd = -1})
#define _cleanup_session_ _cleanup_(session_clear)

/* Reads who owns the installation, and the peer of fd; refuses any but uid 0 and the owner, with a
 * record of it. config must outlive the session. */
int session_open(const SessionConfig *config, int fd, Session *ret, Error *reterr);
void session_clear(Session *session);

/* Reads banger.conf and opens the host with the names that it gives; for handlers, so that a
 * mistake in the file is told to whoever asks. The session must outlive the host. */
int session_host(Session *session, Host *ret, Error *reterr);
/* Parses the id that a call is about, and remembers it for the call's record. */
int session_name_vm(Session *session, const char *id, VmId *ret, Error *reterr);
/* Waits until no other connection's call is about that VM: a caller that was killed may have left a step
 * under way, and whoever cleans up after it comes later than that. ERROR_BUSY after 30 s, ERROR_CANCELED
 * when the client leaves. */
int session_lock_vm(Session *session, Error *reterr);
/* Both. */
int session_vm(Session *session, const char *id, VmId *ret, Error *reterr);
/* The call's end, which is its reply: after that a handler touches nothing of the VM. */
void session_leave_vm(Session *session);

/* Serves an accepted connection (taken) until it ends. Blocks. 0 for a proper end, -EACCES for a
 * peer that was refused. */
int session_serve(const SessionConfig *config, int fd);
