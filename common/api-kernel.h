#pragma once
/* io.banger.Kernel: guest kernels with their initrd and modules. */
#include "common/action.h"

typedef struct KernelInfo {
        char *id;
        char *name;        /* the release unless another was given */
        char *release;     /* "6.1.0-32-cloud-amd64"; empty when the file does not say */
        int64_t size_bytes;
        int64_t created_s;
        bool is_default;
} KernelInfo;

typedef struct KernelList {
        Objects kernels; /* KernelInfo, by name */
} KernelList;

/* Carries one descriptor: a vmlinuz or an ELF vmlinux. With release, the modules of
 * /lib/modules/RELEASE of this host go with it. */
typedef struct KernelImport {
        char *name;    /* NULL: the release */
        char *release; /* NULL: a kernel without modules (all built in) */
} KernelImport;

typedef struct KernelImportCommand {
        char *file; /* NULL with host */
        bool host;
        char *name;
} KernelImportCommand;

typedef struct KernelRef {
        char *kernel;
} KernelRef;

/* Names and releases: 1 to 64 of [A-Za-z0-9._+~-], the first a letter or digit, and no id: one path
 * component. For Field.check. */
int kernel_name_check(const char *name, Error *reterr);

extern const Schema kernel_info_schema, kernel_list_schema, kernel_import_schema,
        kernel_import_command_schema, kernel_ref_schema;
/* Import(KernelImport) -> KernelInfo, takes a descriptor; local "kernel import"; List "kernel list";
 * Delete(KernelRef) "kernel delete" destroys. The first kernel imported is the default; importing
 * --host again makes the new one the default. */
extern const Interface interface_kernel;
