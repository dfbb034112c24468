#pragma once
/* A host of directories below a temporary one, for the tests of the helper. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/inventory.h"

typedef struct Fixture {
        char root[64];
        char proc[80], sys[80], dev[80], state[80];
        HostPaths paths;
        Host host;
        Inventory inventory;
        Error error;
} Fixture;

static inline void fixture_path(const Fixture *fixture, const char *path, char *ret, size_t size) {
        assert_true(snprintf(ret, size, "%s/%s", fixture->root, path) < (int) size);
}

static inline void fixture_mkdir(const Fixture *fixture, const char *path) {
        char full[256];

        fixture_path(fixture, path, full, sizeof(full));
        assert_int_equal(mkdir(full, 0755), 0);
}

static inline void fixture_write(const Fixture *fixture, const char *path, const char *text) {
        char full[256];
        FILE *file;

        fixture_path(fixture, path, full, sizeof(full));
        file = fopen(full, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static inline int fixture_setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        (void) snprintf(fixture->root, sizeof(fixture->root), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->root));
        fixture_path(fixture, "proc", fixture->proc, sizeof(fixture->proc));
        fixture_path(fixture, "sys", fixture->sys, sizeof(fixture->sys));
        fixture_path(fixture, "dev", fixture->dev, sizeof(fixture->dev));
        fixture_path(fixture, "state", fixture->state, sizeof(fixture->state));
        fixture_mkdir(fixture, "proc");
        fixture_mkdir(fixture, "sys");
        fixture_mkdir(fixture, "dev");
        fixture_mkdir(fixture, "state");
        fixture->paths = (HostPaths) {
                .proc = fixture->proc,
                .sys = fixture->sys,
                .dev = fixture->dev,
                .state = fixture->state,
                .bridge = "br-banger",
                .carrier = "bgr-carrier",
                .carrier_kind = "dummy",
        };
        assert_int_equal(host_open(&fixture->paths, &fixture->host, NULL), 0);
        *state = fixture;
        return 0;
}

static inline int fixture_remove_one(const char *path, _unused_ const struct stat *st,
                                     _unused_ int type, _unused_ struct FTW *ftw) {
        return remove(path);
}

static inline int fixture_teardown(void **state) {
        Fixture *fixture = *state;

        host_close(&fixture->host);
        schema_clear(&inventory_schema, &fixture->inventory);
        error_clear(&fixture->error);
        (void) nftw(fixture->root, fixture_remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(fixture);
        return 0;
}

/* NULL when it is not listed. */
static inline const InventoryEntry *fixture_look(const Fixture *fixture, const char *name) {
        const InventoryEntry *entries = fixture->inventory.entries.items;

        for (size_t i = 0; i < fixture->inventory.entries.n_items; i++)
                if (strcmp(entries[i].name, name) == 0)
                        return &entries[i];
        return NULL;
}

/* The test fails when it is not listed. */
static inline const InventoryEntry *fixture_find(const Fixture *fixture, const char *name) {
        const InventoryEntry *entry = fixture_look(fixture, name);

        if (!entry) {
                fail_msg("\"%s\" is not listed", name);
                abort();
        }
        return entry;
}

/* cmocka's own macros name the test after its argument: only a macro can pass that on. */
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
