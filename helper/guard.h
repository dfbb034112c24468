#pragma once
/* Guests stay held when another program drops their tables, as `nft flush ruleset` and a restart of
 * nftables.service do. */
#include <stdbool.h>

#include "helper/session.h"

/* Readable, or in error, once nftables has changed; nonblocking. The caller closes. -errno. */
int guard_open(int *ret_fd);
/* Takes what is to be read. */
void guard_drain(int fd);
/* Is one of the tables not there? In one look at the kernel. False as well where it cannot be told. */
bool guard_is_needed(void);
/* With guests' taps there: makes the missing tables, which let nothing through, and has bangerd set
 * the network anew, which lets through what is to be. Nothing is done without taps. */
int guard_restore(const SessionConfig *config, Error *reterr);
