/* The ports that are forwarded to VMs: rows of their own, that go with the VM. */
#include <errno.h>
#include <string.h>

#include "daemon/store-internal.h"

typedef struct Loading {
        VmRecord *records;
        size_t n_records;
} Loading;

static VmRecord *find_record(const Loading *loading, const char *id) {
        for (size_t i = 0; id && i < loading->n_records; i++)
                if (strcmp(loading->records[i].id.text, id) == 0)
                        return &loading->records[i];
        return NULL;
}

static int read_forward(const DatabaseRow *row, void *userdata) {
        VmRecord *record = find_record(userdata, database_row_text(row, 0));
        Forward forward;

        if (!record || forward_make(database_row_integer(row, 1), database_row_text(row, 2),
                                    database_row_integer(row, 3), database_row_integer(row, 4),
                                    &forward) < 0)
                return -EUCLEAN;
        return forwards_add(&record->forwards, &forward);
}

/* Earlier versions took addresses that no host can have. */
int store_load_forwards(Store *store, VmRecord *records, size_t n_records, Error *reterr) {
        Loading loading = {.records = records, .n_records = n_records};
        int r = database_run(store->database,
                             "SELECT vm, protocol, address, host_port, guest_port FROM forwards"
                             " WHERE address = '0.0.0.0' OR address NOT LIKE '0.%'"
                             " ORDER BY vm, place",
                             NULL, 0, read_forward, &loading, reterr);

        if (r < 0 && reterr && reterr->kind == ERROR_NONE)
                (void) error_set(reterr, ERROR_FAILED, -r, "%s",
                                 r == -ENOMEM ? "out of memory" : "it holds what is no forward");
        return r;
}

static int put_forward(Store *store, const VmId *vm, size_t place, const Forward *forward,
                       Error *reterr) {
        char address[INET_ADDRSTRLEN];
        const DatabaseValue values[] = {
                database_text(vm->text),              database_integer((int64_t) place),
                database_integer(forward->protocol),  database_text(address),
                database_integer(forward->host_port), database_integer(forward->guest_port),
        };

        forward_format_address(forward, address);
        return database_run(store->database,
                            "INSERT INTO forwards (vm, place, protocol, address, host_port,"
                            " guest_port) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                            values, ELEMENTSOF(values), NULL, NULL, reterr);
}

int store_put_forwards(Store *store, const VmId *vm, const Forwards *forwards, Error *reterr) {
        const DatabaseValue value = database_text(vm->text);
        int r = database_run(store->database, "DELETE FROM forwards WHERE vm = ?1", &value, 1, NULL,
                             NULL, reterr);

        for (size_t i = 0; i < forwards->n_items && r >= 0; i++)
                r = put_forward(store, vm, i, &forwards->items[i], reterr);
        return r;
}
