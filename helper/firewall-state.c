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

static int read_counter(FirewallTable *table, char *line) {
        FirewallCounter *counter = &table->counters[table->n_counters - 1];
        const char *comment = take_comment(line), *id, *link;
        FirewallCounter counts = {};

        id = comment ? string_after_prefix(comment, "banger:") : NULL;
        link = comment ? string_after_prefix(comment, FIREWALL_COMMENT_FORWARDED) : NULL;
        if (link)
                return routing_add_link(&table->routing, link);
        if (id)
                (void) vm_id_parse(id, &counter->vm);
        else if (sscanf(line, "packets %" SCNu64 " bytes %" SCNu64, &counts.packets, /* NOLINT */
                        &counts.bytes) == 2) {
                counter->packets = counts.packets;
                counter->bytes = counts.bytes;
        }
        return 0;
}

void firewall_table_take_comment(FirewallTable *table, const char *comment) {
        table->routing.refuses_redirects = string_equal(comment, FIREWALL_COMMENT_REDIRECTS);
        table->routing_was_off = table->routing.refuses_redirects ||
                                 string_equal(comment, FIREWALL_COMMENT_ROUTING);
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
static int read_line(FirewallTable *table, char *line, bool *in_counter) {
        size_t depth = strspn(line, "\t");
        const char *comment;
        int r;

        if (depth == 2)
                return *in_counter ? read_counter(table, line + depth) : 0;
        if (depth != 1)
                return 0;
        r = add_counter(table, line + depth);
        *in_counter = r > 0;
        comment = r == 0 ? take_comment(line + depth) : NULL;
        if (comment)
                firewall_table_take_comment(table, comment);
        return r;
}

int firewall_table_parse(char *listing, FirewallTable *table) {
        bool in_counter = false;
        char *rest = NULL;

        for (char *line = strtok_r(listing, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest)) {
                int r = read_line(table, line, &in_counter);

                if (r < 0)
                        return r;
        }
        if (table->counters)
                qsort(table->counters, table->n_counters, sizeof(*table->counters),
                      compare_counters);
        return 0;
}

bool firewall_state_is_whole(const FirewallState *state) {
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++)
                if (!state->tables[i].ours)
                        return false;
        return true;
}

void firewall_table_clear(FirewallTable *table) {
        for (size_t i = 0; i < table->n_counters; i++)
                free(table->counters[i].name);
        free(table->counters);
        routing_clear(&table->routing);
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
