#pragma once
/* Loop devices, by sysfs and their own ioctl. */
#include "helper/inventory.h"

/* Loops whose lo_file_name says "banger:ID:ROLE". sysfs alone would not do: what it says of the
 * backing file depends on a mount namespace that may be gone. */
int loops_read(const Host *host, Inventory *inventory, Error *reterr);
