#include "helper/firewall-state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strings.h"

const char *const firewall_families[] = {[FIREWALL_BRIDGE] = "bridge", [FIREWALL_IP] = "ip"};

/* comment "TEXT" -> TEXT, in place; NULL when the line is something else. */
static char *take_comment(char *line) {
        const char *prefix = "comment \"";
        size_t length = strlen(prefix);
        char *end;

        if (strncmp(line, prefix, length) != 0)
                return NULL;
        end = strchr(line + length, '"');
        if (end)
                *end = '\0';
        return line + length;
}

/* 1 when it begins a counter. */
static int add_counter(FirewallTable *table, const char *line) {
        const char *name = string_after_prefix(line, "counter ");
        size_t length = name ? strcspn(name, " ") : 0;
        FirewallCounter *counters;

        if (length == 0 || !string_equal(name + length, " {"))
                return 0;
        counters = reallocarray(table->counters, table->n_counters + 1, sizeof(*counters));
        if (!counters)
                return -ENOMEM;
        table->counters = counters;
        counters[table->n_counters] = (FirewallCounter) {.name = strndup(name, length)};
        if (!counters[table->n_counters].name)
                return -ENOMEM;
        table->n_counters++;
        return 1;
}

static void read_counter(FirewallCounter *counter, char *line) {
        const char *comment = take_comment(line), *id;
        FirewallCounter counts = {};

        id = comment ? string_after_prefix(comment, "banger:") : NULL;
        if (id)
                (void) vm_id_parse(id, &counter->vm);
        else if (sscanf(line, "packets %" SCNu64 " bytes %" SCNu64, &counts.packets, /* NOLINT */
                        &counts.bytes) == 2) {
                counter->packets = counts.packets;
                counter->bytes = counts.bytes;
        }
}

static void read_table(FirewallTable *table, char *line) {
        const char *comment = take_comment(line);

        if (!comment)
                return;
        table->routing_was_off = string_equal(comment, FIREWALL_COMMENT_ROUTING);
        table->ours = table->routing_was_off || string_equal(comment, FIREWALL_COMMENT);
}

static int compare_counters(const void *a, const void *b) {
        return strcmp(((const FirewallCounter *) a)->name, ((const FirewallCounter *) b)->name);
}

void firewall_state_find(const char *listing, FirewallState *state) {
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++) {
                char line[64];
                const char *found;

                (void) snprintf(line, sizeof(line), "table %s " FIREWALL_TABLE " {\n",
                                firewall_families[i]);
                found = strstr(listing, line);
                state->tables[i].present = found && (found == listing || found[-1] == '\n');
        }
}

/* One tab before what is the table's, two before what is inside of that. */
int firewall_table_parse(char *listing, FirewallTable *table) {
        bool in_counter = false;
        char *rest = NULL;

        for (char *line = strtok_r(listing, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest)) {
                size_t depth = strspn(line, "\t");
                int r;

                line += depth;
                if (depth == 1) {
                        read_table(table, line);
                        r = add_counter(table, line);
                        if (r < 0)
                                return r;
                        in_counter = r > 0;
                } else if (depth == 2 && in_counter)
                        read_counter(&table->counters[table->n_counters - 1], line);
        }
        if (table->counters)
                qsort(table->counters, table->n_counters, sizeof(*table->counters),
                      compare_counters);
        return 0;
}

void firewall_table_clear(FirewallTable *table) {
        for (size_t i = 0; i < table->n_counters; i++)
                free(table->counters[i].name);
        free(table->counters);
        *table = (FirewallTable) {};
}

void firewall_state_clear(FirewallState *state) {
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++)
                firewall_table_clear(&state->tables[i]);
}

static int compare_name(const void *name, const void *counter) {
        return strcmp(name, ((const FirewallCounter *) counter)->name);
}

const FirewallCounter *firewall_table_find(const FirewallTable *table, const char *name,
                                           const char *vm) {
        const FirewallCounter *found =
                table->n_counters == 0 ? NULL :
                                         bsearch(name, table->counters, table->n_counters,
                                                 sizeof(*table->counters), compare_name);

        return found && (!vm || string_equal(found->vm.text, vm)) ? found : NULL;
}
