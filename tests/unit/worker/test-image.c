/* What becomes an image: tars of every kind and ext4 files, looked into with e2fsck and debugfs. */
#include "tests/unit/worker/tar.h"

#include <sys/mman.h>
#include <sys/xattr.h>

#include "worker/archive.h"
#include "worker/build.h"
#include "worker/image.h"

#define SOME_TIME 1700000000 /* 2023-11-14 22:13:20 UTC */

static const TarFile root[] = {
        {.path = "./", .mode = S_IFDIR | 0755},
        {.path = "./sbin", .mode = S_IFDIR | 0755},
        {.path = "./sbin/init", .mode = S_IFREG | 0755, .content = "#!/bin/sh\n"},
};

static int import(Fixture *fixture, int source_fd, ImageFormat format, WorkerImageProgress *ret) {
        return image_import(source_fd, fixture->target_fd, format, &fixture->job, ret,
                            &fixture->error);
}

/* Imports a tar (taken) that must be good. */
static WorkerImageProgress expect_import(Fixture *fixture, int fd) {
        WorkerImageProgress result = {.size_bytes = 0};
        struct stat st;
        int r = import(fixture, fd, IMAGE_TAR, &result);

        if (r < 0)
                fail_msg("%s", fixture->error.message);
        close_fd(fd);
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_int_equal(st.st_size, result.size_bytes);
        expect_sound(fixture);
        return result;
}

static void expect_files(Fixture *fixture, const TarFile *files, size_t n) {
        (void) expect_import(fixture, tar_make(fixture, files, n, "none"));
}

static void modes_owners_and_times_are_kept(void **state) {
        static const TarFile files[] = {
                {.path = "secret", .mode = S_IFREG | 04750, .content = "abc", .uid = 1000,
                 .gid = 70000, .mtime = SOME_TIME, .mtime_ns = 5},
                {.path = "tmp", .mode = S_IFDIR | 01777, .uid = 2000000000},
        };
        Fixture *fixture = *state;

        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "stat /secret", "Mode:  04750", "User:  1000", "Group: 70000",
                       "Size: 3", "mtime: 0x6553f100:00000014", NULL);
        expect_debugfs(fixture, "cat /secret", "abc", NULL);
        expect_debugfs(fixture, "stat /tmp", "Type: directory", "Mode:  01777",
                       "User: 2000000000", NULL);
        expect_debugfs(fixture, "stat /lost+found", "Mode:  0700", NULL);
}

static void times_beyond_ext4_are_cut(void **state) {
        static const TarFile files[] = {
                {.path = "old", .mtime = -9000000000},
                {.path = "new", .mtime = 900000000000},
                {.path = "late", .mtime = 0x180000000},
                {.path = "before", .mtime = -1},
        };
        Fixture *fixture = *state;

        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "stat /old", "mtime: 0x80000000:00000000", NULL);
        expect_debugfs(fixture, "stat /new", "mtime: 0x7fffffff:00000003", NULL);
        expect_debugfs(fixture, "stat /late", "mtime: 0x80000000:00000002", NULL);
        expect_debugfs(fixture, "stat /before", "mtime: 0xffffffff:00000000", NULL);
}

static void symlinks_are_kept_and_not_followed(void **state) {
        char target[101] = "";
        const TarFile files[] = {
                {.path = "short", .mode = S_IFLNK | 0777, .target = "/etc/passwd"},
                {.path = "long", .mode = S_IFLNK | 0777, .target = target},
                {.path = "loop", .mode = S_IFLNK | 0777, .target = "loop"},
        };
        Fixture *fixture = *state;

        memset(target, 'x', sizeof(target) - 1);
        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "stat /short", "Type: symlink", "Size: 11",
                       "Fast link dest: \"/etc/passwd\"", NULL);
        expect_debugfs(fixture, "stat /long", "Type: symlink", "Size: 100", NULL);
        expect_debugfs(fixture, "cat /long", target, NULL);
}

