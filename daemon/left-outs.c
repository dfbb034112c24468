#include "daemon/left-outs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/strings.h"

void left_outs_clear(LeftOuts *left_outs) {
        for (size_t i = 0; i < left_outs->n_items; i++)
                free(left_outs->items[i].reason);
        free(left_outs->items);
        *left_outs = (LeftOuts) {.items = NULL};
}

const LeftOut *left_outs_find(const LeftOuts *left_outs, const VmId *id, const Forward *forward) {
        for (size_t i = 0; i < left_outs->n_items; i++)
                if (strcmp(left_outs->items[i].id.text, id->text) == 0 &&
                    forward_equal(&left_outs->items[i].forward, forward))
                        return &left_outs->items[i];
        return NULL;
}

int left_outs_read(RootNetworkDone *done, const VmId *ids, const Forwards *forwards,
                   LeftOuts *ret) {
        RootLeftOut *answers = done->left_out.items;
        LeftOuts left_outs = {.items = calloc(done->left_out.n_items + 1, sizeof(LeftOut))};

        if (!left_outs.items)
                return -ENOMEM;
        for (size_t i = 0; i < done->left_out.n_items; i++) {
                int64_t place = answers[i].forward;

                if (place >= (int64_t) forwards->n_items)
                        continue;
                left_outs.items[left_outs.n_items++] = (LeftOut) {
                        .id = ids[place],
                        .forward = forwards->items[place],
                        .reason = steal_ptr(answers[i].reason),
                };
        }
        *ret = left_outs;
        return 0;
}

/* Every change asks anew: the same trouble is one record. */
void left_outs_tell(const LeftOuts *before, const LeftOuts *now) {
        for (size_t i = 0; i < now->n_items; i++) {
                const LeftOut *item = &now->items[i];
                const LeftOut *known = left_outs_find(before, &item->id, &item->forward);
                const LogField fields[] = {{"BANGER_VM", item->id.text}, {}};
                char text[FORWARD_TEXT_SIZE];

                if (known && string_equal(known->reason, item->reason))
                        continue;
                forward_format(&item->forward, text);
                log_write(LOG_WARNING, fields, "the forward %s is not in force: %s", text,
                          item->reason);
        }
}
