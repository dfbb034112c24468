#include "common/strings.h"
#include "tests/unit/daemon/import-host.h"

static void info_cleanup(KernelInfo *info) {
        schema_clear(&kernel_info_schema, info);
}

static int delete_kernel(ImportHost *host, const char *name) {
        char copy[64];
        const KernelRef ref = {.kernel = copy};

        (void) snprintf(copy, sizeof(copy), "%s", name);
        return host_call(host, &interface_kernel, "Delete", &ref, NULL, -1);
}

/* The default's name, or "" without one. */
static void find_default(ImportHost *host, char ret[64], size_t *ret_n) {
        const KernelInfo *kernels;
        KernelList list;

        assert_int_equal(host_call(host, &interface_kernel, "List", NULL, &list, -1), 0);
        kernels = list.kernels.items;
        *ret_n = list.kernels.n_items;
        ret[0] = '\0';
        for (size_t i = 0; i < list.kernels.n_items; i++)
                if (kernels[i].is_default) {
                        assert_string_equal(ret, "");
                        (void) snprintf(ret, 64, "%s", kernels[i].name);
                }
        schema_clear(&kernel_list_schema, &list);
}

static void an_import_makes_a_kernel(void **state) {
        static const char *const files[] = {"vmlinux", "initrd", "modules.ext4"};
        _cleanup_(info_cleanup) KernelInfo kernel = {};
        ImportHost *host = *state;
        char path[64];
        struct stat st;

        assert_int_equal(host_import_kernel(host, NULL, "6.1.0-test", &kernel), 0);
        assert_string_equal(kernel.name, "6.1.0-test");
        assert_string_equal(kernel.release, "6.1.0-test");
        assert_int_equal(kernel.size_bytes, 5);
        assert_true(kernel.is_default);
        (void) snprintf(path, sizeof(path), "kernels/%s", kernel.id);
        assert_int_equal(fstatat(host->dir_fd, path, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void) snprintf(path, sizeof(path), "kernels/%s/%s", kernel.id, files[i]);
                assert_int_equal(fstatat(host->dir_fd, path, &st, 0), 0);
                assert_int_equal(st.st_mode & 07777, 0444);
        }
        assert_int_equal(host_count(host, "kernels"), 1);
}

static void the_first_kernel_is_the_default(void **state) {
        _cleanup_(info_cleanup) KernelInfo first = {}, second = {};
        ImportHost *host = *state;
        char name[64];
        size_t n;

        assert_int_equal(host_import_kernel(host, "one", NULL, &first), 0);
        assert_int_equal(host_import_kernel(host, "two", NULL, &second), 0);
        assert_true(first.is_default);
        assert_false(second.is_default);
        find_default(host, name, &n);
        assert_string_equal(name, "one");
        assert_int_equal(n, 2);
}

static void the_hosts_kernel_becomes_the_default(void **state) {
        _cleanup_(info_cleanup) KernelInfo first = {}, second = {};
        ImportHost *host = *state;
        char name[64];
        size_t n;

        assert_int_equal(host_import_kernel(host, "one", NULL, &first), 0);
        assert_int_equal(host_import_kernel(host, NULL, "6.1.0-test", &second), 0);
        assert_true(second.is_default);
        process_stop(host->daemon);
        host_start_daemon(host);
        find_default(host, name, &n);
        assert_string_equal(name, "6.1.0-test");
}

static void deleting_the_default_leaves_another(void **state) {
        _cleanup_(info_cleanup) KernelInfo first = {}, second = {};
        ImportHost *host = *state;
        char name[64];
        size_t n;

        assert_int_equal(host_import_kernel(host, "one", NULL, &first), 0);
        assert_int_equal(host_import_kernel(host, "two", NULL, &second), 0);
        assert_int_equal(delete_kernel(host, "one"), 0);
        find_default(host, name, &n);
        assert_string_equal(name, "two");
        assert_int_equal(n, 1);
        assert_int_equal(host_count(host, "kernels"), 1);
}

static void a_kernel_without_a_release_wants_a_name(void **state) {
        _cleanup_(info_cleanup) KernelInfo kernel = {};
        ImportHost *host = *state;

        host_set_worker(host, WORKER_NAMELESS);
        assert_true(host_import_kernel(host, NULL, NULL, &kernel) < 0);
        assert_non_null(strstr(host->error.hint, "--name"));
        assert_int_equal(host_count(host, "kernels"), 0);
        assert_int_equal(host_import_kernel(host, "own", NULL, &kernel), 0);
        assert_string_equal(kernel.release, "");
}

