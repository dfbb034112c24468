#include <errno.h>
#include <string.h>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/parse.h"
#include "common/clock.h"
#include "common/strings.h"

/* An answer that takes longer is none; what takes long by nature streams its progress. */
#define CALL_TIMEOUT_USEC (60 * USEC_PER_SEC)

static const Command *const commands[] = {
        &command_vm_create,      &command_vm_start,      &command_vm_stop,
        &command_vm_list,        &command_vm_run,        &command_vm_exec,
        &command_forward_list,   &command_image_import,  &command_image_list,
        &command_kernel_import,  &command_kernel_list,   &command_events,
        &command_status,         &command_version,       &command_api,
        &command_system_install, &command_system_restart, &command_system_status,
        &command_system_uninstall,
};

static const Command *find_command(const Action *action) {
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (string_equal(commands[i]->words, action->words))
                        return commands[i];
        return NULL;
}

static const Interface *interface_of(const Action *action) {
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++)
                        if (&action_interfaces[i]->actions[j] == action)
                                return action_interfaces[i];
        return NULL;
}

static int print_reply(const CommandContext *context, const Action *action, const Command *command,
                       const void *reply) {
        int r;

        if (context->json)
                r = output_schema_json(context->out, action->out, reply);
        else if (command && command->print)
                r = command->print(context->out, reply);
        else
                r = output_reply(context->out, action->out, reply);
        if (r < 0)
                return r;
        return command && command->exit_status ? command->exit_status(reply) : 0;
}

static int run_method(const CommandContext *context, const Action *action, const Command *command,
                      const void *value, Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        uint64_t deadline_usec = (action->flags & ACTION_STREAMS) != 0
                                         ? UINT64_MAX
                                         : clock_monotonic_usec() + CALL_TIMEOUT_USEC;
        _cleanup_free_ void *reply = NULL;
        int r;

        reply = calloc(1, action->out->size ? action->out->size : 1);
        if (!reply)
                return error_set_errno(reterr, ENOMEM, "cannot call bangerd");
        r = daemon_connect(context->host, DAEMON_BANGERD, &client, reterr);
        if (r < 0)
                return r;
        r = varlink_client_call(client, interface_of(action), action->method, value, reply, NULL, 0,
                                NULL, deadline_usec, reterr);
        if (r < 0)
                return r;
        r = print_reply(context, action, command, reply);
        schema_clear(action->out, reply);
        return r;
}

static int run_action(const CommandContext *context, const Action *action, const void *value,
                      Error *reterr) {
        const Command *command = find_command(action);

        if (command && command->run)
                return command->run(context, action, value, reterr);
        if (!action->method)
                return error_set(reterr, ERROR_FAILED, ENOSYS, "\"%s\" has no method",
                                 action->words);
        return run_method(context, action, command, value, reterr);
}

static int run_words(CommandContext *context, char *const *words, size_t n_words, Error *reterr) {
        _cleanup_invocation_ Invocation invocation = INVOCATION_INIT;
        int r = parse_command_line(words, n_words, &invocation, reterr);

        context->json = invocation.json;
        if (r < 0)
                return r;
        if (invocation.help)
                return invocation.action ? help_command(context->out, invocation.action)
                                         : help_overview(context->out, invocation.topic);
        return run_action(context, invocation.action, invocation.value, reterr);
}

int command_main(CommandContext *context, char *const *words, size_t n_words) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = run_words(context, words, n_words, &error);

        /* A full disk or a closed pipe behind stdout is a failure, though the work was done. */
        if (fflush(context->out) != 0 || ferror(context->out)) {
                int errnum = errno;

                if (r >= 0)
                        r = error_set_errno(&error, errnum ? errnum : EIO,
                                            "cannot write the output");
        }
        if (r >= 0)
                return r;
        if (error.kind == ERROR_NONE)
                error_set_errno(&error, -r, "cannot do it");
        output_error(context->err, context->json, &error, r);
        return error_kind_exit_status(error.kind);
}
