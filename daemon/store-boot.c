#include <errno.h>

#include "daemon/store-internal.h"

static int take_boot_id(const DatabaseRow *row, void *userdata) {
        *(int64_t *) userdata = database_row_integer(row, 0);
        return 0;
}

static int add_stages(Store *store, int64_t boot, const BootStage *stages, size_t n_stages,
                      Error *reterr) {
        int r = 0;

        for (size_t i = 0; i < n_stages && r >= 0; i++) {
                const DatabaseValue values[] = {
                        database_integer(boot),
                        database_text(stages[i].name),
                        database_integer(stages[i].elapsed_us),
                };

                r = database_run(store->database,
                                 "INSERT INTO boot_stages (boot, stage, elapsed_us)"
                                 " VALUES (?1, ?2, ?3)",
                                 values, ELEMENTSOF(values), NULL, NULL, reterr);
        }
        return r;
}

static int add_boot(Store *store, const VmId *vm, const VmId *image, int64_t at_s,
                    const BootStage *stages, size_t n_stages, Error *reterr) {
        const DatabaseValue values[] = {
                database_text(vm->text),
                database_text(image->text),
                database_integer(at_s),
        };
        const DatabaseValue kept[] = {
                database_text(image->text),
                database_integer(STORE_BOOTS_KEPT),
        };
        int64_t boot = 0;
        int r;

        r = database_run(store->database,
                         "INSERT INTO boots (vm, image, at_s) VALUES (?1, ?2, ?3) RETURNING id",
                         values, ELEMENTSOF(values), take_boot_id, &boot, reterr);
        if (r >= 0)
                r = add_stages(store, boot, stages, n_stages, reterr);
        if (r >= 0)
                r = database_run(store->database,
                                 "DELETE FROM boots WHERE image = ?1 AND id NOT IN"
                                 " (SELECT id FROM boots WHERE image = ?1 ORDER BY id DESC LIMIT ?2)",
                                 kept, ELEMENTSOF(kept), NULL, NULL, reterr);
        return r;
}

int store_add_boot(Store *store, const VmId *vm, const VmId *image, int64_t at_s,
                   const BootStage *stages, size_t n_stages, Error *reterr) {
        int r = database_begin(store->database, reterr);

        if (r >= 0)
                r = database_end(store->database,
                                 add_boot(store, vm, image, at_s, stages, n_stages, reterr),
                                 reterr);
        return r < 0 ? error_prepend(reterr, r, "cannot store the times of the start") : 0;
}

typedef struct Times {
        int64_t sorted_us[STORE_BOOTS_KEPT];
        size_t n;
} Times;

static int take_time(const DatabaseRow *row, void *userdata) {
        Times *times = userdata;

        if (times->n < STORE_BOOTS_KEPT)
                times->sorted_us[times->n++] = database_row_integer(row, 0);
        return 0;
}

int store_usual_us(Store *store, const VmId *image, const char *stage, int64_t *ret,
                   Error *reterr) {
        const DatabaseValue values[] = {database_text(image->text), database_text(stage)};
        Times times = {.n = 0};
        size_t middle;
        int r = database_run(store->database,
                             "SELECT elapsed_us FROM boot_stages JOIN boots ON boots.id = boot"
                             " WHERE image = ?1 AND stage = ?2 ORDER BY elapsed_us",
                             values, ELEMENTSOF(values), take_time, &times, reterr);

        if (r < 0)
                return error_prepend(reterr, r, "cannot read the times of earlier starts");
        middle = times.n / 2;
        if (times.n == 0)
                *ret = 0;
        else if (times.n % 2 == 1)
                *ret = times.sorted_us[middle];
        else
                *ret = (times.sorted_us[middle - 1] + times.sorted_us[middle]) / 2;
        return 0;
}
