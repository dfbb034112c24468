/* The work disk gets what the image has in /root: once, whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/io.h"
#include "guest/work-disk.h"

#define SMALL "size=64k"
#define LARGE "size=1m"

typedef struct Disk {
        char from[64], to[64];
        int from_fd, to_fd; /* a file system of its own */
        unsigned n_skipped;
        Error error;
} Disk;

static int open_directory(const char *path) {
        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* In a mount namespace: nobody else sees it, and it goes with this process. */
static int group_setup(_unused_ void **state) {
        if (unshare(CLONE_NEWNS) == 0)
                (void) mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        return 0;
}

static int setup(void **state) {
        Disk *disk = calloc(1, sizeof(*disk));

        assert_non_null(disk);
        (void) snprintf(disk->from, sizeof(disk->from), "/tmp/banger-test-XXXXXX");
        (void) snprintf(disk->to, sizeof(disk->to), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(disk->from));
        assert_non_null(mkdtemp(disk->to));
        disk->to_fd = -1;
        if (mount("none", disk->from, "tmpfs", 0, LARGE) == 0 &&
            mount("none", disk->to, "tmpfs", 0, SMALL) == 0)
                disk->to_fd = open_directory(disk->to);
        disk->from_fd = open_directory(disk->from);
        *state = disk;
        return 0;
}

static int teardown(void **state) {
        Disk *disk = *state;

        close_fd(disk->from_fd);
        close_fd(disk->to_fd);
        (void) umount2(disk->from, MNT_DETACH);
        (void) umount2(disk->to, MNT_DETACH);
        (void) rmdir(disk->from);
        (void) rmdir(disk->to);
        error_clear(&disk->error);
        free(disk);
        return 0;
}

static void put(const Disk *disk, const char *name, size_t size) {
        _cleanup_free_ char *text = calloc(1, size);
        _cleanup_close_ int fd = openat(disk->from_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_int_equal(io_write_full(fd, text, size), 0);
}

static int seed(Disk *disk) {
        if (disk->to_fd < 0)
                skip(); /* not root */
        error_clear(&disk->error);
        return work_disk_seed(disk->from_fd, disk->to_fd, &disk->n_skipped, &disk->error);
}

static bool has(const Disk *disk, const char *name) {
        return faccessat(disk->to_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void a_seed_is_copied_once(void **state) {
        Disk *disk = *state;

        put(disk, "file", 4);
        if (disk->to_fd >= 0)
                assert_int_equal(mkdirat(disk->to_fd, "lost+found", 0700), 0);
        assert_int_equal(seed(disk), 0);
        assert_true(has(disk, "file"));
        assert_false(has(disk, "lost+found"));
        /* What the guest takes away stays away. */
        assert_int_equal(unlinkat(disk->to_fd, "file", 0), 0);
        assert_int_equal(seed(disk), 0);
        assert_false(has(disk, "file"));
}

static void a_seed_that_does_not_fit_leaves_the_disk_empty(void **state) {
        Disk *disk = *state;

        put(disk, "first", 40000);
        assert_int_equal(mkdirat(disk->from_fd, "dir", 0700), 0);
        put(disk, "dir/second", 40000);
        assert_int_equal(seed(disk), -ENOSPC);
        assert_int_equal(disk->error.kind, ERROR_NO_SPACE);
        assert_string_equal(disk->error.message,
                            "the disk is too small for what the image has in /root");
        assert_false(has(disk, "first"));
        assert_false(has(disk, "dir"));
}

static void it_is_copied_again_only_once_the_disk_has_grown(void **state) {
        Disk *disk = *state;

        put(disk, "small", 4);
        put(disk, "large", 80000);
        assert_int_equal(seed(disk), -ENOSPC);
        /* It would fit now, which nobody looks at. */
        assert_int_equal(unlinkat(disk->from_fd, "large", 0), 0);
        assert_int_equal(seed(disk), -ENOSPC);
        assert_string_equal(disk->error.message,
                            "the disk is too small for what the image has in /root");
        assert_false(has(disk, "small"));
        put(disk, "large", 80000);
        assert_int_equal(mount(NULL, disk->to, NULL, MS_REMOUNT, LARGE), 0);
        assert_int_equal(seed(disk), 0);
        assert_true(has(disk, "small"));
        assert_true(has(disk, "large"));
        assert_true(fgetxattr(disk->to_fd, "trusted.banger.too-small", NULL, 0) < 0);
}

/* Which it can be at the next boot. */
static void a_seed_that_fails_otherwise_is_tried_again(void **state) {
        Disk *disk = *state;

        put(disk, "file", 4);
        if (disk->to_fd >= 0)
                assert_int_equal(mkdirat(disk->to_fd, "file", 0700), 0);
        assert_int_equal(seed(disk), -EISDIR);
        assert_string_equal(disk->error.message, "cannot copy the image's /root to it: file: "
                                                 "cannot replace it: Is a directory");
        assert_int_equal(unlinkat(disk->to_fd, "file", AT_REMOVEDIR), 0);
        assert_int_equal(seed(disk), 0);
        assert_true(has(disk, "file"));
}

static void a_device_whose_size_cannot_be_told_is_not_grown_to(void **state) {
        Disk *disk = *state;

        assert_int_equal(work_disk_grow("/dev/null", disk->from_fd, &disk->error), -ENOTTY);
        assert_non_null(strstr(disk->error.message, "cannot tell its size"));
        assert_int_equal(work_disk_grow("/nonexistent", disk->from_fd, &disk->error), -ENOENT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_seed_is_copied_once),
                TEST(a_seed_that_does_not_fit_leaves_the_disk_empty),
                TEST(it_is_copied_again_only_once_the_disk_has_grown),
                TEST(a_seed_that_fails_otherwise_is_tried_again),
                TEST(a_device_whose_size_cannot_be_told_is_not_grown_to),
        };

        return cmocka_run_group_tests(tests, group_setup, NULL);
}
