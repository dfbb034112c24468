#pragma once
/* Drives Varlink with poll(2), for programs without an event loop: the client side, and a server
 * for one connection. */
#include "common/varlink-server.h"

typedef struct VarlinkClient VarlinkClient;

/* -ENOENT, -ECONNREFUSED (ERROR_UNREACHABLE), -EACCES, -ETIMEDOUT after 10 s at a service that does
 * not accept, with a message that names the socket. */
int varlink_client_connect(const char *path, VarlinkClient **ret, Error *reterr);
/* On a connected stream socket; taken, even on failure. */
int varlink_client_new(int fd, VarlinkClient **ret);
VarlinkClient *varlink_client_free(VarlinkClient *client);

typedef struct VarlinkReply {
        struct json_object *parameters; /* owned */
        bool continues;
        int fds[VARLINK_FDS_MAX]; /* owned */
        size_t n_fds;
} VarlinkReply;
void varlink_reply_clear(VarlinkReply *reply);

typedef enum VarlinkCallFlags {
        VARLINK_CALL_MORE = 1 << 0,
        VARLINK_CALL_ONEWAY = 1 << 1,
        VARLINK_CALL_UPGRADE = 1 << 2,
} VarlinkCallFlags;

/* Sends a call; several may be sent before the first is received. fds are borrowed (duplicated by
 * the kernel on sending). parameters may be NULL; borrowed. deadline_usec on the monotonic clock,
 * UINT64_MAX for none. Method is the full name. */
int varlink_client_send(VarlinkClient *client, const char *method, struct json_object *parameters,
                        VarlinkCallFlags flags, const int *fds, size_t n_fds,
                        uint64_t deadline_usec, Error *reterr);
/* The next reply. An error reply becomes a negative errno with reterr's kind, message, object,
 * hint, field and operation from its parameters. -ETIMEDOUT (the call stays unanswered:
 * receive again or free the client), -ECONNRESET when the server left. */
int varlink_client_receive(VarlinkClient *client, uint64_t deadline_usec, VarlinkReply *ret,
                           Error *reterr);
/* send and receive by the action's schemas: `in` and `out` are its structs; `out` may be NULL. The
 * caller clears `out` with schema_clear(). method is the short name, "GetStatus". ret_fd: the
 * reply's only descriptor, -EPROTO when it has none; NULL where none is wanted. Neither is touched
 * on failure. -EBUSY while an earlier call is unanswered, as after a time-out. */
int varlink_client_call(VarlinkClient *client, const Interface *interface, const char *method,
                        const void *in, void *out, const int *fds, size_t n_fds, int *ret_fd,
                        uint64_t deadline_usec, Error *reterr);
int varlink_client_fd(const VarlinkClient *client);
/* Is a call unanswered? Tells -ETIMEDOUT of our own deadline from one that the service replied. */
bool varlink_client_waits(const VarlinkClient *client);
/* Leaves Varlink: returns the socket, which with what was read past the last reply (free() it)
 * becomes the caller's; the client can then only be freed. -ENOMEM. */
int varlink_client_steal(VarlinkClient *client, void **ret_rest, size_t *ret_rest_size);

typedef struct VarlinkServeConfig {
        uint64_t idle_timeout_usec;  /* no call for that long: closed; UINT64_MAX for never */
        uint64_t stall_timeout_usec; /* half a message, or a reply that is not read */
        uint64_t total_timeout_usec; /* the connection's life; UINT64_MAX for none */
} VarlinkServeConfig;

/* Serves one connected socket (taken) until the peer closes, breaks the protocol or a time is up. 0
 * for a proper end: the peer closed, was idle, or took an upgrade; -ETIMEDOUT for the other times.
 * Handlers must reply before they return (-EDEADLK). */
int varlink_serve(VarlinkServer *server, int fd, const Peer *peer,
                  const VarlinkServeConfig *config);
