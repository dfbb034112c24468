#pragma once
/* Guests are held again when another program has dropped their tables, as `nft flush ruleset` and a
 * restart of nftables.service do. */
#include <stdbool.h>

#include "helper/session.h"

/* Readable, or in error, once nftables has changed; nonblocking. The caller closes. -errno. */
int guard_open(int *ret_fd);
/* Takes what is to be read. */
void guard_drain(int fd);
/* Is one of the tables not there, in one look at the kernel? Or it cannot be told. */
bool guard_is_needed(void);
/* With guests' taps there: makes the missing tables, which let nothing through, and has bangerd set
 * the network anew, which lets through what is to be. Nothing is done without taps. reload: an earlier
 * call could not have that done. *ret_reload, also on failure: it is to be done or has been. */
int guard_restore(const SessionConfig *config, bool reload, bool *ret_reload, Error *reterr);
