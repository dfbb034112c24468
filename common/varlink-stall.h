#pragma once
/* When a peer that owes us something has stalled: it began a message and does not end it, or does
 * not read. Without a clock: the drivers pass the time. */

#include "common/varlink-wire.h"

typedef struct VarlinkStall {
        VarlinkProgress progress; /* when the deadline was set */
        uint64_t deadline_usec;   /* 0: none */
} VarlinkStall;

/* Looks at the wire again. `reading`: the driver takes input, so that half a message is the peer's
 * fault. Bytes of the same message do not extend the deadline, a message or sent bytes do. Returns
 * the deadline, UINT64_MAX when the peer owes nothing. */
uint64_t varlink_stall_update(VarlinkStall *stall, const VarlinkWire *wire, bool reading,
                              uint64_t now_usec, uint64_t timeout_usec);
