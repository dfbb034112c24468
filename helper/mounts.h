#pragma once
/* Mounts inside the jails, from the kernel's table of them. */
#include "helper/inventory.h"

/* Below the jails' directory only: a file system that the administrator mounts on another of our
 * directories is not ours. */
int mounts_read(const Host *host, Inventory *inventory, Error *reterr);

/* The same, of a table in the format of proc_pid_mountinfo(5), which is consumed. jails: absolute
 * path of their directory. -EBADMSG when a line has too few fields. */
int mounts_parse(char *table, const char *jails, Inventory *inventory);
