#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/output.h"
#include "cli/status-line.h"
#include "cli/table.h"
#include "common/api-system.h"
#include "common/clock.h"

#define STATUS_TIMEOUT_USEC (60 * USEC_PER_SEC)
/* A prompt that waits is worse than one that does not know. */
#define SUMMARY_TIMEOUT_USEC (250 * USEC_PER_MSEC)

static const TableColumn component_columns[] = {
        {.title = "COMPONENT"},
        {.title = "STATE"},
        {.title = "VERSION"},
        {.title = "MESSAGE"},
};

static const char *state_name(int state) {
        const Field *field = schema_find(&component_status_schema, "state");

        return field ? field->values[state] : "?";
}

static int status_print(FILE *out, const SystemStatus *status) {
        const ComponentStatus *components = status->components.items;
        _cleanup_table_ Table *table = NULL;
        int r;

        r = table_new(component_columns, ELEMENTSOF(component_columns), &table);
        for (size_t i = 0; i < status->components.n_items && r >= 0; i++) {
                const ComponentStatus *component = &components[i];

                r = table_add(table, (const char *const[]) {
                                             component->name,
                                             state_name(component->state),
                                             component->version,
                                             component->message ? component->message : "",
                                     });
        }
        if (r >= 0)
                r = output_line(out, "%s: banger %s of %s, %" PRId64 " of %" PRId64 " VMs running",
                                status->host, status->version, status->owner, status->vms_running,
                                status->vms_total);
        if (r >= 0)
                table_print(table, out);
        return r;
}

static int status_exit(const SystemStatus *status) {
        const ComponentStatus *components = status->components.items;

        for (size_t i = 0; i < status->components.n_items; i++)
                if (components[i].state != COMPONENT_OK)
                        return error_kind_exit_status(ERROR_DEGRADED);
        return 0;
}

/* Always 0: a status bar has no use for errors, and a prompt none for a failing command. */
static int show_line(const CommandContext *context, int64_t max_width) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *line = NULL;
        SystemSummary summary;
        int r = daemon_get_summary(context->host, clock_monotonic_usec() + SUMMARY_TIMEOUT_USEC,
                                   &summary, &error);

        if (r < 0)
                line = strdup(r == -ETIMEDOUT ? "bgr ?" : "bgr off");
        else
                line = status_line_format(&summary, max_width < 0 ? SIZE_MAX : (size_t) max_width);
        (void) output_line(context->out, "%s", line ? line : "bgr ?");
        return 0;
}

static int show_motd(const CommandContext *context) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        SystemSummary summary;
        int r = daemon_get_summary(context->host, clock_monotonic_usec() + SUMMARY_TIMEOUT_USEC,
                                   &summary, &error);

        if (r >= 0) {
                text = status_motd_format(&summary);
                fputs(text ? text : "", context->out);
        } else if (error.kind == ERROR_UNREACHABLE)
                (void) output_line(context->out, "banger: %s; %s", error.message,
                                   error.hint ? error.hint : "run: banger status");
        return 0;
}

static int show_all(const CommandContext *context, const Action *action, Error *reterr) {
        SystemStatus status = {.host = NULL};
        int r = daemon_get_status(context->host, clock_monotonic_usec() + STATUS_TIMEOUT_USEC,
                                  &status, reterr);

        if (r < 0)
                return r;
        r = context->json ? output_schema_json(context->out, action->out, &status)
                          : status_print(context->out, &status);
        if (r >= 0)
                r = status_exit(&status);
        schema_clear(&system_status_schema, &status);
        return r < 0 ? error_set_errno(reterr, -r, "cannot print the status") : r;
}

static int status_run(const CommandContext *context, const Action *action, const void *value,
                      Error *reterr) {
        const StatusShow *show = value;

        if ((show->line || show->motd) && context->json)
                return error_set(reterr, ERROR_USAGE, EINVAL,
                                 "--json shows all there is; leave out --line and --motd");
        if (show->line && show->motd)
                return error_set(reterr, ERROR_USAGE, EINVAL, "--line or --motd, not both");
        if (show->max_width >= 0 && !show->line)
                return error_set(reterr, ERROR_USAGE, EINVAL, "--max-width goes with --line");
        if (show->line)
                return show_line(context, show->max_width);
        return show->motd ? show_motd(context) : show_all(context, action, reterr);
}

const Command command_status = {
        .words = "status",
        .run = status_run,
};
