#include "tests/unit/daemon/vm-host.h"

#define MIB 1048576

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

static void show(VmHost *host, int64_t *ret_work_mib, int64_t *ret_cow_mib) {
        char name[] = "home";
        const VmRef ref = {.vm = name};
        VmInfo info;

        assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
        *ret_work_mib = info.work_mib;
        *ret_cow_mib = info.cow_mib;
        schema_clear(&vm_info_schema, &info);
}

static int64_t shown_work(VmHost *host) {
        int64_t work_mib, cow_mib;

        show(host, &work_mib, &cow_mib);
        return work_mib;
}

static int64_t shown_cow(VmHost *host) {
        int64_t work_mib, cow_mib;

        show(host, &work_mib, &cow_mib);
        return cow_mib;
}

/* As a start has left it. */
static void put_file(VmHost *host, const char *name, off_t bytes) {
        _cleanup_close_ int fd = -1;
        char id[VM_ID_LENGTH + 1], path[64];

        host_id(host, "home", id);
        (void) snprintf(path, sizeof(path), "vms/%s", id);
        assert_true(mkdirat(host->dir_fd, path, 0700) == 0 || errno == EEXIST);
        (void) snprintf(path, sizeof(path), "vms/%s/%s", id, name);
        fd = openat(host->dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(ftruncate(fd, bytes), 0);
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

static void no_file_gets_smaller(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 64), 0);
        put_file(host, "work.img", 64 * MIB + 4096);
        put_file(host, "root.cow", 6 * MIB);
        assert_true(resize(host, 32, 0) < 0);
        assert_int_equal(host->error.kind, ERROR_INVALID_PARAMETER);
        assert_string_equal(host->error.field, "work_mib");
        assert_string_equal(host->error.message,
                            "the work disk has 64 MiB already: it can only grow");
        assert_true(resize(host, 128, 5) < 0);
        assert_string_equal(host->error.field, "cow_mib");
        assert_string_equal(host->error.message,
                            "the file of changes has 6 MiB already: it can only grow");
        assert_int_equal(shown_work(host), 64);
        assert_int_equal(resize(host, 64, 6), 0);
}

static void what_no_start_has_carried_out_can_be_taken_back(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 64), 0);
        put_file(host, "work.img", 64 * MIB + 4096);
        assert_int_equal(resize(host, 256, 16), 0);
        assert_int_equal(resize(host, 128, 8), 0);
        assert_int_equal(resize(host, 64, 0), 0);
        assert_int_equal(shown_work(host), 64);
        assert_int_equal(shown_cow(host), 8);
}

/* A root of 4 KiB is written whole in 4 MiB. */
static void without_a_file_of_changes_the_usual_size_is_the_least(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 64), 0);
        assert_int_equal(resize(host, 0, 8), 0);
        assert_true(resize(host, 0, 2) < 0);
        assert_string_equal(host->error.field, "cow_mib");
        assert_int_equal(shown_cow(host), 8);
        assert_int_equal(resize(host, 0, 4), 0);
        assert_int_equal(resize(host, 32, 0), 0);
}

static void more_than_the_host_has_is_refused_and_not_kept(void **state) {
        VmHost *host = *state;
        int64_t usual;

        assert_int_equal(create_with(host, 64), 0);
        usual = shown_cow(host);
        assert_true(resize(host, VM_WORK_MIB_MAX, VM_COW_MIB_MAX) < 0);
        assert_int_equal(host->error.kind, ERROR_NO_SPACE);
        assert_non_null(strstr(host->error.message, " MiB to give"));
        assert_non_null(strstr(host->error.hint, "a smaller size"));
        assert_int_equal(shown_work(host), 64);
        assert_int_equal(shown_cow(host), usual);
}

static void one_too_large_can_get_smaller_though_still_too_large(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, VM_WORK_MIB_MAX), 0);
        assert_int_equal(resize(host, VM_WORK_MIB_MAX - 1, 0), 0);
        assert_int_equal(resize(host, 64, 0), 0);
        assert_int_equal(shown_work(host), 64);
}

static void what_the_file_of_changes_may_take_is_shown(void **state) {
        VmHost *host = *state;
        int64_t usual;

        assert_int_equal(create_with(host, 0), 0);
        usual = shown_cow(host);
        assert_true(usual > 0);
        assert_int_equal(resize(host, 0, usual + 7), 0);
        assert_int_equal(shown_cow(host), usual + 7);
}

static void a_resize_to_nothing_says_what_to_give(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, 64), 0);
        assert_true(resize(host, 0, 0) < 0);
        assert_string_equal(host->error.hint, "give --work-disk SIZE, --cow SIZE or both");
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
                TEST(no_file_gets_smaller),
                TEST(what_no_start_has_carried_out_can_be_taken_back),
                TEST(without_a_file_of_changes_the_usual_size_is_the_least),
                TEST(more_than_the_host_has_is_refused_and_not_kept),
                TEST(one_too_large_can_get_smaller_though_still_too_large),
                TEST(what_the_file_of_changes_may_take_is_shown),
                TEST(a_resize_to_nothing_says_what_to_give),
                TEST(one_that_runs_is_not_resized),
                TEST(the_next_start_makes_the_file_of_changes_so_large),
                TEST(a_work_disk_too_small_for_a_file_system_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