static void a_name_that_is_taken_is_refused(void **state) {
        _cleanup_(info_cleanup) KernelInfo kernel = {}, again = {};
        ImportHost *host = *state;

        assert_int_equal(host_import_kernel(host, NULL, NULL, &kernel), 0);
        assert_int_equal(host_import_kernel(host, NULL, NULL, &again), -EEXIST);
        assert_int_equal(host->error.kind, ERROR_ALREADY_EXISTS);
        assert_int_equal(host_count(host, "kernels"), 1);
}

static void a_failed_import_leaves_nothing(void **state) {
        _cleanup_(info_cleanup) KernelInfo kernel = {};
        ImportHost *host = *state;

        host_set_worker(host, WORKER_FAILS);
        assert_true(host_import_kernel(host, "own", NULL, &kernel) < 0);
        assert_non_null(strstr(host->error.message, "cannot import kernel \"own\": "));
        assert_int_equal(host_count(host, "kernels"), 0);
}

static void a_release_cannot_leave_its_directory(void **state) {
        _cleanup_(info_cleanup) KernelInfo kernel = {};
        ImportHost *host = *state;

        assert_true(host_import_kernel(host, "own", "..", &kernel) < 0);
        assert_true(host_import_kernel(host, "own", "a/b", &kernel) < 0);
        assert_int_equal(host_count(host, "kernels"), 0);
}

static void a_kernel_in_use_is_kept_and_its_vms_named(void **state) {
        _cleanup_(info_cleanup) KernelInfo kernel = {};
        ImportHost *host = *state;
        char image[11];

        assert_int_equal(host_import_image(host, "debian", image), 0);
        assert_int_equal(host_import_kernel(host, "own", NULL, &kernel), 0);
        process_stop(host->daemon);
        host_add_vm(host, image, kernel.id);
        host_start_daemon(host);
        assert_int_equal(delete_kernel(host, "own"), -EBUSY);
        assert_string_equal(host->error.message, "cannot delete kernel \"own\": used by vm web");
        assert_int_equal(host_count(host, "kernels"), 1);
}

static void what_a_crash_left_of_an_import_is_removed_at_start(void **state) {
        ImportHost *host = *state;
        char name[64];
        size_t n;

        process_stop(host->daemon);
        assert_int_equal(mkdirat(host->dir_fd, "kernels/.import-0123456789", 0700), 0);
        assert_int_equal(io_write_file_atomic(host->dir_fd, "kernels/.import-0123456789/vmlinux",
                                              "x", 1, 0600),
                         0);
        host_start_daemon(host);
        find_default(host, name, &n);
        assert_int_equal(n, 0);
        assert_int_equal(host_count(host, "kernels"), 0);
}

static void without_a_kernel_it_is_said_what_to_run(void **state) {
        ImportHost *host = *state;
        const KernelRecord *kernel = NULL;
        Kernels *kernels = NULL;
        Store *store = NULL;

        process_stop(host->daemon);
        assert_int_equal(store_open(host->directory, &store, NULL), 0);
        assert_int_equal(kernels_new(store, host->directory, &kernels, NULL), 0);
        assert_int_equal(kernels_find(kernels, NULL, &kernel, &host->error), -ENOENT);
        assert_int_equal(host->error.kind, ERROR_UNAVAILABLE);
        assert_string_equal(host->error.hint, "run: banger kernel import --host");
        kernels_free(kernels);
        store_free(store);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_import_makes_a_kernel, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(the_first_kernel_is_the_default, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(the_hosts_kernel_becomes_the_default, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(deleting_the_default_leaves_another, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_kernel_without_a_release_wants_a_name, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_name_that_is_taken_is_refused, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_failed_import_leaves_nothing, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_release_cannot_leave_its_directory, host_setup,
                                                host_teardown),
                cmocka_unit_test_setup_teardown(a_kernel_in_use_is_kept_and_its_vms_named,
                                                host_setup, host_teardown),
                cmocka_unit_test_setup_teardown(
                        what_a_crash_left_of_an_import_is_removed_at_start, host_setup,
                        host_teardown),
                cmocka_unit_test_setup_teardown(without_a_kernel_it_is_said_what_to_run, host_setup,
                                                host_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
