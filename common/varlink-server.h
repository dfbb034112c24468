#pragma once
/* The server side of Varlink without I/O: calls are decoded by the action table, handed to a const
 * dispatch table one after the other, and answered. org.varlink.service is built in. */

#include "common/action.h"
#include "common/peer.h"
#include "common/varlink-wire.h"

typedef struct VarlinkServer VarlinkServer;         /* what all connections share; const */
typedef struct VarlinkConnection VarlinkConnection; /* one client */
typedef struct VarlinkCall VarlinkCall;             /* one call; reference-counted */

/* `parameters` is the decoded struct of the action's `in`, owned by the call. Return negative with
 * reterr filled to answer an error. Return 0 having replied, or having kept a reference to reply
 * later: the connection takes no further call until then (pipelined ones wait). */
typedef int (*VarlinkHandler)(VarlinkCall *call, const void *parameters, void *userdata,
                              Error *reterr);

typedef struct VarlinkMethod {
        const char *name; /* "io.banger.Root.Ping" */
        VarlinkHandler handler;
        unsigned policy;  /* the program's own bits, given to VarlinkHooks.admit */
} VarlinkMethod;

/* What the program wants to see of every call. All may be NULL. */
typedef struct VarlinkHooks {
        /* Before the handler: negative with reterr refuses. */
        int (*admit)(VarlinkCall *call, const VarlinkMethod *method, void *userdata, Error *reterr);
        /* After the final reply: r is 0 or what the handler failed with (error then says why). */
        void (*done)(VarlinkCall *call, int r, const Error *error, uint64_t duration_usec,
                     void *userdata);
        /* Bytes or calls that were refused before any handler; the peer gets an error or is cut. */
        void (*refused)(const Peer *peer, const Error *error, void *userdata);
} VarlinkHooks;

typedef struct VarlinkServerConfig {
        const char *vendor, *product, *version, *url; /* GetInfo */
        const Interface *const *interfaces; /* NULL-terminated, org.varlink.service aside */
        const VarlinkMethod *methods;
        size_t n_methods;
        const VarlinkHooks *hooks;
        const VarlinkLimits *limits;
        void *userdata; /* the handlers' */
} VarlinkServerConfig;

/* Fails with -EINVAL when a method of an interface has no row or a row no method; a row without a
 * handler answers MethodNotImplemented. config and all it points to must outlive the server, and
 * the server its connections and calls. */
int varlink_server_new(const VarlinkServerConfig *config, VarlinkServer **ret);
VarlinkServer *varlink_server_free(VarlinkServer *server);

int varlink_connection_new(VarlinkServer *server, const Peer *peer, VarlinkConnection **ret);
/* Calls that are under way are told by their `gone` callback and answer into nothing. */
VarlinkConnection *varlink_connection_free(VarlinkConnection *connection);
VarlinkWire *varlink_connection_wire(VarlinkConnection *connection);
/* Takes what the wire has, as far as calls can be started. Negative: the connection must be closed
 * (after sending what is pending; at once for -ENOBUFS). 1: calls wait, but others or the peer come
 * first: call again after sending. To be called after each feed, after output has drained and after
 * each asynchronous reply. */
int varlink_connection_process(VarlinkConnection *connection);
/* Is a call under way, i.e. not yet finally answered? */
bool varlink_connection_busy(const VarlinkConnection *connection);
/* As busy, with a peer that waits for an answer: not for a oneway call. */
bool varlink_connection_awaited(const VarlinkConnection *connection);
/* Tells the `refused` hook, for what a driver cuts off itself. */
void varlink_server_refuse(const VarlinkServer *server, const Peer *peer, const Error *error);
/* Called whenever there is something to send or to process, from replies given outside _process. */
void varlink_connection_set_wakeup(VarlinkConnection *connection,
                                   void (*wakeup)(VarlinkConnection *, void *), void *userdata);
/* After a reply to an `upgrade` call is sent, the driver gives the socket (taken) to this. Called
 * exactly once after varlink_call_reply(); fd is -1 when the client left before. */
typedef void (*VarlinkUpgrade)(int fd, const void *rest, size_t rest_size, void *userdata);
/* For drivers, once: NULL while there is none or its reply is not out. */
VarlinkUpgrade varlink_connection_upgrade(VarlinkConnection *connection, void **ret_userdata);

VarlinkCall *varlink_call_ref(VarlinkCall *call);
VarlinkCall *varlink_call_unref(VarlinkCall *call);
const Peer *varlink_call_peer(const VarlinkCall *call);
const char *varlink_call_method(const VarlinkCall *call); /* full name */
/* A text of the decoded request; NULL where it has none of that name. Borrowed. */
const char *varlink_call_text(const VarlinkCall *call, const char *field);
const Action *varlink_call_action(const VarlinkCall *call);
bool varlink_call_wants_more(const VarlinkCall *call);
bool varlink_call_gone(const VarlinkCall *call); /* the client has left */
/* The request's descriptors: take one (-1 when there is none at index); the rest are closed. */
int varlink_call_take_fd(VarlinkCall *call, size_t index);
size_t varlink_call_n_fds(const VarlinkCall *call);
/* Descriptors that go out with the next reply; taken. */
int varlink_call_push_fd(VarlinkCall *call, int fd);
/* `out` is the struct of the action's out schema (NULL for an empty one). A reply ends the call; a
 * progress reply ("continues") needs `more`, -EINVAL. For a oneway call, and after the client left,
 * nothing is sent and 0 returned. What cannot be encoded is answered as Failed. -EALREADY after the
 * end, -ENOBUFS when the client does not read: the connection is then closed. A call whose last
 * reference goes without a reply fails. */
int varlink_call_reply(VarlinkCall *call, const void *out);
int varlink_call_progress(VarlinkCall *call, const void *out);
int varlink_call_fail(VarlinkCall *call, int r, const Error *error);
void varlink_call_set_upgrade(VarlinkCall *call, VarlinkUpgrade upgrade, void *userdata);
/* Told once when the client leaves before the final reply; for subscriptions. Not for oneway calls,
 * whose client may well leave at once. */
void varlink_call_set_gone(VarlinkCall *call, void (*gone)(VarlinkCall *, void *), void *userdata);
