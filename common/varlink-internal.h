#pragma once
/* What varlink-server.c, varlink-call.c, varlink-envelope.c and varlink-service.c share; and, at
 * the end, varlink-client.c and varlink-stream.c. */

#include "common/varlink-poll.h"
#include "common/varlink-server.h"

struct VarlinkServer {
        const VarlinkServerConfig *config;
        const Interface **interfaces; /* the config's and org.varlink.service, NULL-terminated */
        size_t n_interfaces;
};

struct VarlinkConnection {
        VarlinkServer *server;
        Peer peer;
        VarlinkWire *wire;
        VarlinkCall *current; /* a reference; NULL when idle */
        int broken;           /* negative errno: nothing more is taken or sent */
        bool processing;
        bool upgraded;
        VarlinkUpgrade upgrade;
        void *upgrade_userdata;
        void (*wakeup)(VarlinkConnection *, void *);
        void *wakeup_userdata;
};

/* How far a call has come. */
typedef enum CallState {
        CALL_NEW,      /* not yet with its handler */
        CALL_ENTERED,  /* the handler runs */
        CALL_LEFT,     /* the handler has returned and keeps a reference */
        CALL_FINISHED, /* finally answered */
} CallState;

struct VarlinkCall {
        unsigned n_refs;
        CallState state;
        VarlinkServer *server;
        VarlinkConnection *connection; /* borrowed; NULL once the client has left */
        Peer peer;
        bool more, oneway, upgrade;

        char *method;
        const Interface *interface;
        const Action *action;
        const VarlinkMethod *row;
        void *parameters; /* the decoded struct; NULL until decoded */
        uint64_t started_usec;

        int in_fds[VARLINK_FDS_MAX], out_fds[VARLINK_FDS_MAX];
        size_t n_in_fds, n_out_fds;
        VarlinkUpgrade upgrade_to;
        void *upgrade_userdata;
        void (*gone)(VarlinkCall *, void *);
        void *gone_userdata;
};

/* varlink-call.c */
int varlink_call_new(VarlinkConnection *connection, VarlinkCall **ret);
/* Ends the call with a reply that is made already (NULL for none). */
int varlink_call_finish(VarlinkCall *call, struct json_object *reply, int r, const Error *error);
/* The client has left: forgets the connection and tells the handler. */
void varlink_call_abandon(VarlinkCall *call);

/* varlink-envelope.c: fills the call from a message (its descriptors move over). Negative for what
 * must be answered with the error; ret_parameters is borrowed from the message. */
int varlink_envelope_parse(VarlinkCall *call, VarlinkMessage *message,
                           struct json_object **ret_parameters, Error *reterr);

/* varlink-service.c */
#define VARLINK_SERVICE "org.varlink.service"
extern const Interface varlink_service_interface;
/* The built-in row of that name, NULL for none; its handler's userdata is the server. */
const VarlinkMethod *varlink_service_find(const char *method);

/* varlink-client.c: the row of a method's short name; NULL for none. */
const Action *varlink_find_action(const Interface *interface, const char *method);
/* By the action's schema; out and ret_fd may be NULL and are untouched on failure. ret_fd: the
 * reply's only descriptor, -EPROTO when it has another number of them. */
int varlink_reply_decode(const Action *action, VarlinkReply *reply, void *out, int *ret_fd,
                         Error *reterr);