static void hard_links_share_a_file(void **state) {
        static const TarFile files[] = {
                {.path = "a", .content = "shared"},
                {.path = "d/b", .link = "a"},
                {.path = "c", .link = "./d/b"},
                {.path = "s", .mode = S_IFLNK | 0777, .target = "nowhere"},
                {.path = "t", .mode = S_IFLNK | 0777, .link = "s"},
        };
        Fixture *fixture = *state;

        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "stat /a", "Links: 3", NULL);
        expect_debugfs(fixture, "cat /c", "shared", NULL);
        expect_debugfs(fixture, "stat /t", "Links: 2", "Type: symlink", NULL);
}

static void devices_and_pipes_are_kept(void **state) {
        static const TarFile files[] = {
                {.path = "null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3},
                {.path = "far", .mode = S_IFBLK | 0600, .major = 259, .minor = 70000},
                {.path = "fifo", .mode = S_IFIFO | 0600},
        };
        Fixture *fixture = *state;

        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "stat /null", "Type: character special",
                       "Device major/minor number: 01:03", NULL);
        expect_debugfs(fixture, "stat /far", "Type: block special",
                       "Device major/minor number: 259:70000", NULL);
        expect_debugfs(fixture, "stat /fifo", "Type: FIFO", NULL);
}

static void extended_attributes_are_kept_but_foreign_ones(void **state) {
        static const TarFile files[] = {
                {.path = "ping", .xattr = "security.note", .value = "some"},
                {.path = "mine", .xattr = "user.comment", .value = "some text"},
                {.path = "mac", .xattr = "com.apple.quarantine", .value = "no"},
        };
        Fixture *fixture = *state;

        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "ea_get /ping security.note", "some", NULL);
        expect_debugfs(fixture, "ea_get /mine user.comment", "some text", NULL);
        expect_debugfs(fixture, "ea_list /mac", "", NULL);
        assert_null(strstr(fixture->text, "apple"));
}

static void an_acl_is_kept(void **state) {
        Fixture *fixture = *state;
        int fd = fixture_create(fixture, "tar");
        struct archive *tar = tar_open(fd, "none");
        struct archive_entry *entry = tar_entry(&(TarFile) {.path = "d", .mode = S_IFDIR | 0750});

        archive_entry_acl_add_entry(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 6,
                                    ARCHIVE_ENTRY_ACL_USER, 1000, "");
        archive_entry_acl_add_entry(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 7,
                                    ARCHIVE_ENTRY_ACL_MASK, -1, "");
        assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
        archive_entry_free(entry);
        tar_close(tar);
        (void) expect_import(fixture, fd);
        expect_debugfs(fixture, "ea_list /d", "system.posix_acl_access (28)", NULL);
}

/* More extents than an inode has room for, with holes between them. */
static void a_sparse_file_keeps_its_holes(void **state) {
        enum { STEP = 16384, PIECES = 500, SIZE = STEP * PIECES };
        Fixture *fixture = *state;
        int fd = fixture_create(fixture, "tar");
        struct archive *tar = tar_open(fd, "none");
        struct archive_entry *entry = tar_entry(&(TarFile) {.path = "sparse"});
        char *data = calloc(1, SIZE);
        const char *blocks;

        assert_non_null(data);
        archive_entry_set_size(entry, SIZE);
        for (int i = 0; i < PIECES; i++) {
                memset(data + (size_t) i * STEP + 100, 'a' + i % 26, 5);
                archive_entry_sparse_add_entry(entry, (int64_t) i * STEP + 100, 5);
        }
        assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(tar, data, SIZE), SIZE);
        archive_entry_free(entry);
        tar_close(tar);
        (void) expect_import(fixture, fd);
        expect_debugfs(fixture, "stat /sparse", "Size: 8192000", NULL);
        blocks = strstr(fixture->text, "Blockcount: ");
        assert_non_null(blocks);
        assert_in_range(strtoul(blocks + strlen("Blockcount: "), NULL, 10), PIECES * 8,
                        (PIECES + 10) * 8);
        fixture_write(fixture, "expected", data, SIZE);
        assert_int_equal(fixture_run(fixture, "debugfs -R 'cat /sparse' target 2>/dev/null | "
                                              "cmp - expected"),
                         0);
        free(data);
}

