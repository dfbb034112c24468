#include "cli/command.h"
#include "cli/output.h"
#include "common/api-vm.h"

/* The name alone, for scripts: it may have been made up. */
static int create_print(FILE *out, const void *reply) {
        const VmInfo *vm = reply;

        return output_line(out, "%s", vm->name);
}

const Command command_vm_create = {
        .words = "vm create",
        .print = create_print,
};
