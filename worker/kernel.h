#pragma once
/* Kernels of guests: the ELF image, an initrd with the agent, and all modules as a file system. */
#include "common/api-worker.h"
#include "worker/job.h"

/* All is borrowed. */
typedef struct KernelJob {
        Job *job;
        int source_fd;                         /* a regular file */
        int vmlinux_fd, initrd_fd, modules_fd; /* empty regular files */
        const char *release;                   /* NULL: no modules */
        const char *modules_path;              /* "/lib/modules" */
        const char *agent_path;                /* banger-guest */
} KernelJob;

/* Blocks; -ECANCELED. facts are cleared with their schema. After a failure the three files are
 * empty. */
int kernel_import(const KernelJob *job, WorkerKernelFacts *ret, Error *reterr);

/* The parts. */
int kernel_unpack(const KernelJob *job, char **ret_release, Error *reterr);
int initrd_write(const KernelJob *job, Error *reterr);
