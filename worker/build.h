#pragma once
/* A tree of entries becomes an ext4. Twice through the source: once to know how large, once to
 * write. */
#include "worker/entry.h"

typedef struct BuildSize {
        int64_t content_bytes; /* blocks that files, directories, links and xattrs take */
        int64_t n_entries;
} BuildSize;

typedef struct BuildPlan {
        int64_t size_bytes;
        uint32_t n_inodes;
} BuildPlan;

/* Adds one entry. ERROR_NO_SPACE past what one file system of ours may hold. */
int build_count(BuildSize *size, const Entry *entry, Error *reterr);
int build_measure(const EntrySource *source, BuildSize *ret, Error *reterr);
/* The contents and a quarter, and free_bytes; whole 4 MiB. */
int build_plan(const BuildSize *size, int64_t free_bytes, BuildPlan *ret, Error *reterr);
/* Into an empty regular file, borrowed. */
int build_write(const EntrySource *source, int fd, const BuildPlan *plan, Error *reterr);
