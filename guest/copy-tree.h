#pragma once
/* A directory copied into another, within the guest. */
#include "common/error.h"

/* What lies in it, and the owner, mode, times and, where the target takes them, xattrs of all; other
 * file systems that are mounted there are left out. What a copy that was cut short has left is
 * replaced. Files with several names become several files. Both descriptors are borrowed. */
int copy_tree(int from_fd, int to_fd, Error *reterr);
