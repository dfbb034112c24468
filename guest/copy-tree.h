#pragma once
/* A directory copied into another, within the guest. */
#include "common/error.h"

/* What lies in it, and the owner, mode, times and, where the target takes them, xattrs of all; other
 * file systems that are mounted there are left out. What a copy that was cut short has left is
 * replaced. Of a tree of very many levels the lowest directories come over empty: they are counted,
 * and named on the console. Both descriptors are borrowed. */
int copy_tree(int from_fd, int to_fd, unsigned *ret_n_skipped, Error *reterr);
/* After a copy that failed: removes what there is of it, as far as that can be done. What the source
 * does not have stays. */
void copy_tree_undo(int from_fd, int to_fd);