static void names_may_be_long_or_beyond_ascii(void **state) {
        char name[256] = "", path[600];
        const TarFile files[] = {{.path = path, .content = "x"},
                                 {.path = "übung", .content = "y"}};
        Fixture *fixture = *state;

        memset(name, 'n', 255);
        (void) snprintf(path, sizeof(path), "%s/%s/f", name, name);
        expect_files(fixture, files, ELEMENTSOF(files));
        (void) snprintf(path, sizeof(path), "cat /%s/%s/f", name, name);
        expect_debugfs(fixture, path, "x", NULL);
        expect_debugfs(fixture, "cat /übung", "y", NULL);
}

static void absolute_names_lie_below_the_root(void **state) {
        static const TarFile files[] = {{.path = "/etc/./motd", .content = "hello"},
                                        {.path = "link", .link = "/etc/motd"}};
        Fixture *fixture = *state;

        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "stat /etc/motd", "Links: 2", NULL);
}

static void a_directory_may_hold_thousands(void **state) {
        enum { N = 5000 };
        Fixture *fixture = *state;
        int fd = fixture_create(fixture, "tar");
        struct archive *tar = tar_open(fd, "none");

        for (int i = 0; i < N; i++) {
                char path[64];

                (void) snprintf(path, sizeof(path), "big/a-somewhat-longer-name-%d", i);
                tar_add(tar, &(TarFile) {.path = path,
                                         .mode = i % 2 ? S_IFDIR | 0755 : S_IFREG | 0644,
                                         .content = i % 2 ? NULL : "x"});
        }
        tar_close(tar);
        (void) expect_import(fixture, fd);
        assert_int_equal(fixture_run(fixture, "debugfs -R 'ls -p /big' target 2>/dev/null | "
                                              "grep -c a-somewhat"),
                         0);
        assert_string_equal(fixture->text, "5000\n");
        expect_debugfs(fixture, "stat /big", "Links: 2502", NULL);
}

static void what_comes_later_replaces_what_was_there(void **state) {
        static const TarFile files[] = {
                {.path = "f", .content = "first"},
                {.path = "f", .content = "second"},
                {.path = "d", .mode = S_IFDIR | 0755, .uid = 1, .xattr = "user.old",
                 .value = "x"},
                {.path = "d/kept", .content = "k"},
                {.path = "d", .mode = S_IFDIR | 0700, .uid = 2},
                {.path = "gone/a/b", .content = "1"},
                {.path = "gone", .mode = S_IFLNK | 0777, .target = "d"},
        };
        Fixture *fixture = *state;

        expect_files(fixture, files, ELEMENTSOF(files));
        expect_debugfs(fixture, "cat /f", "second", NULL);
        expect_debugfs(fixture, "stat /d", "Mode:  0700", "User:     2", NULL);
        assert_null(strstr(fixture->text, "user.old"));
        expect_debugfs(fixture, "cat /d/kept", "k", NULL);
        expect_debugfs(fixture, "stat /gone", "Type: symlink", NULL);
}

static void an_init_is_found_through_links(void **state) {
        static const TarFile files[] = {
                {.path = "usr/lib/init", .mode = S_IFREG | 0755, .content = "x"},
                {.path = "usr/sbin/init", .mode = S_IFLNK | 0777, .target = "/usr/lib/init"},
                {.path = "sbin", .mode = S_IFLNK | 0777, .target = "usr/sbin"},
        };
        Fixture *fixture = *state;

        assert_true(expect_import(fixture, tar_make(fixture, files, ELEMENTSOF(files), "none"))
                            .has_init);
}

