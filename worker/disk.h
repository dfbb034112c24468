#pragma once
/* The work disk of a VM, before its first start. */
#include <stdint.h>

#include "common/error.h"

/* An empty ext4 of that size in a file (borrowed) that is at least as large and has nothing but a
 * hole. */
int disk_make(int fd, int64_t size_bytes, Error *reterr);
