/* The work disk, looked into with e2fsck and debugfs. */
#include "worker/disk.h"
#include "tests/unit/worker/fixture.h"

#define MIB INT64_C(1048576)

static void a_work_disk_is_a_sound_file_system_of_its_size(void **state) {
        Fixture *fixture = *state;
        struct stat st;

        assert_int_equal(ftruncate(fixture->target_fd, 1024 * MIB + 4096), 0);
        assert_int_equal(disk_make(fixture->target_fd, 1024 * MIB, &fixture->error), 0);
        assert_int_equal(fixture_run(fixture, "e2fsck -fn target 2>&1"), 0);
        assert_int_equal(fixture_run(fixture, "dumpe2fs -h target 2>&1"), 0);
        assert_non_null(strstr(fixture->text, "Block count:              262144\n"));
        assert_non_null(strstr(fixture->text, "Inode count:              65536\n"));
        assert_non_null(strstr(fixture->text, "has_journal"));
        assert_non_null(strstr(fixture->text, "resize_inode"));
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_int_equal(st.st_size, 1024 * MIB + 4096);
        /* It takes no more than it says: nothing is written that reads as zeros. */
        assert_true(st.st_blocks * 512 < 2 * MIB);
}

static void the_smallest_has_a_journal_too(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(ftruncate(fixture->target_fd, 16 * MIB), 0);
        assert_int_equal(disk_make(fixture->target_fd, 16 * MIB, &fixture->error), 0);
        assert_int_equal(fixture_run(fixture, "e2fsck -fn target 2>&1"), 0);
        assert_int_equal(fixture_run(fixture, "dumpe2fs -h target 2>&1"), 0);
        assert_non_null(strstr(fixture->text, "has_journal"));
}

/* As the guest does while it is mounted. */
static void it_can_grow_many_times_over(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(ftruncate(fixture->target_fd, 64 * MIB), 0);
        assert_int_equal(disk_make(fixture->target_fd, 64 * MIB, &fixture->error), 0);
        assert_int_equal(ftruncate(fixture->target_fd, 16384 * MIB), 0);
        assert_int_equal(fixture_run(fixture, "resize2fs target 2>&1"), 0);
        assert_int_equal(fixture_run(fixture, "e2fsck -fn target 2>&1"), 0);
}

static void a_target_with_a_content_is_refused(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(ftruncate(fixture->target_fd, 16 * MIB), 0);
        assert_int_equal(pwrite(fixture->target_fd, "x", 1, 8 * MIB), 1);
        assert_int_equal(disk_make(fixture->target_fd, 16 * MIB, &fixture->error), -EINVAL);
        assert_int_equal(fixture->error.kind, ERROR_INVALID_PARAMETER);
}

static void a_target_that_is_too_small_is_refused(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(ftruncate(fixture->target_fd, 16 * MIB - 1), 0);
        assert_int_equal(disk_make(fixture->target_fd, 16 * MIB, NULL), -EINVAL);
}

#define TEST(function)                                                                             \
        cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_work_disk_is_a_sound_file_system_of_its_size),
                TEST(the_smallest_has_a_journal_too),
                TEST(it_can_grow_many_times_over),
                TEST(a_target_with_a_content_is_refused),
                TEST(a_target_that_is_too_small_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
