#pragma once
/* Work in the file system that may never return: whoever owns a file can hold its lock for ever, from a
 * page of a file system of FUSE, and no signal ends who waits for that. */
#include <stdint.h>

#include "common/error.h"

typedef int (*ApartWork)(void *argument, Error *reterr);

/* Runs it in a process of its own, and returns what it returns; of its error the kind, the message and
 * the hint. What it changes in memory is lost. -ETIMEDOUT, ERROR_TIMED_OUT past the deadline: the process
 * is killed and not waited for. */
int apart_run(ApartWork work, void *argument, uint64_t deadline_usec, Error *reterr);
