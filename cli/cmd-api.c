#include <errno.h>
#include <string.h>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/output.h"
#include "common/api-system.h"
#include "common/json.h"
#include "common/strings.h"

static void reply_cleanup(VarlinkReply *reply) {
        varlink_reply_clear(reply);
}

/* The interface is what stands before the last dot. */
static Daemon daemon_of(const char *method) {
        return string_after_prefix(method, "io.banger.Root.") ? DAEMON_HELPER : DAEMON_BANGERD;
}

static int receive_all(const CommandContext *context, VarlinkClient *client, bool more,
                       Error *reterr) {
        bool continues;

        do {
                _cleanup_(reply_cleanup) VarlinkReply reply = {.parameters = NULL};
                _cleanup_json_ struct json_object *empty = NULL;
                int r = varlink_client_receive(client, UINT64_MAX, &reply, reterr);

                if (r < 0)
                        return r;
                if (!reply.parameters) {
                        empty = json_object_new_object();
                        if (!empty)
                                return error_set_errno(reterr, ENOMEM, "cannot print the reply");
                }
                r = output_json(context->out, reply.parameters ? reply.parameters : empty,
                                more ? JSON_ONE_LINE : JSON_INDENTED);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot print the reply");
                /* Whoever reads a stream wants each reply when it comes. */
                fflush(context->out);
                continues = reply.continues;
        } while (continues);
        return 0;
}

static int api_run(const CommandContext *context, const Action *action, const void *value,
                   Error *reterr) {
        const ApiCall *call = value;
        _cleanup_client_ VarlinkClient *client = NULL;
        _cleanup_json_ struct json_object *parameters = NULL;
        int r;

        (void) action;
        if (call->parameters) {
                r = json_parse_object(call->parameters, strlen(call->parameters), &parameters,
                                      reterr);
                if (r < 0) {
                        if (reterr)
                                reterr->kind = ERROR_USAGE;
                        return error_prepend(reterr, r, "the parameters are no JSON object");
                }
        }
        r = daemon_connect(context->host, daemon_of(call->method), &client, reterr);
        if (r < 0)
                return r;
        r = varlink_client_send(client, call->method, parameters,
                                call->more ? VARLINK_CALL_MORE : (VarlinkCallFlags) 0, NULL, 0,
                                UINT64_MAX, reterr);
        if (r < 0)
                return r;
        return receive_all(context, client, call->more, reterr);
}

const Command command_api = {
        .words = "api",
        .run = api_run,
};
