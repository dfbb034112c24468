#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/migrations.h"
#include "daemon/store.h"
#include "tests/unit/daemon/process.h"

#define BEFORE 2 /* the last version without a network */

typedef struct Fixture {
        char directory[64], path[80];
        Store *store;
        Error error;
} Fixture;

static char web[] = "web", db[] = "db", debian[] = "debian", none[] = "";
static const VmId image_id = {"1111111111"}, kernel_id = {"3333333333"};
static const VmId vm_id = {"5555555555"}, other_vm_id = {"6666666666"};

static Forward some[] = {
        {.protocol = FORWARD_TCP, .address = 0x7f000001, .host_port = 8080, .guest_port = 80},
        {.protocol = FORWARD_UDP, .address = 0, .host_port = 53, .guest_port = 5353},
};

static int setup_directory(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        (void) snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        (void) snprintf(fixture->path, sizeof(fixture->path), "%s/banger.db", fixture->directory);
        *state = fixture;
        return 0;
}

static int setup(void **state) {
        const ImageRecord image = {.id = image_id, .name = debian};
        const KernelRecord kernel = {.id = kernel_id, .name = debian, .release = none};
        Fixture *fixture;

        (void) setup_directory(state);
        fixture = *state;
        assert_int_equal(store_open(fixture->directory, &fixture->store, NULL), 0);
        assert_int_equal(store_put_image(fixture->store, &image, NULL), 0);
        assert_int_equal(store_put_kernel(fixture->store, &kernel, NULL), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        store_free(fixture->store);
        remove_tree(fixture->directory);
        error_clear(&fixture->error);
        free(fixture);
        return 0;
}

static int put(const Fixture *fixture, const VmId *id, char *name, size_t n_forwards) {
        const VmRecord vm = {.id = *id, .name = name, .image = image_id, .kernel = kernel_id,
                             .vcpus = 1, .memory_mib = 256, .nat = true,
                             .forwards = {.items = some, .n_items = n_forwards}};

        return store_put_vm(fixture->store, &vm, NULL);
}

/* Of the first VM by name. */
static VmRecord load(const Fixture *fixture, size_t n_expected) {
        VmRecord *vms = NULL, first;
        size_t n = 0;

        assert_int_equal(store_load_vms(fixture->store, &vms, &n, NULL), 0);
        assert_int_equal(n, n_expected);
        first = vms[0];
        for (size_t i = 1; i < n; i++)
                vm_record_clear(&vms[i]);
        free(vms);
        return first;
}

static void run_sql(const Fixture *fixture, const char *sql) {
        Database *database = NULL;

        assert_int_equal(database_open(fixture->path, &database, NULL), 0);
        assert_int_equal(database_run_script(database, sql, NULL), 0);
        database_free(database);
}

static void forwards_keep_their_order_and_their_vm(void **state) {
        Fixture *fixture = *state;
        VmRecord vm;

        assert_int_equal(put(fixture, &vm_id, web, 1), 0);
        assert_int_equal(put(fixture, &other_vm_id, db, 2), 0);
        vm = load(fixture, 2);
        assert_string_equal(vm.name, "db");
        assert_int_equal(vm.forwards.n_items, 2);
        assert_true(forward_equal(&vm.forwards.items[0], &some[0]));
        assert_true(forward_equal(&vm.forwards.items[1], &some[1]));
        vm_record_clear(&vm);
}

static void putting_again_replaces_them(void **state) {
        Fixture *fixture = *state;
        VmRecord vm;

        assert_int_equal(put(fixture, &vm_id, web, 2), 0);
        assert_int_equal(put(fixture, &vm_id, web, 1), 0);
        vm = load(fixture, 1);
        assert_int_equal(vm.forwards.n_items, 1);
        vm_record_clear(&vm);
}

static void a_vm_that_is_refused_changes_none(void **state) {
        Fixture *fixture = *state;
        VmRecord vm;

        assert_int_equal(put(fixture, &vm_id, web, 2), 0);
        assert_int_equal(put(fixture, &other_vm_id, db, 0), 0);
        assert_int_equal(put(fixture, &vm_id, db, 0), -EEXIST);
        assert_int_equal(store_delete_vm(fixture->store, &other_vm_id, NULL), 0);
        vm = load(fixture, 1);
        assert_int_equal(vm.forwards.n_items, 2);
        vm_record_clear(&vm);
}

static void they_go_with_their_vm(void **state) {
        Fixture *fixture = *state;
        VmRecord vm;

        assert_int_equal(put(fixture, &vm_id, web, 2), 0);
        assert_int_equal(store_delete_vm(fixture->store, &vm_id, NULL), 0);
        assert_int_equal(put(fixture, &vm_id, web, 0), 0);
        vm = load(fixture, 1);
        assert_int_equal(vm.forwards.n_items, 0);
        vm_record_clear(&vm);
}

static void a_copy_has_its_own(void **state) {
        Fixture *fixture = *state;
        VmRecord vm, copy;

        assert_int_equal(put(fixture, &vm_id, web, 2), 0);
        vm = load(fixture, 1);
        assert_int_equal(vm_record_copy(&vm, &copy), 0);
        vm_record_clear(&vm);
        assert_true(copy.nat);
        assert_int_equal(copy.forwards.n_items, 2);
        assert_true(forward_equal(&copy.forwards.items[1], &some[1]));
        vm_record_clear(&copy);
}

static void a_row_that_is_no_forward_is_said(void **state) {
        Fixture *fixture = *state;
        VmRecord *vms = NULL;
        size_t n = 0;

        assert_int_equal(put(fixture, &vm_id, web, 1), 0);
        fixture->store = store_free(fixture->store);
        run_sql(fixture, "UPDATE forwards SET host_port = 65536");
        assert_int_equal(store_open(fixture->directory, &fixture->store, NULL), 0);
        assert_int_equal(store_load_vms(fixture->store, &vms, &n, &fixture->error), -EUCLEAN);
        assert_string_equal(fixture->error.message,
                            "cannot read the store: it holds what is no forward");
}

static void a_vm_of_the_version_before_has_neither_nat_nor_forwards(void **state) {
        Fixture *fixture = *state;
        Database *database = NULL;
        VmRecord vm;

        assert_int_equal(database_open(fixture->path, &database, NULL), 0);
        assert_int_equal(migrations_run(database, store_migrations, BEFORE, NULL), 0);
        assert_int_equal(
                database_run_script(
                        database,
                        "INSERT INTO images VALUES ('1111111111', 'debian', 4096, 1, 1);"
                        "INSERT INTO kernels VALUES ('3333333333', 'debian', '', 1, 0, 1, 1);"
                        "INSERT INTO vms VALUES ('5555555555', 'web', '1111111111', '3333333333',"
                        " 2, 512, 7, 1, 0, 0, NULL, 0, 'boot', 3);",
                        NULL),
                0);
        database_free(database);
        assert_int_equal(store_open(fixture->directory, &fixture->store, NULL), 0);
        vm = load(fixture, 1);
        assert_string_equal(vm.name, "web");
        assert_int_equal(vm.last_slot, 7);
        assert_string_equal(vm.boot_id, "boot");
        assert_false(vm.nat);
        assert_int_equal(vm.forwards.n_items, 0);
        vm_record_clear(&vm);
        assert_int_equal(put(fixture, &vm_id, web, 2), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(forwards_keep_their_order_and_their_vm),
                TEST(putting_again_replaces_them),
                TEST(a_vm_that_is_refused_changes_none),
                TEST(they_go_with_their_vm),
                TEST(a_copy_has_its_own),
                TEST(a_row_that_is_no_forward_is_said),
                cmocka_unit_test_setup_teardown(
                        a_vm_of_the_version_before_has_neither_nat_nor_forwards, setup_directory,
                        teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
