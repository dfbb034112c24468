#include "common/api-worker.h"

#include <errno.h>

#include "common/api-image.h"
#include "common/api-vm.h"

#define RELEASE_MAX 64 /* __NEW_UTS_LEN */

static const char *const image_formats[] = {
        [IMAGE_EXT4] = "ext4",
        [IMAGE_TAR] = "tar",
        NULL,
};

/* It becomes the name of a directory. */
static int check_release(const char *release, Error *reterr) {
        for (const char *c = release; *c; c++)
                if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                      (*c >= '0' && *c <= '9') || *c == '+' || *c == '_' || *c == '~' ||
                      ((*c == '.' || *c == '-') && c != release)))
                        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                         "is no kernel release");
        return 0;
}

static const Field worker_image_import_fields[] = {
        {.name = "format",
         .type = FIELD_ENUM,
         .offset = offsetof(WorkerImageImport, format),
         .required = true,
         .values = image_formats,
         .summary = "What the source is"},
};

const Schema worker_image_import_schema = {
        .name = "WorkerImageImport",
        .size = sizeof(WorkerImageImport),
        .fields = worker_image_import_fields,
        .n_fields = ELEMENTSOF(worker_image_import_fields),
};

static const Field worker_image_progress_fields[] = {
        {.name = "done_bytes",
         .type = FIELD_INT,
         .offset = offsetof(WorkerImageProgress, done_bytes),
         .max = INT64_MAX,
         .summary = "Of the source, so far"},
        {.name = "total_bytes",
         .type = FIELD_INT,
         .offset = offsetof(WorkerImageProgress, total_bytes),
         .max = INT64_MAX,
         .summary = "0 while it is not known"},
        {.name = "size_bytes",
         .type = FIELD_INT,
         .offset = offsetof(WorkerImageProgress, size_bytes),
         .max = INT64_MAX,
         .summary = "Of the file system, in the final reply"},
        {.name = "has_init",
         .type = FIELD_BOOL,
         .offset = offsetof(WorkerImageProgress, has_init),
         .summary = "The image has an init of its own; in the final reply"},
};

const Schema worker_image_progress_schema = {
        .name = "WorkerImageProgress",
        .size = sizeof(WorkerImageProgress),
        .fields = worker_image_progress_fields,
        .n_fields = ELEMENTSOF(worker_image_progress_fields),
};

static const Field worker_kernel_import_fields[] = {
        {.name = "release",
         .type = FIELD_STRING,
         .offset = offsetof(WorkerKernelImport, release),
         .min = 1,
         .max = RELEASE_MAX,
         .check = check_release,
         .summary = "The modules to take; left out: none"},
};

const Schema worker_kernel_import_schema = {
        .name = "WorkerKernelImport",
        .size = sizeof(WorkerKernelImport),
        .fields = worker_kernel_import_fields,
        .n_fields = ELEMENTSOF(worker_kernel_import_fields),
};

static const Field worker_kernel_facts_fields[] = {
        {.name = "release",
         .type = FIELD_STRING,
         .offset = offsetof(WorkerKernelFacts, release),
         .summary = "As the kernel itself says; left out when it does not"},
        {.name = "vmlinux_bytes",
         .type = FIELD_INT,
         .offset = offsetof(WorkerKernelFacts, vmlinux_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "Size of the kernel"},
        {.name = "initrd_bytes",
         .type = FIELD_INT,
         .offset = offsetof(WorkerKernelFacts, initrd_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "Size of the initrd"},
        {.name = "modules_bytes",
         .type = FIELD_INT,
         .offset = offsetof(WorkerKernelFacts, modules_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "Size of the modules' file system, 0 without"},
};

const Schema worker_kernel_facts_schema = {
        .name = "WorkerKernelFacts",
        .size = sizeof(WorkerKernelFacts),
        .fields = worker_kernel_facts_fields,
        .n_fields = ELEMENTSOF(worker_kernel_facts_fields),
};

static const Field worker_disk_make_fields[] = {
        {.name = "size_bytes",
         .type = FIELD_INT,
         .offset = offsetof(WorkerDiskMake, size_bytes),
         .required = true,
         .min = VM_WORK_MIB_MIN * INT64_C(1048576),
         .max = VM_WORK_MIB_MAX * INT64_C(1048576),
         .summary = "Of the file system"},
};

const Schema worker_disk_make_schema = {
        .name = "WorkerDiskMake",
        .size = sizeof(WorkerDiskMake),
        .fields = worker_disk_make_fields,
        .n_fields = ELEMENTSOF(worker_disk_make_fields),
};

static const Action worker_actions[] = {
        {.method = "MakeDisk",
         .summary = "Make an empty file system (descriptor: target)",
         .in = &worker_disk_make_schema,
         .out = &schema_empty,
         .target = TARGET_VM,
         .flags = ACTION_TAKES_FD},
        {.method = "ImportImage",
         .summary = "Make an image of a file system or a tar (descriptors: source, target)",
         .in = &worker_image_import_schema,
         .out = &worker_image_progress_schema,
         .target = TARGET_IMAGE,
         .flags = ACTION_STREAMS | ACTION_TAKES_FD},
        {.method = "ImportKernel",
         .summary = "Unpack a kernel (descriptors: source, vmlinux, initrd, modules)",
         .in = &worker_kernel_import_schema,
         .out = &worker_kernel_facts_schema,
         .target = TARGET_KERNEL,
         .flags = ACTION_TAKES_FD},
};

const Interface interface_worker = {
        .name = "io.banger.Worker",
        .summary = "One job a connection, for the daemon; closing the connection cancels it",
        .actions = worker_actions,
        .n_actions = ELEMENTSOF(worker_actions),
};
