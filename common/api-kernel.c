#include <errno.h>
#include <string.h>

#include "common/api-kernel.h"
#include "common/ident.h"

#define KERNEL_NAME_MAX 64 /* as much as uname(2) has room for */
#define KERNELS_MAX 4096
#define FILE_MAX 4095 /* PATH_MAX less its NUL */

static bool is_alphanumeric(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int kernel_name_check(const char *name, Error *reterr) {
        size_t length = strlen(name);
        bool fit = length >= 1 && length <= KERNEL_NAME_MAX && is_alphanumeric(name[0]);

        for (const char *p = name; fit && *p; p++)
                fit = is_alphanumeric(*p) || strchr("._+~-", *p);
        if (!fit)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "must be 1 to %d of letters, digits and \"._+~-\", and begin with "
                                 "a letter or digit",
                                 KERNEL_NAME_MAX);
        if (vm_id_valid(name))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "must not look like an id (10 hex digits)");
        return 0;
}

static const Field kernel_info_fields[] = {
        {.name = "id",
         .type = FIELD_STRING,
         .offset = offsetof(KernelInfo, id),
         .required = true,
         .check = vm_id_check,
         .summary = "Its id, as in the name of its directory"},
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(KernelInfo, name),
         .required = true,
         .summary = "Its name"},
        {.name = "release",
         .type = FIELD_STRING,
         .offset = offsetof(KernelInfo, release),
         .required = true,
         .summary = "As uname -r says it in the guest; empty when the file does not say"},
        {.name = "size_bytes",
         .type = FIELD_INT,
         .offset = offsetof(KernelInfo, size_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "Of the kernel, its initrd and its modules"},
        {.name = "created_s",
         .type = FIELD_INT,
         .offset = offsetof(KernelInfo, created_s),
         .required = true,
         .max = INT64_MAX,
         .summary = "When it was imported, in seconds since the epoch"},
        {.name = "is_default",
         .type = FIELD_BOOL,
         .offset = offsetof(KernelInfo, is_default),
         .required = true,
         .summary = "Do VMs start with it that name no other"},
};

const Schema kernel_info_schema = {
        .name = "KernelInfo",
        .size = sizeof(KernelInfo),
        .fields = kernel_info_fields,
        .n_fields = ELEMENTSOF(kernel_info_fields),
};

static const Field kernel_list_fields[] = {
        {.name = "kernels",
         .type = FIELD_OBJECTS,
         .offset = offsetof(KernelList, kernels),
         .required = true,
         .max = KERNELS_MAX,
         .nested = &kernel_info_schema,
         .summary = "All kernels, by name"},
};

const Schema kernel_list_schema = {
        .name = "KernelList",
        .size = sizeof(KernelList),
        .fields = kernel_list_fields,
        .n_fields = ELEMENTSOF(kernel_list_fields),
};

static const Field kernel_import_fields[] = {
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(KernelImport, name),
         .check = kernel_name_check,
         .summary = "The name that it gets; its release unless given"},
        {.name = "release",
         .type = FIELD_STRING,
         .offset = offsetof(KernelImport, release),
         .check = kernel_name_check,
         .summary = "Take this host's modules of that release along"},
};

const Schema kernel_import_schema = {
        .name = "KernelImport",
        .size = sizeof(KernelImport),
        .fields = kernel_import_fields,
        .n_fields = ELEMENTSOF(kernel_import_fields),
};

static const Field kernel_import_command_fields[] = {
        {.name = "file",
         .type = FIELD_STRING,
         .offset = offsetof(KernelImportCommand, file),
         .min = 1,
         .max = FILE_MAX,
         .summary = "A vmlinuz or an ELF vmlinux with all drivers built in",
         .metavar = "FILE",
         .positional = true},
        {.name = "host",
         .type = FIELD_BOOL,
         .offset = offsetof(KernelImportCommand, host),
         .summary = "Take this host's kernel and modules, and make it the default",
         .option = "host"},
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(KernelImportCommand, name),
         .check = kernel_name_check,
         .summary = "The name that it gets; its release unless given",
         .option = "name",
         .letter = 'n',
         .metavar = "NAME"},
};

const Schema kernel_import_command_schema = {
        .name = "KernelImportCommand",
        .size = sizeof(KernelImportCommand),
        .fields = kernel_import_command_fields,
        .n_fields = ELEMENTSOF(kernel_import_command_fields),
};

static const Field kernel_ref_fields[] = {
        {.name = "kernel",
         .type = FIELD_STRING,
         .offset = offsetof(KernelRef, kernel),
         .required = true,
         .min = 1,
         .max = KERNEL_NAME_MAX,
         .summary = "Its name or id",
         .metavar = "KERNEL",
         .positional = true},
};

const Schema kernel_ref_schema = {
        .name = "KernelRef",
        .size = sizeof(KernelRef),
        .fields = kernel_ref_fields,
        .n_fields = ELEMENTSOF(kernel_ref_fields),
};

static const Action kernel_actions[] = {
        {.method = "Import",
         .summary = "Make a guest kernel from the vmlinuz or vmlinux that the descriptor gives",
         .in = &kernel_import_schema,
         .out = &kernel_info_schema,
         .target = TARGET_NONE,
         .flags = ACTION_TAKES_FD},
        {.words = "kernel import",
         .summary = "Make a guest kernel from this host's own or from a file",
         .in = &kernel_import_command_schema,
         .out = &kernel_info_schema,
         .target = TARGET_NONE,
         .flags = ACTION_LOCAL},
        {.method = "List",
         .words = "kernel list",
         .summary = "List the guest kernels",
         .in = &schema_empty,
         .out = &kernel_list_schema,
         .target = TARGET_NONE},
        {.method = "Delete",
         .words = "kernel delete",
         .summary = "Delete a kernel that no VM uses",
         .in = &kernel_ref_schema,
         .out = &schema_empty,
         .target = TARGET_KERNEL,
         .flags = ACTION_DESTROYS},
};

const Interface interface_kernel = {
        .name = "io.banger.Kernel",
        .summary = "Guest kernels with their initrd and modules",
        .actions = kernel_actions,
        .n_actions = ELEMENTSOF(kernel_actions),
};
