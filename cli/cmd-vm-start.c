#include "cli/command.h"
#include "cli/output.h"
#include "cli/vm.h"

static int print_vm(const CommandContext *context, const VmInfo *vm) {
        vm_warn(context, vm);
        return output_line(context->out, "%s", vm->name);
}

static int start_run(const CommandContext *context, const Action *action, const void *value,
                     Error *reterr) {
        VmProgress progress = {.operation = NULL};
        int r = vm_follow(context, action->method, value, -1, &progress, reterr);

        if (r < 0)
                return r;
        if (context->json)
                r = output_schema_json(context->out, action->out, &progress);
        else if (progress.vm)
                r = print_vm(context, progress.vm);
        schema_clear(action->out, &progress);
        return r;
}

const Command command_vm_start = {
        .words = "vm start",
        .run = start_run,
};

const Command command_vm_stop = {
        .words = "vm stop",
        .run = start_run,
};
