#pragma once
/* The bytes of a descriptor, or of a part of it, in order. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "worker/job.h"

typedef struct Input {
        Job *job;
        int fd;           /* borrowed */
        bool is_stream;   /* a pipe or socket: cannot be read twice, nor skipped */
        int64_t start;    /* where the first byte is; 0 for a stream */
        int64_t end;      /* one past the last; -1: the end of the file */
        int64_t position; /* of the next byte, counted from start */
        /* What is read of a stream is also written here, to be read again. -1: not kept. */
        int keep_fd;
        int64_t keep_at;
        /* What has been read is given back to the file system: the space is needed. */
        bool punch;
        /* What the job is told: told_base and position >> told_shift. */
        int64_t told_base;
        unsigned told_shift;
} Input;

#define INPUT_CHUNK ((size_t) 256 * 1024)

/* A whole descriptor; *ret_size is -1 for a stream. Refuses what is neither a regular file nor a
 * stream: ERROR_INVALID_PARAMETER. */
int input_open(Input *ret, int fd, Job *job, int64_t *ret_size, Error *reterr);
/* The number of bytes, 0 at the end. Blocks; -ECANCELED. */
ssize_t input_read(Input *input, void *buffer, size_t size, Error *reterr);
/* How many of `size` bytes were passed over: all or, in a stream, none. */
int64_t input_skip(Input *input, int64_t size);
