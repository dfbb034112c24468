#pragma once
/* Varlink's framing (UAPI.20) without I/O: bytes and descriptors in, JSON objects out, and back.
 * Whoever owns the socket moves the bytes; see varlink-event.h and varlink-poll.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct json_object;
typedef struct VarlinkWire VarlinkWire;

#define VARLINK_FDS_MAX 16 /* a message's; also what one recvmsg must have room for */

typedef struct VarlinkLimits {
        size_t message_max; /* bytes of one message without its NUL */
        size_t output_max;  /* bytes that wait for a slow peer before it is cut off */
        size_t fds_max;     /* descriptors of one message, at most VARLINK_FDS_MAX */
} VarlinkLimits;

extern const VarlinkLimits varlink_limits_client; /* 4 MiB messages: trusts its server */
extern const VarlinkLimits varlink_limits_daemon; /* 256 KiB, 4 MiB out, 4 descriptors */
extern const VarlinkLimits varlink_limits_helper; /* 64 KiB, 1 MiB out, 4 descriptors */

typedef struct VarlinkMessage {
        struct json_object *object; /* owned */
        int fds[VARLINK_FDS_MAX];   /* owned */
        size_t n_fds;
} VarlinkMessage;

int varlink_wire_new(const VarlinkLimits *limits, VarlinkWire **ret);
VarlinkWire *varlink_wire_free(VarlinkWire *wire);

/* Bytes as they came, with the descriptors of the same recvmsg (taken, even on failure). They
 * belong to the last message that begins in these bytes, for the kernel ends a read after the
 * segment that carries descriptors. -EMSGSIZE past a cap, -EPROTO for descriptors out of place. */
int varlink_wire_feed(VarlinkWire *wire, const void *bytes, size_t size, const int *fds,
                      size_t n_fds, Error *reterr);
/* 1 and a message, 0 when there is none yet, negative when what came is no JSON object; after an
 * error the wire stays broken. */
int varlink_wire_next(VarlinkWire *wire, VarlinkMessage *ret, Error *reterr);
/* True when bytes of an unfinished message wait: a peer that stalls here is on a deadline. */
bool varlink_wire_midway(const VarlinkWire *wire);
/* True when a whole message waits for varlink_wire_next(). */
bool varlink_wire_ready(const VarlinkWire *wire);
/* What came after the last message taken: for a connection that leaves Varlink (upgrade). */
const void *varlink_wire_rest(const VarlinkWire *wire, size_t *ret_size);

/* Queues an object; descriptors are taken, even on failure. -ENOBUFS past output_max, -EMSGSIZE
 * past fds_max. Bytes that are not UTF-8 go out as U+FFFD. */
int varlink_wire_put(VarlinkWire *wire, struct json_object *object, const int *fds, size_t n_fds);
/* The next bytes to send, and the descriptors to send with the first of them. NULL when idle. */
const void *varlink_wire_pending(VarlinkWire *wire, size_t *ret_size, const int **ret_fds,
                                 size_t *ret_n_fds);
void varlink_wire_sent(VarlinkWire *wire, size_t size);
size_t varlink_wire_queued(const VarlinkWire *wire); /* bytes that wait to be sent */

/* Totals since the start: what moves while a peer is alive (see varlink-stall.h). */
typedef struct VarlinkProgress {
        uint64_t messages_in, bytes_out;
} VarlinkProgress;
VarlinkProgress varlink_wire_progress(const VarlinkWire *wire);

void varlink_message_clear(VarlinkMessage *message);

/* The system calls that every driver does; they never block, whatever the socket's mode. receive: 1
 * when bytes came, 0 at the end of the stream, -EAGAIN. send: 1 when all is out, 0 when the socket
 * is full; never raises SIGPIPE. */
int varlink_wire_receive(VarlinkWire *wire, int fd, Error *reterr);
int varlink_wire_send(VarlinkWire *wire, int fd);
