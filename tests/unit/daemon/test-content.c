#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/content.h"
#include "daemon/kernel.h"
#include "tests/unit/daemon/process.h"

static const VmId id = {"0123456789"};

typedef struct Fixture {
        char directory[64];
        Content content;
} Fixture;

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        (void) snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        fixture->content = (Content) {
                .dir_fd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                .suffix = ".ext4",
        };
        assert_true(fixture->content.dir_fd >= 0);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        content_close(&fixture->content);
        remove_tree(fixture->directory);
        free(fixture);
        return 0;
}

static void make_part(const Fixture *fixture) {
        ContentName part = content_part_name(&id);

        close_fd(openat(fixture->content.dir_fd, part.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static bool has(const Fixture *fixture, const char *name) {
        return faccessat(fixture->content.dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void what_is_published_has_its_name(void **state) {
        const Fixture *fixture = *state;

        make_part(fixture);
        assert_int_equal(content_publish(&fixture->content, &id, NULL), 0);
        assert_true(has(fixture, "0123456789.ext4"));
        assert_false(has(fixture, ".import-0123456789"));
}

/* Else nobody would ever remove it: its maker knows it by the other name. */
static void what_cannot_be_made_durable_is_withdrawn(void **state) {
        const Fixture *fixture = *state;
        Content unsynced = {
                /* renameat(2) takes such a descriptor, fsync(2) does not. */
                .dir_fd = open(fixture->directory, O_PATH | O_DIRECTORY | O_CLOEXEC),
                .suffix = ".ext4",
        };

        make_part(fixture);
        assert_int_equal(content_publish(&unsynced, &id, NULL), -EBADF);
        assert_false(has(fixture, "0123456789.ext4"));
        assert_true(has(fixture, ".import-0123456789"));
        content_close(&unsynced);
}

static void a_directory_is_removed_with_its_files(void **state) {
        const Fixture *fixture = *state;

        assert_int_equal(mkdirat(fixture->content.dir_fd, ".import-0123456789", 0700), 0);
        close_fd(openat(fixture->content.dir_fd, ".import-0123456789/root.cow",
                        O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(content_remove_part(&fixture->content, &id, NULL), 0);
        assert_false(has(fixture, ".import-0123456789"));
        assert_int_equal(content_remove_part(&fixture->content, &id, NULL), 0);
}

static bool never_known(_unused_ const VmId *which, _unused_ void *userdata) {
        return false;
}

/* A store that was moved away must not take the content with it. */
static void recovery_leaves_entries_that_are_not_known(void **state) {
        const Fixture *fixture = *state;

        make_part(fixture);
        assert_int_equal(content_publish(&fixture->content, &id, NULL), 0);
        assert_int_equal(content_recover(&fixture->content, never_known, NULL, NULL), 0);
        assert_true(has(fixture, "0123456789.ext4"));
}

/* The names of a kernel's files are its directory's to keep. */
static void a_kernel_whose_directory_is_gone_is_not_durable(void **state) {
        Fixture *fixture = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        int fds[_KERNEL_FILE_MAX];
        Kernels *kernels = NULL;
        Store *store = NULL;

        assert_int_equal(mkdirat(fixture->content.dir_fd, "kernels", 0700), 0);
        assert_int_equal(store_open(fixture->directory, &store, NULL), 0);
        assert_int_equal(kernels_new(store, fixture->directory, &kernels, NULL), 0);
        assert_int_equal(kernels_import_begin(kernels, &id, fds, NULL), 0);
        assert_int_equal(kernels_import_sync(kernels, &id, fds, NULL), 0);
        assert_int_equal(kernels_import_drop(kernels, &id, NULL), 0);
        assert_int_equal(kernels_import_sync(kernels, &id, fds, &error), -ENOENT);
        assert_non_null(strstr(error.message, ".import-0123456789"));
        for (size_t i = 0; i < _KERNEL_FILE_MAX; i++)
                close_fd(fds[i]);
        kernels_free(kernels);
        store_free(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_is_published_has_its_name),
                TEST(what_cannot_be_made_durable_is_withdrawn),
                TEST(a_directory_is_removed_with_its_files),
                TEST(recovery_leaves_entries_that_are_not_known),
                TEST(a_kernel_whose_directory_is_gone_is_not_durable),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