static void without_an_init_it_is_said(void **state) {
        static const TarFile files[] = {
                {.path = "sbin/init", .mode = S_IFLNK | 0777, .target = "init"},
                {.path = "bin/init", .mode = S_IFREG | 0644, .content = "not executable"},
        };
        Fixture *fixture = *state;

        assert_false(expect_import(fixture, tar_make(fixture, files, ELEMENTSOF(files), "none"))
                             .has_init);
}

static void any_compression_is_a_tar_still(void **state) {
        static const char *const filters[] = {"none", "gzip", "bzip2", "xz",
                                              "lzma", "zstd", "lz4"};
        Fixture *fixture = *state;

        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                print_message("%s\n", filters[i]);
                assert_true(expect_import(fixture, tar_make(fixture, root, ELEMENTSOF(root),
                                                            filters[i]))
                                    .has_init);
                expect_debugfs(fixture, "cat /sbin/init", "#!/bin/sh", NULL);
                assert_int_equal(ftruncate(fixture->target_fd, 0), 0);
        }
}

/* Sends a file (taken) through a pipe; the reading end. */
static int pipe_from(int fd, pid_t *ret_pid) {
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        *ret_pid = fork();
        assert_true(*ret_pid >= 0);
        if (*ret_pid == 0) {
                char buffer[65536];
                off_t at = 0;
                ssize_t n;

                while ((n = pread(fd, buffer, sizeof(buffer), at)) > 0 &&
                       io_write_full(fds[1], buffer, (size_t) n) == 0)
                        at += n;
                _exit(0);
        }
        close_fd(fd);
        close_fd(fds[1]);
        return fds[0];
}

