#include <inttypes.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "common/api-system.h"

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

static int status_print(FILE *out, const void *reply) {
        const SystemStatus *status = reply;
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

static int status_exit(const void *reply) {
        const SystemStatus *status = reply;
        const ComponentStatus *components = status->components.items;

        for (size_t i = 0; i < status->components.n_items; i++)
                if (components[i].state != COMPONENT_OK)
                        return error_kind_exit_status(ERROR_DEGRADED);
        return 0;
}

const Command command_status = {
        .words = "status",
        .print = status_print,
        .exit_status = status_exit,
};
