#include "cli/command.h"
#include "cli/table.h"
#include "common/api-kernel.h"
#include "common/format.h"

static const TableColumn columns[] = {
        {.title = "NAME"},
        {.title = "RELEASE"},
        {.title = "SIZE", .right = true},
        {.title = "CREATED"},
        {.title = "DEFAULT"},
};

static int add_kernel(Table *table, const KernelInfo *kernel) {
        _cleanup_free_ char *size = format_bytes(kernel->size_bytes);
        _cleanup_free_ char *created = format_time(kernel->created_s);

        return table_add(table,
                         (const char *const[]) {kernel->name, kernel->release, size, created,
                                                kernel->is_default ? "yes" : ""});
}

static int list_print(FILE *out, const void *reply) {
        const KernelList *list = reply;
        const KernelInfo *kernels = list->kernels.items;
        _cleanup_table_ Table *table = NULL;
        int r = table_new(columns, ELEMENTSOF(columns), &table);

        for (size_t i = 0; i < list->kernels.n_items && r >= 0; i++)
                r = add_kernel(table, &kernels[i]);
        if (r >= 0)
                table_print(table, out);
        return r;
}

const Command command_kernel_list = {
        .words = "kernel list",
        .print = list_print,
};
