#pragma once
/* The journal records of the helper: one for each request, refused ones too. */

#include <stdint.h>

#include "common/error.h"
#include "common/log.h"
#include "common/peer.h"

/* Where records go; tests keep them instead. */
typedef struct RecordSink {
        void (*write)(int level, const LogField *fields, const char *message, void *userdata);
        void *userdata;
} RecordSink;

extern const RecordSink record_sink_journal;

typedef struct RecordedCall {
        const char *verb;      /* full method name; NULL when it never became a call */
        const char *vm;        /* VM id; NULL where the verb is about none */
        const char *operation; /* of bangerd; NULL likewise */
        const Peer *peer;
        int r;              /* 0 or a negative errno */
        const Error *error; /* why, when r is negative; may be NULL */
        uint64_t duration_usec;
} RecordedCall;

void record_call(const RecordSink *sink, const RecordedCall *call);
