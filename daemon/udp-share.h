#pragma once
/* Whether a UDP socket has its port for itself. systemd sets SO_REUSEADDR on all that it listens with,
 * and UDP sockets that have it share a port, whoever's they are: what comes goes to the last one that
 * was bound, or to one that is connected to the sender. */

#include "common/error.h"

/* Nobody's is bound beside it from now on; those that are stay. */
int udp_share_end(int fd);
/* Is anybody else's bound beside it, an IPv4 one with an address? Afterwards, or it is soon untrue.
 * ERROR_BUSY, -EADDRINUSE: there is, and the message says whose. Reads the kernel's lists of sockets;
 * any thread. */
int udp_share_check(int fd, Error *reterr);
