#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/help.h"
#include "cli/parse.h"
#include "cli/table.h"
#include "common/strings.h"

static const TableColumn help_columns[2];

static const char *const unit_suffixes[] = {
        [UNIT_NONE] = "",
        [UNIT_MIB] = " MiB",
        [UNIT_SECONDS] = " s",
};

static int add_row(Table *table, const char *left, const char *right) {
        const char *cells[] = {left, right ? right : ""};

        return table_add(table, cells);
}

/* What a value may be: "(1..32)", "(one of: a, b)". Empty where anything goes. */
static void write_bounds(FILE *out, const Field *field) {
        const char *unit = unit_suffixes[field->unit];

        if (field->type == FIELD_INT && (field->min != 0 || field->max != 0))
                fprintf(out, " (%" PRId64 "..%" PRId64 "%s)", field->min, field->max, unit);
        if (field->type == FIELD_ENUM) {
                for (size_t i = 0; field->values[i]; i++)
                        fprintf(out, "%s%s", i == 0 ? " (one of: " : ", ", field->values[i]);
                fputc(')', out);
        }
        if (field->type == FIELD_INT && !field->required && field->absent != 0)
                fprintf(out, ", default %" PRId64 "%s", field->absent, unit);
        if (field->type == FIELD_STRINGS && field->option)
                fputs(", may be repeated", out);
}

static char *field_description(const Field *field) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return NULL;
        fputs(field->summary ? field->summary : "", out);
        write_bounds(out, field);
        if (fclose(out) != 0)
                return NULL;
        return steal_ptr(text);
}

/* "  -y, --yes", "      --owner USER" */
static char *option_label(const Field *field) {
        const char *metavar = field->type == FIELD_BOOL ? NULL : field->metavar;

        if (!metavar && field->type != FIELD_BOOL)
                metavar = "VALUE";
        if (field->letter)
                return string_format("  -%c, --%s%s%s", field->letter, field->option,
                                     metavar ? " " : "", metavar ? metavar : "");
        return string_format("      --%s%s%s", field->option, metavar ? " " : "",
                             metavar ? metavar : "");
}

static int add_field(Table *table, const Field *field) {
        _cleanup_free_ char *label = NULL, *description = field_description(field);

        label = field->positional
                        ? string_format("  %s", field->metavar ? field->metavar : field->name)
                        : option_label(field);
        if (!label || !description)
                return -ENOMEM;
        return add_row(table, label, description);
}

static void write_usage(FILE *out, const Action *action) {
        const Schema *in = action->in;

        fprintf(out, "Usage: banger %s", action->words);
        for (size_t i = 0; i < in->n_fields; i++)
                if (in->fields[i].option && in->fields[i].required)
                        fprintf(out, " --%s %s", in->fields[i].option,
                                in->fields[i].metavar ? in->fields[i].metavar : "VALUE");
        fputs(" [OPTIONS]", out);
        for (size_t i = 0; i < in->n_fields; i++) {
                const Field *field = &in->fields[i];

                if (!field->positional)
                        continue;
                fprintf(out, " %s%s%s%s", field->required ? "" : "[",
                        field->metavar ? field->metavar : field->name,
                        field->type == FIELD_STRINGS ? "..." : "", field->required ? "" : "]");
        }
        fprintf(out, "\n\n%s%s.\n", action->summary,
                (action->flags & ACTION_ROOT) != 0 ? ". Needs root" : "");
}

static int write_section(FILE *out, const Action *action, bool positional, const char *title) {
        _cleanup_table_ Table *table = NULL;
        bool any = false;
        int r;

        r = table_new(help_columns, ELEMENTSOF(help_columns), &table);
        for (size_t i = 0; i < action->in->n_fields && r >= 0; i++) {
                const Field *field = &action->in->fields[i];

                if (positional ? field->positional : field->option != NULL) {
                        r = add_field(table, field);
                        any = true;
                }
        }
        if (r >= 0 && !positional) {
                r = add_row(table, "      --json", "Print JSON, errors too");
                if (r >= 0)
                        r = add_row(table, "  -h, --help", "Show this");
                any = true;
        }
        if (r < 0)
                return r;
        if (any) {
                fprintf(out, "\n%s:\n", title);
                table_print(table, out);
        }
        return 0;
}

int help_command(FILE *out, const Action *action) {
        int r;

        write_usage(out, action);
        r = write_section(out, action, true, "Arguments");
        if (r < 0)
                return r;
        return write_section(out, action, false, "Options");
}

static int add_commands(Table *table, const char *topic) {
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++) {
                        const Action *action = &action_interfaces[i]->actions[j];
                        _cleanup_free_ char *label = NULL;
                        int r;

                        if (!action->words || (topic && !command_in_group(action, topic)))
                                continue;
                        label = string_format("  %s", action->words);
                        if (!label)
                                return -ENOMEM;
                        r = add_row(table, label, action->summary);
                        if (r < 0)
                                return r;
                }
        if (topic)
                return 0;
        return add_row(table, "  help [COMMAND]", "Show help, of one command or group");
}

int help_overview(FILE *out, const char *topic) {
        _cleanup_table_ Table *table = NULL;
        int r;

        r = table_new(help_columns, ELEMENTSOF(help_columns), &table);
        if (r >= 0)
                r = add_commands(table, topic);
        if (r < 0)
                return r;

        fprintf(out, "Usage: banger%s%s COMMAND [OPTIONS] [ARGUMENTS]\n\n", topic ? " " : "",
                topic ? topic : "");
        if (!topic)
                fputs("Manages development microVMs on this host.\n\n", out);
        fputs("Commands:\n", out);
        table_print(table, out);
        fputs("\nEvery command takes --json (print JSON, errors too) and --help.\n"
              "Exit status: 0 done, 1 failed, 2 usage, 3 not found or not installed, 4 refused or\n"
              "degraded, 5 daemon unreachable, 124 timeout.\n",
              out);
        return 0;
}
