#include <inttypes.h>
#include <string.h>

#include "cli/command.h"
#include "cli/table.h"
#include "common/api-vm.h"
#include "common/strings.h"
#include "common/text.h"

#define STATE_COLUMNS_MAX 40 /* `vm show` has it whole */

static const TableColumn columns[] = {
        {.title = "NAME"},
        {.title = "STATE"},
        {.title = "IMAGE"},
        {.title = "VCPUS", .right = true},
        {.title = "MEMORY", .right = true},
        {.title = "ADDRESS"},
};

static char *format_state(const VmInfo *vm) {
        const char *name = vm_state_names[vm->state];

        _cleanup_free_ char *whole = NULL;

        if (!vm->reason)
                return strdup(name);
        whole = string_format("%s: %s", name, vm->reason);
        return whole ? text_cut(whole, STATE_COLUMNS_MAX) : NULL;
}

static int add_vm(Table *table, const VmInfo *vm) {
        _cleanup_free_ char *state = format_state(vm);
        _cleanup_free_ char *vcpus = string_format("%" PRId64, vm->vcpus);
        _cleanup_free_ char *memory = string_format("%" PRId64 " MiB", vm->memory_mib);

        return table_add(table,
                         (const char *const[]) {vm->name, state, vm->image, vcpus, memory,
                                                vm->address});
}

static int list_print(FILE *out, const void *reply) {
        const VmList *list = reply;
        const VmInfo *vms = list->vms.items;
        _cleanup_table_ Table *table = NULL;
        int r = table_new(columns, ELEMENTSOF(columns), &table);

        for (size_t i = 0; i < list->vms.n_items && r >= 0; i++)
                r = add_vm(table, &vms[i]);
        if (r >= 0)
                table_print(table, out);
        return r;
}

const Command command_vm_list = {
        .words = "vm list",
        .print = list_print,
};
