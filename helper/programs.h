#pragma once
/* Firecracker and its jailer: which files, and whether root may run them. */
#include "common/config.h"

#define PROGRAM_PATH_MAX 256

typedef struct Programs {
        char firecracker[PROGRAM_PATH_MAX], jailer[PROGRAM_PATH_MAX]; /* without links */
} Programs;

/* From the configuration, else the first of /usr/local/bin and /usr/bin. Each must be a regular
 * file of `uid` (0 outside tests) that nobody else can write, in directories that nobody else can
 * write either, or only his own in. ERROR_UNAVAILABLE with a hint when there is none, ERROR_NOT_PERMITTED with one for one that is not safe. */
int programs_find(const Config *config, uid_t uid, Programs *ret, Error *reterr);
