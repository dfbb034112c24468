#pragma once
/* What the kernel shows of banger's objects in sysfs, when there is no helper to ask any more. It
 * shows neither tables of nftables nor whose a loop device is. */
#include "common/error.h"

/* Names of the links and device-mapper devices that are left, of sysfs below root_fd; NULL-terminated,
 * NULL when there are none. */
int leftovers_find(int root_fd, char ***ret, Error *reterr);
