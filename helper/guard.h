#pragma once
/* Guests are held again when another program has dropped their tables, as `nft flush ruleset` and a
 * restart of nftables.service do. */
#include <stdbool.h>

#include "helper/session.h"
#include "helper/sysctl.h"

/* Readable, or in error, once nftables has changed; nonblocking. The caller closes. -errno. */
int guard_open(int *ret_fd);
/* Takes what is to be read. */
void guard_drain(int fd);
/* What one look leaves for the next, and for what is to be done. Start from {}. */
typedef struct Guard {
        bool owes_reload;     /* of bangerd */
        bool routing_was_off; /* as the tables have it, while they are there */
        Routing routing;      /* without its links, which the look does not read */
} Guard;

/* Is one of the tables not there, in one look at the kernel? Or it cannot be told. */
bool guard_is_needed(Guard *guard);
/* With guests' taps there: makes the missing tables, which let nothing through, and has bangerd set
 * the network anew, which lets through what is to be. Nothing is done without taps. guard->owes_reload,
 * also on failure: that is to be done still. */
int guard_restore(const SessionConfig *config, Guard *guard, Error *reterr);
