#pragma once
/* The work disk: a file system of its own at /root, which outlives the root. */
#include <stdbool.h>
#include <stdint.h>

#include "common/api-guest.h"

/* Mounts it, as large as its disk; the first time it gets what the image has in /root. Nothing to
 * do for a guest without one. */
int work_disk_mount(const GuestConfig *config, uint64_t deadline_usec, Error *reterr);
/* The copy, once: the target then says that it has it. Borrowed. */
int work_disk_seed(int from_fd, int to_fd, Error *reterr);
/* Of a guest that ends: nothing of it is in memory only, and no journal wants replay. */
void work_disk_end(void);
/* Likewise, while processes still write: they wait for good. 0 as well where there is none. */
int work_disk_freeze(void);
