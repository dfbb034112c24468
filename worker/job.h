#pragma once
/* A job under way: whether its client still wants it, and how far it has come. */
#include <stdint.h>

#include "common/error.h"

typedef struct Job {
        int client_fd; /* the connection; when its peer closes, the job is cancelled. -1: none */
        /* Told at most every JOB_PROGRESS_USEC; may be NULL. */
        void (*progress)(int64_t done_bytes, int64_t total_bytes, void *userdata);
        void *userdata;
        int64_t done_bytes, total_bytes; /* as last set */
        uint64_t next_usec;
} Job;

#define JOB_PROGRESS_USEC (200 * UINT64_C(1000))

/* -ECANCELED (ERROR_CANCELED) once the client has left. Does not block. */
int job_check(const Job *job, Error *reterr);
/* As job_check(), but waits until fd can be read, or its writer has closed it. */
int job_wait_readable(const Job *job, int fd, Error *reterr);
void job_tell(Job *job, int64_t done_bytes);
