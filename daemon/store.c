#include <errno.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/migrations.h"
#include "daemon/store-internal.h"

#define STORE_FILE "banger.db"

static void store_cleanup(Store **store) {
        store_free(*store);
}

int store_open(const char *directory, Store **ret, Error *reterr) {
        _cleanup_(store_cleanup) Store *store = calloc(1, sizeof(*store));
        _cleanup_free_ char *path = string_format("%s/%s", directory, STORE_FILE);
        int r;

        if (!store || !path)
                return error_set_errno(reterr, ENOMEM, "cannot open the store");
        r = database_open(path, &store->database, reterr);
        if (r >= 0)
                r = migrations_run(store->database, store_migrations, store_n_migrations, reterr);
        if (r == -EUCLEAN)
                r = error_set_hint(reterr, r, "move %s and %s-wal away; put a copy of both there, or "
                                   "start with an empty store", path, path);
        if (r < 0)
                return error_prepend(reterr, r, "cannot open the store");
        *ret = steal_ptr(store);
        return 0;
}

Store *store_free(Store *store) {
        if (!store)
                return NULL;
        database_free(store->database);
        free(store);
        return NULL;
}

/* Records as they are read, one after the other in an array that grows. */
typedef struct Records {
        char *items;
        size_t n, size;
        int (*read)(const DatabaseRow *row, void *record);
} Records;

static int records_add(const DatabaseRow *row, void *userdata) {
        Records *records = userdata;
        char *items = reallocarray(records->items, records->n + 1, records->size);
        int r;

        if (!items)
                return -ENOMEM;
        records->items = items;
        r = records->read(row, items + records->n * records->size);
        if (r >= 0)
                records->n++;
        return r;
}

static void records_free(const Records *records, void (*clear)(void *record)) {
        for (size_t i = 0; i < records->n; i++)
                clear(records->items + i * records->size);
        free(records->items);
}

/* The records of one table; clear is for those read before a failure. */
static int load(Store *store, const char *sql, Records *records, void (*clear)(void *record),
                Error *reterr) {
        int r = database_run(store->database, sql, NULL, 0, records_add, records, reterr);

        if (r >= 0)
                return 0;
        records_free(records, clear);
        if (reterr && reterr->kind == ERROR_NONE)
                (void) error_set(reterr, ERROR_FAILED, -r, "%s",
                                 r == -ENOMEM ? "out of memory" : "it holds what is no id");
        return error_prepend(reterr, r, "cannot read the store");
}

static int read_id(const DatabaseRow *row, int column, VmId *ret) {
        const char *text = database_row_text(row, column);

        return text ? vm_id_parse(text, ret) : -EINVAL;
}

static int read_vm(const DatabaseRow *row, void *record) {
        /* SQLite owns what it returns; the copy is ours. */
        const char *name = database_row_text(row, 1), *reason = database_row_text(row, 10);
        const char *boot_id = database_row_text(row, 12);
        int64_t intent = database_row_integer(row, 11);
        VmRecord vm = {
                .vcpus = database_row_integer(row, 4),
                .memory_mib = database_row_integer(row, 5),
                .last_slot = database_row_integer(row, 6),
                .created_s = database_row_integer(row, 7),
                .ephemeral = database_row_integer(row, 8) != 0,
                .broken = database_row_integer(row, 9) != 0,
                .started_s = database_row_integer(row, 13),
                .nat = database_row_integer(row, 14) != 0,
                .work_mib = database_row_integer(row, 15),
                .cow_mib = database_row_integer(row, 16),
        };

        if (read_id(row, 0, &vm.id) < 0 || read_id(row, 2, &vm.image) < 0 ||
            read_id(row, 3, &vm.kernel) < 0 || intent < 0 || intent >= _VM_INTENT_MAX ||
            vm.last_slot < 0 || vm.last_slot > VM_SLOT_MAX)
                return -EUCLEAN;
        vm.intent = (VmIntent) intent;
        vm.name = name ? strdup(name) : NULL;
        vm.reason = reason ? strdup(reason) : NULL;
        vm.boot_id = boot_id ? strdup(boot_id) : NULL;
        if (!vm.name || (reason && !vm.reason) || (boot_id && !vm.boot_id)) {
                vm_record_clear(&vm);
                return -ENOMEM;
        }
        *(VmRecord *) record = vm;
        return 0;
}

static int read_image(const DatabaseRow *row, void *record) {
        const char *name = database_row_text(row, 1);
        ImageRecord image = {
                .size_bytes = database_row_integer(row, 2),
                .has_init = database_row_integer(row, 3) != 0,
                .created_s = database_row_integer(row, 4),
        };

        if (read_id(row, 0, &image.id) < 0)
                return -EUCLEAN;
        image.name = name ? strdup(name) : NULL;
        if (!image.name)
                return -ENOMEM;
        *(ImageRecord *) record = image;
        return 0;
}

