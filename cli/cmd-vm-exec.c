#include "cli/command.h"
#include "cli/vm.h"

static int exec_run(const CommandContext *context, const Action *action, const void *value,
                    Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        int status, r;

        (void) action;
        (void) reterr;
        r = vm_exec(context, value, -1, &status, &error);
        return r < 0 ? vm_own_failure(context, &error, r) : status;
}

const Command command_vm_exec = {
        .words = "vm exec",
        .run = exec_run,
};
