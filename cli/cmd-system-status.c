#include <errno.h>
#include <systemd/sd-daemon.h>

#include "cli/checks.h"
#include "cli/output.h"
#include "cli/table.h"
#include "common/version.h"

static const TableColumn columns[] = {
        {.title = "CHECK"},
        {.title = "STATE"},
        {.title = "EVIDENCE"},
        {.title = "REMEDY"},
};

static int print_report(FILE *out, const SystemReport *report) {
        const SystemCheck *checks = report->checks.items;
        const Field *states = schema_find(&system_check_schema, "state");
        _cleanup_table_ Table *table = NULL;
        int r = table_new(columns, ELEMENTSOF(columns), &table);

        for (size_t i = 0; i < report->checks.n_items && r >= 0; i++)
                r = table_add(table, (const char *const[]) {
                                             checks[i].name,
                                             states->values[checks[i].state],
                                             checks[i].evidence,
                                             checks[i].remedy ? checks[i].remedy : "",
                                     });
        if (r < 0)
                return r;
        if (report->installed)
                output_line(out, "banger %s, owner %s",
                            report->version ? report->version : banger_version,
                            report->owner ? report->owner : "unknown");
        else
                output_line(out, "banger is not installed on this host; run: sudo banger system "
                                 "install --owner USER");
        table_print(table, out);
        return 0;
}

static int system_status_run(const CommandContext *context, const Action *action, const void *value,
                             Error *reterr) {
        _cleanup_units_ Units units = {.ops = NULL};
        SystemReport report = {.version = NULL};
        SetupEnv env = {.host = context->host, .booted = sd_booted() > 0};
        int r, status;

        (void) value;
        /* Without systemd the checks say so themselves. */
        if (env.booted && units_open(&units, NULL) >= 0)
                env.units = units;
        r = checks_run(&env, &report, reterr);
        if (r < 0)
                return r;
        r = context->json ? output_schema_json(context->out, action->out, &report)
                          : print_report(context->out, &report);
        status = checks_exit_status(&report);
        schema_clear(&system_report_schema, &report);
        return r < 0 ? error_set_errno(reterr, -r, "cannot print the report") : status;
}

const Command command_system_status = {
        .words = "system status",
        .run = system_status_run,
};
