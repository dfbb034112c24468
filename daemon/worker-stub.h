#pragma once
/* The daemon's only way to the worker: one typed function a job, each on a connection of its own,
 * which is a worker of its own. They block as long as the job takes: for pool jobs only. */

#include "common/api-image.h"
#include "common/api-worker.h"

typedef struct WorkerWatch {
        int cancel_fd; /* readable: give the job up, -ECANCELED */
        /* Of an image: told now and then, in the calling thread. May be NULL. */
        void (*progress)(int64_t done_bytes, int64_t total_bytes, void *userdata);
        void *userdata;
} WorkerWatch;

/* Descriptors are borrowed. The caller clears ret with the worker_*_schema. */
int worker_import_image(const char *socket, ImageFormat format, int source_fd, int target_fd,
                        const WorkerWatch *watch, WorkerImageProgress *ret, Error *reterr);
/* An empty ext4 in the target: a regular file of at least that size, all a hole. */
int worker_make_disk(const char *socket, int64_t size_bytes, int target_fd,
                     const WorkerWatch *watch, Error *reterr);
/* targets: vmlinux, initrd, modules.ext4. release may be NULL. */
int worker_import_kernel(const char *socket, const char *release, int source_fd,
                         const int targets[3], const WorkerWatch *watch, WorkerKernelFacts *ret,
                         Error *reterr);
