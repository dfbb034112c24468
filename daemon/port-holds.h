#pragma once
/* The sockets that have the ports of the forwards in force: a program of the host that wants one is
 * told that it is taken, where it would be sent nothing and never know. Not for two threads at
 * once. */

#include "common/forward.h"
#include "common/ident.h"

typedef struct PortHold {
        Forward forward;
        int fd;       /* -1: could not be made */
        char *reason; /* of that */
} PortHold;

/* Start from {}. */
typedef struct PortHolds {
        PortHold *items;
        size_t n_items;
} PortHolds;

/* A socket that is bound, and does not listen. *ret_fd: the caller's. ERROR_BUSY, -EADDRINUSE: a program
 * has the port. */
int port_hold(const Forward *port, int *ret_fd, Error *reterr);
/* That, outside tests. */
typedef int (*PortHoldMake)(const Forward *forward, int *ret_fd, Error *reterr);

void port_holds_clear(PortHolds *holds);
/* Closes and forgets those of all other forwards. */
void port_holds_retain(PortHolds *holds, const Forwards *wanted);
/* Closes and forgets that of this one; was it held? */
bool port_holds_release(PortHolds *holds, const Forward *forward);
/* Has it held, unless it is. Where it cannot be, that is logged, the same trouble once; the next
 * call tries again. */
void port_holds_add(PortHolds *holds, const VmId *id, const Forward *forward, PortHoldMake make);
