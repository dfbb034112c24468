#include <inttypes.h>

#include "cli/command.h"
#include "cli/table.h"
#include "common/api-forward.h"
#include "common/forward.h"
#include "common/strings.h"

static const TableColumn columns[] = {
        {.title = "VM"},
        {.title = "HOST"},
        {.title = "GUEST"},
        {.title = "ACTIVE"},
};

static int add_forward(Table *table, const ForwardInfo *forward) {
        const char *protocol = forward_protocol_names[forward->protocol];
        _cleanup_free_ char *host = string_format("%s:%" PRId64 "/%s", forward->address,
                                                  forward->host_port, protocol);
        _cleanup_free_ char *guest = string_format("%" PRId64 "/%s", forward->guest_port, protocol);
        _cleanup_free_ char *why =
                forward->reason ? string_format("no: %s", forward->reason) : NULL;

        return table_add(table, (const char *const[]) {forward->vm, host, guest,
                                                       forward->active ? "yes"
                                                       : why           ? why
                                                                       : "no"});
}

static int list_print(FILE *out, const void *reply) {
        const ForwardList *list = reply;
        const ForwardInfo *forwards = list->forwards.items;
        _cleanup_table_ Table *table = NULL;
        int r = table_new(columns, ELEMENTSOF(columns), &table);

        for (size_t i = 0; i < list->forwards.n_items && r >= 0; i++)
                r = add_forward(table, &forwards[i]);
        if (r >= 0)
                table_print(table, out);
        return r;
}

const Command command_forward_list = {
        .words = "forward list",
        .print = list_print,
};