static int read_kernel(const DatabaseRow *row, void *record) {
        const char *name = database_row_text(row, 1), *release = database_row_text(row, 2);
        KernelRecord kernel = {
                .size_bytes = database_row_integer(row, 3),
                .has_modules = database_row_integer(row, 4) != 0,
                .is_default = database_row_integer(row, 5) != 0,
                .created_s = database_row_integer(row, 6),
        };

        if (read_id(row, 0, &kernel.id) < 0)
                return -EUCLEAN;
        kernel.name = name ? strdup(name) : NULL;
        kernel.release = release ? strdup(release) : NULL;
        if (!kernel.name || !kernel.release) {
                kernel_record_clear(&kernel);
                return -ENOMEM;
        }
        *(KernelRecord *) record = kernel;
        return 0;
}

static void clear_vm(void *record) {
        vm_record_clear(record);
}

static void clear_image(void *record) {
        image_record_clear(record);
}

static void clear_kernel(void *record) {
        kernel_record_clear(record);
}

int store_load_vms(Store *store, VmRecord **ret, size_t *ret_n, Error *reterr) {
        Records records = {.size = sizeof(VmRecord), .read = read_vm};
        int r = load(store,
                     "SELECT id, name, image, kernel, vcpus, memory_mib, last_slot, created_s,"
                     " ephemeral, broken, reason, intent, boot_id, started_s, nat, work_mib, cow_mib"
                     " FROM vms ORDER BY name",
                     &records, clear_vm, reterr);

        if (r < 0)
                return r;
        r = store_load_forwards(store, (void *) records.items, records.n, reterr);
        if (r < 0) {
                records_free(&records, clear_vm);
                return error_prepend(reterr, r, "cannot read the store");
        }
        *ret = (void *) records.items;
        *ret_n = records.n;
        return 0;
}

int store_load_images(Store *store, ImageRecord **ret, size_t *ret_n, Error *reterr) {
        Records records = {.size = sizeof(ImageRecord), .read = read_image};
        int r = load(store,
                     "SELECT id, name, size_bytes, has_init, created_s FROM images ORDER BY name",
                     &records, clear_image, reterr);

        if (r < 0)
                return r;
        *ret = (void *) records.items;
        *ret_n = records.n;
        return 0;
}

int store_load_kernels(Store *store, KernelRecord **ret, size_t *ret_n, Error *reterr) {
        Records records = {.size = sizeof(KernelRecord), .read = read_kernel};
        int r = load(store,
                     "SELECT id, name, release, size_bytes, has_modules, is_default, created_s"
                     " FROM kernels ORDER BY name",
                     &records, clear_kernel, reterr);

        if (r < 0)
                return r;
        *ret = (void *) records.items;
        *ret_n = records.n;
        return 0;
}

static int put(Store *store, const char *sql, const DatabaseValue *values, size_t n_values,
               const char *what, const char *name, Error *reterr) {
        int r = database_run(store->database, sql, values, n_values, NULL, NULL, reterr);

        if (r == -EEXIST) {
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST, "%s \"%s\" exists already",
                              what, name);
                (void) error_set_object(reterr, r, name);
                return error_set_hint(reterr, r, "choose another name, or run: banger %s delete %s",
                                      what, name);
        }
        return r < 0 ? error_prepend(reterr, r, "cannot store %s \"%s\"", what, name) : 0;
}

static int put_vm(Store *store, const VmRecord *record, Error *reterr) {
        const DatabaseValue values[] = {
                database_text(record->id.text),       database_text(record->name),
                database_text(record->image.text),    database_text(record->kernel.text),
                database_integer(record->vcpus),      database_integer(record->memory_mib),
                database_integer(record->last_slot),  database_integer(record->created_s),
                database_integer(record->ephemeral),  database_integer(record->broken),
                database_text(record->reason),        database_integer(record->intent),
                database_text(record->boot_id),       database_integer(record->started_s),
                database_integer(record->nat),        database_integer(record->work_mib),
                database_integer(record->cow_mib),
        };
        int r = put(store,
                    "INSERT INTO vms (id, name, image, kernel, vcpus, memory_mib, last_slot,"
                    " created_s, ephemeral, broken, reason, intent, boot_id, started_s, nat, work_mib,"
                    " cow_mib) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                    " ?15, ?16, ?17)"
                    " ON CONFLICT (id) DO UPDATE SET name = ?2, image = ?3, kernel = ?4, vcpus = ?5,"
                    " memory_mib = ?6, last_slot = ?7, created_s = ?8, ephemeral = ?9, broken = ?10,"
                    " reason = ?11, intent = ?12, boot_id = ?13,"
                    " started_s = ?14, nat = ?15, work_mib = ?16, cow_mib = ?17",
                    values, ELEMENTSOF(values), "vm", record->name, reterr);

        if (r == -EBUSY)
                return error_set(reterr, ERROR_NOT_FOUND, ENOENT,
                                 "cannot store vm \"%s\": its image or kernel is gone",
                                 record->name);
        return r < 0 ? r : store_put_forwards(store, &record->id, &record->forwards, reterr);
}

