#include "tests/unit/daemon/vm-host.h"

static int create_with(VmHost *host, int64_t work_mib) {
        char name[] = "home", image[] = "debian";
        const VmCreate in = {
                .name = name, .image = image, .vcpus = 1, .memory_mib = 256, .work_mib = work_mib};
        VmInfo info = {};
        int r = host_call(host, &interface_vm, "Create", &in, &info, NULL);

        schema_clear(&vm_info_schema, &info);
        return r;
}

static int resize(VmHost *host, int64_t work_mib, int64_t cow_mib) {
        char name[] = "home";
        const VmResize in = {.vm = name, .work_mib = work_mib, .cow_mib = cow_mib};
        VmInfo info = {};
        int r = host_call(host, &interface_vm, "Resize", &in, &info, NULL);

        if (r >= 0 && work_mib > 0)
                assert_int_equal(info.work_mib, work_mib);
        schema_clear(&vm_info_schema, &info);
        return r;
}

static int64_t shown_work(VmHost *host) {
        char name[] = "home";
        const VmRef ref = {.vm = name};
        int64_t work_mib;
        VmInfo info;

        assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
        work_mib = info.work_mib;
        schema_clear(&vm_info_schema, &info);
        return work_mib;
}

static void a_larger_work_disk_outlives_the_daemon(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 64), 0);
        assert_int_equal(resize(host, 128, 0), 0);
        host_restart_daemon(host);
        assert_int_equal(shown_work(host), 128);
}

static void a_vm_without_a_work_disk_can_get_one(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 0), 0);
        assert_int_equal(resize(host, 64, 0), 0);
        assert_int_equal(shown_work(host), 64);
}

static void nothing_gets_smaller(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 64), 0);
        assert_true(resize(host, 32, 0) < 0);
        assert_int_equal(host->error.kind, ERROR_INVALID_PARAMETER);
        assert_string_equal(host->error.field, "work_mib");
        assert_string_equal(host->error.message,
                            "the work disk has 64 MiB already: it can only grow");
        /* A root of 4 KiB is written whole in 4 MiB. */
        assert_true(resize(host, 128, 2) < 0);
        assert_string_equal(host->error.field, "cow_mib");
        assert_int_equal(shown_work(host), 64);
}

static void a_resize_to_nothing_says_what_to_give(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 64), 0);
        assert_true(resize(host, 0, 0) < 0);
        assert_non_null(strstr(host->error.hint, "--work-disk"));
}

static void one_that_runs_is_not_resized(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 0), 0);
        assert_int_equal(host_start(host, "home"), 0);
        assert_int_equal(resize(host, 64, 0), -EBUSY);
        assert_string_equal(host->error.hint, "run: banger vm stop home");
        assert_int_equal(shown_work(host), 0);
}

static void the_next_start_makes_the_file_of_changes_so_large(void **state) {
        VmHost *host = *state;
        char id[VM_ID_LENGTH + 1], path[64];
        struct stat st;

        assert_int_equal(create_with(host, 0), 0);
        assert_int_equal(resize(host, 0, 8), 0);
        assert_int_equal(host_start(host, "home"), 0);
        host_id(host, "home", id);
        (void) snprintf(path, sizeof(path), "vms/%s/root.cow", id);
        assert_int_equal(fstatat(host->dir_fd, path, &st, 0), 0);
        assert_int_equal(st.st_size, 8 * 1048576);
}

static void a_work_disk_too_small_for_a_file_system_is_refused(void **state) {
        VmHost *host = *state;

        assert_true(create_with(host, 8) < 0);
        assert_string_equal(host->error.field, "work_mib");
        assert_string_equal(host->error.message,
                            "a work disk has at least 16 MiB; 0 is for none");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_larger_work_disk_outlives_the_daemon),
                TEST(a_vm_without_a_work_disk_can_get_one),
                TEST(nothing_gets_smaller),
                TEST(a_resize_to_nothing_says_what_to_give),
                TEST(one_that_runs_is_not_resized),
                TEST(the_next_start_makes_the_file_of_changes_so_large),
                TEST(a_work_disk_too_small_for_a_file_system_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
