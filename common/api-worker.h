#pragma once
/* io.banger.Worker: one job a connection, for bangerd only. Closing the connection cancels it. Every
 * file is opened by bangerd and comes as a descriptor, in the order given here. */
#include "common/action.h"

/* source (readable), target (an empty regular file, read-write) */
typedef struct WorkerImageImport {
        int format; /* ImageFormat */
} WorkerImageImport;

typedef struct WorkerImageProgress {
        int64_t done_bytes, total_bytes; /* of the source; total 0 when it is a pipe */
        int64_t size_bytes;  /* the rest: in the final reply */
        bool has_init;
} WorkerImageProgress;

/* vmlinuz or vmlinux (readable), then three empty regular files: vmlinux, initrd, modules.ext4 */
typedef struct WorkerKernelImport {
        char *release; /* NULL: no modules; initrd has the agent only, modules.ext4 stays empty */
} WorkerKernelImport;

typedef struct WorkerKernelFacts {
        char *release; /* as found in the kernel's version string; NULL when it does not say */
        int64_t vmlinux_bytes, initrd_bytes, modules_bytes;
} WorkerKernelFacts;

/* target (an empty regular file, read-write, of at least that size) */
typedef struct WorkerDiskMake {
        int64_t size_bytes;
} WorkerDiskMake;

extern const Schema worker_disk_make_schema, worker_image_import_schema,
        worker_image_progress_schema, worker_kernel_import_schema, worker_kernel_facts_schema;
/* MakeDisk(WorkerDiskMake) -> {}; ImportImage(WorkerImageImport) -> WorkerImageProgress, streams;
 * ImportKernel(WorkerKernelImport) -> WorkerKernelFacts. */
extern const Interface interface_worker;