int store_put_vm(Store *store, const VmRecord *record, Error *reterr) {
        int r = database_begin(store->database, reterr);

        if (r < 0)
                return error_prepend(reterr, r, "cannot store vm \"%s\"", record->name);
        return database_end(store->database, put_vm(store, record, reterr), reterr);
}

int store_put_image(Store *store, const ImageRecord *record, Error *reterr) {
        const DatabaseValue values[] = {
                database_text(record->id.text),       database_text(record->name),
                database_integer(record->size_bytes), database_integer(record->has_init),
                database_integer(record->created_s),
        };

        return put(store,
                   "INSERT INTO images (id, name, size_bytes, has_init, created_s)"
                   " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET name = ?2,"
                   " size_bytes = ?3, has_init = ?4, created_s = ?5",
                   values, ELEMENTSOF(values), "image", record->name, reterr);
}

static int put_kernel(Store *store, const KernelRecord *record, Error *reterr) {
        const DatabaseValue values[] = {
                database_text(record->id.text),        database_text(record->name),
                database_text(record->release),        database_integer(record->size_bytes),
                database_integer(record->has_modules), database_integer(record->is_default),
                database_integer(record->created_s),
        };
        int r = 0;

        if (record->is_default)
                r = database_run(store->database, "UPDATE kernels SET is_default = 0 WHERE id <> ?1",
                                 values, 1, NULL, NULL, reterr);
        if (r < 0)
                return r;
        return put(store,
                   "INSERT INTO kernels (id, name, release, size_bytes, has_modules, is_default,"
                   " created_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                   " ON CONFLICT (id) DO UPDATE SET name = ?2, release = ?3, size_bytes = ?4,"
                   " has_modules = ?5, is_default = ?6, created_s = ?7",
                   values, ELEMENTSOF(values), "kernel", record->name, reterr);
}

int store_put_kernel(Store *store, const KernelRecord *record, Error *reterr) {
        int r = database_begin(store->database, reterr);

        if (r < 0)
                return error_prepend(reterr, r, "cannot store kernel \"%s\"", record->name);
        return database_end(store->database, put_kernel(store, record, reterr), reterr);
}

static int delete(Store *store, const char *sql, const char *what, const VmId *id, Error *reterr) {
        const DatabaseValue value = database_text(id->text);
        int r = database_run(store->database, sql, &value, 1, NULL, NULL, reterr);

        if (r == -EBUSY)
                return error_set(reterr, ERROR_BUSY, EBUSY, "a vm uses the %s", what);
        return r < 0 ? error_prepend(reterr, r, "cannot delete the %s from the store", what) : 0;
}

int store_delete_vm(Store *store, const VmId *id, Error *reterr) {
        return delete(store, "DELETE FROM vms WHERE id = ?1", "vm", id, reterr);
}

int store_delete_image(Store *store, const VmId *id, Error *reterr) {
        return delete(store, "DELETE FROM images WHERE id = ?1", "image", id, reterr);
}

int store_delete_kernel(Store *store, const VmId *id, Error *reterr) {
        return delete(store, "DELETE FROM kernels WHERE id = ?1", "kernel", id, reterr);
}

static int add_name(const DatabaseRow *row, void *userdata) {
        return strv_append(userdata, database_row_text(row, 0));
}

static int users(Store *store, const char *sql, const VmId *id, char ***ret, Error *reterr) {
        const DatabaseValue value = database_text(id->text);
        _cleanup_strv_ char **names = NULL;
        int r = database_run(store->database, sql, &value, 1, add_name, &names, reterr);

        if (r < 0)
                return error_prepend(reterr, r, "cannot read the store");
        *ret = steal_ptr(names);
        return 0;
}

int store_image_users(Store *store, const VmId *image, char ***ret, Error *reterr) {
        return users(store, "SELECT name FROM vms WHERE image = ?1 ORDER BY name", image, ret,
                     reterr);
}

int store_kernel_users(Store *store, const VmId *kernel, char ***ret, Error *reterr) {
        return users(store, "SELECT name FROM vms WHERE kernel = ?1 ORDER BY name", kernel, ret,
                     reterr);
}
