#pragma once
/* Commands: an action of the table and what this program does for it. A plain method needs no
 * entry: the words become the request, the reply is printed by its schema. */
#include <stdio.h>

#include "common/action.h"
#include "common/host.h"

typedef struct CommandContext {
        const Host *host;
        FILE *in, *out, *err;
        bool json;
} CommandContext;

/* Negative with reterr filled, or the exit status. `value` is the struct of action->in. */
typedef int (*CommandRun)(const CommandContext *context, const Action *action, const void *value,
                          Error *reterr);

typedef struct Command {
        const char *words;
        CommandRun run;                           /* NULL: call the action's method */
        int (*print)(FILE *out, const void *reply); /* of the method's reply; NULL: by its schema */
        int (*exit_status)(const void *reply);      /* NULL: 0 */
} Command;

extern const Command command_version, command_status, command_api, command_system_install,
        command_system_restart, command_system_status, command_system_uninstall, command_vm_create, command_vm_start,
        command_vm_stop, command_vm_list, command_vm_run, command_vm_exec, command_image_import,
        command_image_list, command_kernel_import, command_kernel_list, command_events,
        command_forward_list;

/* Everything between argv and the exit status. words are argv without the program's name. */
int command_main(CommandContext *context, char *const *words, size_t n_words);