static void a_tar_may_come_through_a_pipe(void **state) {
        WorkerImageProgress result = {.size_bytes = 0};
        Fixture *fixture = *state;
        struct stat st;
        pid_t pid;
        int fd = pipe_from(tar_make(fixture, root, ELEMENTSOF(root), "none"), &pid);

        assert_int_equal(import(fixture, fd, IMAGE_TAR, &result), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close_fd(fd);
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_int_equal(st.st_size, result.size_bytes);
        assert_true(result.done_bytes > 0);
        assert_int_equal(result.total_bytes, 0);
        expect_sound(fixture);
        expect_debugfs(fixture, "cat /sbin/init", "#!/bin/sh", NULL);
}

static int make_ext4(Fixture *fixture) {
        int fd;

        assert_int_equal(fixture_run(fixture, "mkdir -p tree/sbin && echo x >tree/sbin/init && "
                                              "chmod 755 tree/sbin/init && "
                                              "mke2fs -q -t ext4 -d tree source 16M 2>&1"),
                         0);
        fd = openat(fixture->dir_fd, "source", O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

static void an_ext4_is_taken_as_it_is(void **state) {
        WorkerImageProgress result = {.size_bytes = 0};
        Fixture *fixture = *state;
        int fd = make_ext4(fixture);

        assert_int_equal(import(fixture, fd, IMAGE_EXT4, &result), 0);
        assert_true(result.has_init);
        assert_int_equal(result.size_bytes, 16 << 20);
        assert_int_equal(fixture_run(fixture, "cmp source target"), 0);
        close_fd(fd);
}

static void holes_of_an_ext4_stay_holes(void **state) {
        WorkerImageProgress result;
        Fixture *fixture = *state;
        int fd = make_ext4(fixture);
        struct stat from, to;

        assert_int_equal(import(fixture, fd, IMAGE_EXT4, &result), 0);
        assert_int_equal(fstat(fd, &from), 0);
        assert_int_equal(fsync(fixture->target_fd), 0);
        assert_int_equal(fstat(fixture->target_fd, &to), 0);
        assert_true(to.st_blocks <= from.st_blocks + 64);
        close_fd(fd);
}

static void what_follows_an_ext4_is_left_out(void **state) {
        WorkerImageProgress result = {.size_bytes = 0};
        Fixture *fixture = *state;
        int fd = make_ext4(fixture);
        struct stat st;

        assert_int_equal(ftruncate(fd, (16 << 20) + 5000), 0);
        assert_int_equal(import(fixture, fd, IMAGE_EXT4, &result), 0);
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_int_equal(st.st_size, 16 << 20);
        close_fd(fd);
}

static void an_ext4_may_come_through_a_pipe(void **state) {
        WorkerImageProgress result = {.size_bytes = 0};
        Fixture *fixture = *state;
        int fd = make_ext4(fixture);
        struct stat st;
        pid_t pid;

        assert_int_equal(ftruncate(fd, (16 << 20) + 5000), 0);
        fd = pipe_from(fd, &pid);
        assert_int_equal(import(fixture, fd, IMAGE_EXT4, &result), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close_fd(fd);
        assert_int_equal(fsync(fixture->target_fd), 0);
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_true(st.st_blocks < 2048); /* 1 MiB: zeros became holes */
        assert_int_equal(fixture_run(fixture, "truncate -s 16M source && cmp source target"), 0);
}

static void measure_and_write(Fixture *fixture, const char *path) {
        static const char *const skip[] = {"build", NULL};
        Archive *archive = NULL;
        BuildPlan plan;
        BuildSize size;

        for (int pass = 0; pass < 2; pass++) {
                EntrySource source;
                int r;

                assert_int_equal(archive_directory_open(path, skip, &fixture->job, &archive, NULL),
                                 0);
                source = archive_source(archive);
                r = pass == 0 ? build_measure(&source, &size, &fixture->error)
                              : build_write(&source, fixture->target_fd, &plan, &fixture->error);
                if (r < 0)
                        fail_msg("%s", fixture->error.message);
                if (pass == 0)
                        assert_int_equal(build_plan(&size, 0, &plan, NULL), 0);
                archive = archive_close(archive);
        }
}

static void a_directory_becomes_an_ext4(void **state) {
        Fixture *fixture = *state;
        char path[80];

        fixture_mkdir(fixture, "tree");
        fixture_mkdir(fixture, "tree/build");
        fixture_mkdir(fixture, "tree/kernel");
        fixture_write(fixture, "tree/kernel/a.ko", "module", 6);
        fixture_write(fixture, "tree/build/file", "x", 1);
        fixture_write(fixture, "outside", "secret", 6);
        assert_int_equal(symlinkat("../../outside", fixture->dir_fd, "tree/kernel/link"), 0);
        (void) snprintf(path, sizeof(path), "%s/tree", fixture->dir);
        measure_and_write(fixture, path);
        expect_sound(fixture);
        expect_debugfs(fixture, "cat /kernel/a.ko", "module", NULL);
        expect_debugfs(fixture, "stat /kernel/link", "Type: symlink", "../../outside", NULL);
        expect_debugfs(fixture, "stat /build", "File not found", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(modes_owners_and_times_are_kept, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(times_beyond_ext4_are_cut, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(symlinks_are_kept_and_not_followed, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(hard_links_share_a_file, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(devices_and_pipes_are_kept, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        extended_attributes_are_kept_but_foreign_ones, fixture_setup,
                        fixture_teardown),
                cmocka_unit_test_setup_teardown(an_acl_is_kept, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_sparse_file_keeps_its_holes, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(names_may_be_long_or_beyond_ascii, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(absolute_names_lie_below_the_root, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_directory_may_hold_thousands, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        what_comes_later_replaces_what_was_there, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(an_init_is_found_through_links, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(without_an_init_it_is_said, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(any_compression_is_a_tar_still, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_tar_may_come_through_a_pipe, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(an_ext4_is_taken_as_it_is, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(holes_of_an_ext4_stay_holes, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(what_follows_an_ext4_is_left_out, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(an_ext4_may_come_through_a_pipe, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_directory_becomes_an_ext4, fixture_setup,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
