#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/strings.h"
#include "daemon/migrations.h"

/* An image or kernel that a VM uses cannot go; the history of its starts goes with an image. */
static const char version_1[] =
        "CREATE TABLE images ("
        "  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, size_bytes INTEGER NOT NULL,"
        "  has_init INTEGER NOT NULL, created_s INTEGER NOT NULL) STRICT;"
        "CREATE TABLE kernels ("
        "  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, release TEXT NOT NULL,"
        "  size_bytes INTEGER NOT NULL, has_modules INTEGER NOT NULL, is_default INTEGER NOT NULL,"
        "  created_s INTEGER NOT NULL) STRICT;"
        "CREATE UNIQUE INDEX kernels_default ON kernels (is_default) WHERE is_default = 1;"
        "CREATE TABLE vms ("
        "  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
        "  image TEXT NOT NULL REFERENCES images, kernel TEXT NOT NULL REFERENCES kernels,"
        "  vcpus INTEGER NOT NULL, memory_mib INTEGER NOT NULL, last_slot INTEGER NOT NULL,"
        "  created_s INTEGER NOT NULL, ephemeral INTEGER NOT NULL, broken INTEGER NOT NULL,"
        "  reason TEXT) STRICT;"
        "CREATE INDEX vms_image ON vms (image);"
        "CREATE INDEX vms_kernel ON vms (kernel);"
        "CREATE TABLE boots ("
        "  id INTEGER PRIMARY KEY, vm TEXT NOT NULL,"
        "  image TEXT NOT NULL REFERENCES images ON DELETE CASCADE, at_s INTEGER NOT NULL) STRICT;"
        "CREATE INDEX boots_image ON boots (image);"
        "CREATE TABLE boot_stages ("
        "  boot INTEGER NOT NULL REFERENCES boots ON DELETE CASCADE, stage TEXT NOT NULL,"
        "  elapsed_us INTEGER NOT NULL, PRIMARY KEY (boot, stage)) STRICT;";

/* What a crash of the daemon or of the host must not make it forget. */
static const char version_2[] =
        "ALTER TABLE vms ADD COLUMN intent INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE vms ADD COLUMN boot_id TEXT;"
        "ALTER TABLE vms ADD COLUMN started_s INTEGER NOT NULL DEFAULT 0;";

/* The network: none beyond the host for what was made before. */
static const char version_3[] =
        "ALTER TABLE vms ADD COLUMN nat INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE forwards ("
        "  vm TEXT NOT NULL REFERENCES vms ON DELETE CASCADE, place INTEGER NOT NULL,"
        "  protocol INTEGER NOT NULL, address TEXT NOT NULL, host_port INTEGER NOT NULL,"
        "  guest_port INTEGER NOT NULL, PRIMARY KEY (vm, place)) STRICT;";

/* Those from before have no work disk, and files of changes of the size that is usual. */
static const char version_4[] =
        "ALTER TABLE vms ADD COLUMN work_mib INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE vms ADD COLUMN cow_mib INTEGER NOT NULL DEFAULT 0;";

const char *const store_migrations[] = {version_1, version_2, version_3, version_4};
const size_t store_n_migrations = ELEMENTSOF(store_migrations);

static int take_dangling(const DatabaseRow *row, void *userdata) {
        (void) row;
        (void) userdata;
        return -EUCLEAN;
}

static int migrate(Database *database, const char *migration, size_t version, Error *reterr) {
        char set_version[64];
        int r = database_begin(database, reterr);

        if (r < 0)
                return r;
        (void) snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %zu", version);
        r = database_run_script(database, migration, reterr);
        if (r >= 0) {
                r = database_run(database, "PRAGMA foreign_key_check", NULL, 0, take_dangling, NULL,
                                 reterr);
                if (r == -EUCLEAN)
                        (void) error_set(reterr, ERROR_FAILED, EUCLEAN,
                                         "a reference would lead nowhere");
        }
        if (r >= 0)
                r = database_run_script(database, set_version, reterr);
        r = database_end(database, r, reterr);
        return r < 0 ? error_prepend(reterr, r, "cannot bring the store to version %zu", version)
                     : 0;
}

int migrations_run(Database *database, const char *const *migrations, size_t n_migrations,
                   Error *reterr) {
        int64_t version = 0;
        int r = database_run_integer(database, "PRAGMA user_version", &version, reterr);

        if (r < 0)
                return r;
        if (version < 0 || (uint64_t) version > n_migrations) {
                r = error_set(reterr, ERROR_UNAVAILABLE, EOVERFLOW,
                              "the store has version %" PRId64 ", this bangerd knows up to %zu",
                              version, n_migrations);
                return error_set_hint(reterr, r, "install a newer banger");
        }
        for (size_t i = (size_t) version; i < n_migrations; i++) {
                r = migrate(database, migrations[i], i + 1, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}
