/* What the image has in /root, copied to the work disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/io.h"
#include "guest/copy-tree.h"

typedef struct Fixture {
        char dir[64];
        int from_fd, to_fd;
        unsigned n_skipped;
        Error error;
} Fixture;

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));
        _cleanup_close_ int fd = -1;

        assert_non_null(fixture);
        /* On a disk: tmpfs has no xattrs of users before Linux 6.6. */
        (void) snprintf(fixture->dir, sizeof(fixture->dir), "/var/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->dir));
        fd = open(fixture->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkdirat(fd, "from", 0755), 0);
        assert_int_equal(mkdirat(fd, "to", 0755), 0);
        fixture->from_fd = openat(fd, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fixture->to_fd = openat(fd, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = fixture;
        return 0;
}

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        close_fd(fixture->from_fd);
        close_fd(fixture->to_fd);
        error_clear(&fixture->error);
        (void) nftw(fixture->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(fixture);
        return 0;
}

static int create(const Fixture *fixture, const char *name, const char *text, mode_t mode) {
        int fd = openat(fixture->from_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
        assert_int_equal(fchmod(fd, mode), 0);
        return fd;
}

static void put(const Fixture *fixture, const char *name, const char *text, mode_t mode) {
        close_fd(create(fixture, name, text, mode));
}

static int copy(Fixture *fixture) {
        error_clear(&fixture->error);
        return copy_tree(fixture->from_fd, fixture->to_fd, &fixture->n_skipped, &fixture->error);
}

static struct stat look(const Fixture *fixture, const char *name) {
        struct stat st = {0};

        if (fstatat(fixture->to_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                fail_msg("%s: %s", name, strerror(errno));
        return st;
}

static void assert_text(const Fixture *fixture, const char *name, const char *wanted) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(io_read_file(fixture->to_fd, name, 1 << 20, &text, NULL), 0);
        assert_string_equal(text, wanted);
}

static void files_keep_content_mode_and_times(void **state) {
        static const struct timespec times[] = {{.tv_sec = 1000000000}, {.tv_sec = 1111111111}};
        Fixture *fixture = *state;

        put(fixture, ".profile", "a profile", 0640);
        put(fixture, "tool", "#!/bin/sh\n", 04755);
        put(fixture, "empty", "", 0600);
        assert_int_equal(utimensat(fixture->from_fd, ".profile", times, 0), 0);
        assert_int_equal(copy(fixture), 0);
        assert_text(fixture, ".profile", "a profile");
        assert_int_equal(look(fixture, ".profile").st_mode, S_IFREG | 0640);
        assert_int_equal(look(fixture, ".profile").st_mtim.tv_sec, 1111111111);
        assert_int_equal(look(fixture, "tool").st_mode, S_IFREG | 04755);
        assert_int_equal(look(fixture, "empty").st_size, 0);
}

static void owners_are_kept(void **state) {
        Fixture *fixture = *state;

        if (getuid() != 0)
                skip();
        put(fixture, "file", "text", 0600);
        assert_int_equal(mkdirat(fixture->from_fd, "dir", 0700), 0);
        assert_int_equal(symlinkat("file", fixture->from_fd, "link"), 0);
        assert_int_equal(fchownat(fixture->from_fd, "file", 1000, 1001, 0), 0);
        assert_int_equal(fchownat(fixture->from_fd, "dir", 1002, 1003, 0), 0);
        assert_int_equal(fchownat(fixture->from_fd, "link", 1004, 1005, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(fchown(fixture->from_fd, 1006, 1007), 0);
        assert_int_equal(fchmod(fixture->from_fd, 0750), 0);
        assert_int_equal(copy(fixture), 0);
        assert_int_equal(look(fixture, "file").st_uid, 1000);
        assert_int_equal(look(fixture, "file").st_gid, 1001);
        assert_int_equal(look(fixture, "dir").st_uid, 1002);
        assert_int_equal(look(fixture, "link").st_uid, 1004);
        assert_int_equal(look(fixture, "link").st_gid, 1005);
        assert_int_equal(look(fixture, ".").st_uid, 1006);
        assert_int_equal(look(fixture, ".").st_mode, S_IFDIR | 0750);
}

static void links_are_copied_and_not_followed(void **state) {
        Fixture *fixture = *state;
        char target[64] = "";

        assert_int_equal(symlinkat("/nowhere/at/all", fixture->from_fd, "link"), 0);
        assert_int_equal(copy(fixture), 0);
        assert_int_equal(readlinkat(fixture->to_fd, "link", target, sizeof(target) - 1), 15);
        assert_string_equal(target, "/nowhere/at/all");
}

static void directories_are_copied_with_what_is_in_them(void **state) {
        static const struct timespec times[] = {{.tv_sec = 1000000000}, {.tv_sec = 1111111111}};
        Fixture *fixture = *state;

        assert_int_equal(mkdirat(fixture->from_fd, "a", 0755), 0);
        assert_int_equal(mkdirat(fixture->from_fd, "a/b", 0701), 0);
        put(fixture, "a/b/c", "deep", 0600);
        assert_int_equal(utimensat(fixture->from_fd, "a/b", times, 0), 0);
        assert_int_equal(copy(fixture), 0);
        assert_text(fixture, "a/b/c", "deep");
        assert_int_equal(look(fixture, "a/b").st_mode, S_IFDIR | 0701);
        assert_int_equal(look(fixture, "a/b").st_mtim.tv_sec, 1111111111);
}

static void fifos_are_made_and_not_read(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(mkfifoat(fixture->from_fd, "fifo", 0620), 0);
        assert_int_equal(fchmodat(fixture->from_fd, "fifo", 0622, 0), 0);
        assert_int_equal(copy(fixture), 0);
        assert_int_equal(look(fixture, "fifo").st_mode, S_IFIFO | 0622);
}

static void holes_stay_holes(void **state) {
        Fixture *fixture = *state;
        int fd = create(fixture, "sparse", "begin", 0600);
        char end[4] = "";

        assert_int_equal(pwrite(fd, "end", 3, 64 << 20), 3);
        assert_int_equal(ftruncate(fd, 128 << 20), 0);
        close_fd(fd);
        assert_int_equal(copy(fixture), 0);
        assert_int_equal(look(fixture, "sparse").st_size, 128 << 20);
        assert_true(look(fixture, "sparse").st_blocks < 2048);
        fd = openat(fixture->to_fd, "sparse", O_RDONLY | O_CLOEXEC);
        assert_int_equal(pread(fd, end, 3, 64 << 20), 3);
        close_fd(fd);
        assert_string_equal(end, "end");
}

static void xattrs_go_along(void **state) {
        Fixture *fixture = *state;
        int fd = create(fixture, "file", "text", 0600), copied;
        char value[16] = "";

        if (fsetxattr(fd, "user.comment", "kept", 4, 0) < 0) {
                close_fd(fd);
                skip();
        }
        close_fd(fd);
        assert_int_equal(copy(fixture), 0);
        copied = openat(fixture->to_fd, "file", O_RDONLY | O_CLOEXEC);
        assert_int_equal(fgetxattr(copied, "user.comment", value, sizeof(value)), 4);
        close_fd(copied);
        assert_string_equal(value, "kept");
}

static void what_an_earlier_copy_left_is_replaced(void **state) {
        Fixture *fixture = *state;

        put(fixture, "file", "a longer text", 0600);
        assert_int_equal(mkdirat(fixture->from_fd, "dir", 0700), 0);
        put(fixture, "dir/file", "new", 0600);
        assert_int_equal(symlinkat("x", fixture->from_fd, "link"), 0);
        assert_int_equal(copy(fixture), 0);
        put(fixture, "file", "short", 0600);
        assert_int_equal(copy(fixture), 0);
        assert_text(fixture, "file", "short");
        assert_text(fixture, "dir/file", "new");
}

static void the_names_of_one_file_stay_one_file(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(mkdirat(fixture->from_fd, "a", 0755), 0);
        assert_int_equal(mkdirat(fixture->from_fd, "b", 0755), 0);
        put(fixture, "a/one", "text", 0640);
        assert_int_equal(linkat(fixture->from_fd, "a/one", fixture->from_fd, "b/two", 0), 0);
        assert_int_equal(linkat(fixture->from_fd, "a/one", fixture->from_fd, "three", 0), 0);
        assert_int_equal(symlinkat("x", fixture->from_fd, "link"), 0);
        assert_int_equal(linkat(fixture->from_fd, "link", fixture->from_fd, "b/link", 0), 0);
        put(fixture, "alone", "text", 0640);
        /* Again: over what the first has left. */
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(copy(fixture), 0);
                assert_int_equal(look(fixture, "a/one").st_nlink, 3);
                assert_int_equal(look(fixture, "b/two").st_ino, look(fixture, "a/one").st_ino);
                assert_int_equal(look(fixture, "three").st_ino, look(fixture, "a/one").st_ino);
                assert_int_equal(look(fixture, "link").st_ino, look(fixture, "b/link").st_ino);
                assert_int_equal(look(fixture, "alone").st_nlink, 1);
                assert_text(fixture, "three", "text");
        }
}

/* The other name is outside of what is copied. */
static void a_name_whose_file_has_others_elsewhere_is_copied(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int dir_fd = open(fixture->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        put(fixture, "inside", "text", 0600);
        assert_int_equal(linkat(fixture->from_fd, "inside", dir_fd, "outside", 0), 0);
        assert_int_equal(copy(fixture), 0);
        assert_text(fixture, "inside", "text");
        assert_int_equal(look(fixture, "inside").st_nlink, 1);
}

static void directories_too_deep_come_over_empty_and_the_rest_whole(void **state) {
        Fixture *fixture = *state;
        char path[400] = "d";
        int depth = 0;

        for (int level = 0; level < 70; level++) {
                assert_int_equal(mkdirat(fixture->from_fd, path, 0700), 0);
                (void) strcat(path, "/d");
        }
        put(fixture, "file", "text", 0600);
        assert_int_equal(copy(fixture), 0);
        assert_int_equal(fixture->n_skipped, 1);
        assert_text(fixture, "file", "text");
        for (path[1] = '\0'; faccessat(fixture->to_fd, path, F_OK, 0) == 0; depth++)
                (void) strcat(path, "/d");
        assert_int_equal(depth, 64);
}

static void an_undone_copy_leaves_only_what_others_have_put_there(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(mkdirat(fixture->from_fd, "a", 0755), 0);
        assert_int_equal(mkdirat(fixture->from_fd, "a/b", 0755), 0);
        put(fixture, "a/b/file", "text", 0600);
        assert_int_equal(symlinkat("/etc", fixture->from_fd, "link"), 0);
        assert_int_equal(copy(fixture), 0);
        assert_int_equal(mkdirat(fixture->to_fd, "a/own", 0755), 0);
        copy_tree_undo(fixture->from_fd, fixture->to_fd);
        assert_int_equal(faccessat(fixture->to_fd, "a/own", F_OK, 0), 0);
        assert_int_equal(faccessat(fixture->to_fd, "a/b", F_OK, 0), -1);
        assert_int_equal(faccessat(fixture->to_fd, "link", F_OK, AT_SYMLINK_NOFOLLOW), -1);
        /* The source stays. */
        assert_int_equal(faccessat(fixture->from_fd, "a/b/file", F_OK, 0), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(files_keep_content_mode_and_times),
                TEST(owners_are_kept),
                TEST(links_are_copied_and_not_followed),
                TEST(directories_are_copied_with_what_is_in_them),
                TEST(fifos_are_made_and_not_read),
                TEST(holes_stay_holes),
                TEST(xattrs_go_along),
                TEST(what_an_earlier_copy_left_is_replaced),
                TEST(the_names_of_one_file_stay_one_file),
                TEST(a_name_whose_file_has_others_elsewhere_is_copied),
                TEST(directories_too_deep_come_over_empty_and_the_rest_whole),
                TEST(an_undone_copy_leaves_only_what_others_have_put_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
