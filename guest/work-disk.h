#pragma once
/* The work disk: a file system of its own at /root, which outlives the root. */
#include <stdbool.h>
#include <stdint.h>

#include "common/api-guest.h"

/* Mounts it, as large as its disk; the first time it gets what the image has in /root. Nothing to
 * do for a guest without one. On failure it is mounted all the same, or /root is the image's and
 * read-only; the error says which, for the user. */
int work_disk_mount(const GuestConfig *config, uint64_t deadline_usec, Error *reterr);
/* The copy, once: the target then says that it has it. On failure nothing of it is left; -ENOSPC as
 * well where the target was too small before and has not grown. ret_n_skipped as of copy_tree().
 * Borrowed. */
int work_disk_seed(int from_fd, int to_fd, unsigned *ret_n_skipped, Error *reterr);
/* The file system at place_fd (borrowed) becomes as large as its device. */
int work_disk_grow(const char *device, int place_fd, Error *reterr);
/* Of a guest that ends: nothing of it is in memory only, and no journal wants replay. */
void work_disk_end(void);
/* Likewise, while processes still write: they wait for good. 0 as well where there is none. */
int work_disk_freeze(void);
