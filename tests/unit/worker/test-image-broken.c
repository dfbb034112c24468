/* What must not become an image: each is said with a remedy, and leaves nothing. */
#include "tests/unit/worker/tar.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "worker/image.h"

static int import(Fixture *fixture, int source_fd_taken, ImageFormat format) {
        WorkerImageProgress result;
        int r = image_import(source_fd_taken, fixture->target_fd, format, &fixture->job, &result,
                             &fixture->error);

        close_fd(source_fd_taken);
        return r;
}

static void expect_tar_refused(Fixture *fixture, const TarFile *files, size_t n,
                               const char *message) {
        int r = import(fixture, tar_make(fixture, files, n, "none"), IMAGE_TAR);

        expect_refused(fixture, r, -EBADMSG, message);
}

static void a_name_with_two_dots_is_refused(void **state) {
        static const TarFile files[] = {{.path = "a/../../etc/passwd", .content = "x"}};

        expect_tar_refused(*state, files, 1,
                           "cannot take \"a/../../etc/passwd\": \"a/../../etc/passwd\" leads out "
                           "of the tree");
}

static void a_hard_link_with_two_dots_is_refused(void **state) {
        static const TarFile files[] = {{.path = "a", .link = "../../etc/passwd"}};

        expect_tar_refused(*state, files, 1, "leads out of the tree");
}

static void a_way_through_a_symlink_is_refused(void **state) {
        static const TarFile files[] = {
                {.path = "out", .mode = S_IFLNK | 0777, .target = "/etc"},
                {.path = "out/passwd", .content = "x"},
        };

        expect_tar_refused(*state, files, 2,
                           "\"out/passwd\" goes through \"out\", which is a symbolic link");
}

static void a_hard_link_through_a_symlink_is_refused(void **state) {
        static const TarFile files[] = {
                {.path = "out", .mode = S_IFLNK | 0777, .target = "/etc"},
                {.path = "link", .link = "out/passwd"},
        };

        expect_tar_refused(*state, files, 2, "goes through \"out\", which is a symbolic link");
}

static void a_way_through_a_file_is_refused(void **state) {
        static const TarFile files[] = {{.path = "f", .content = "x"},
                                        {.path = "f/g", .content = "y"}};

        expect_tar_refused(*state, files, 2, "goes through \"f\", which is no directory");
}

static void a_hard_link_to_nothing_is_refused(void **state) {
        static const TarFile files[] = {{.path = "a", .link = "missing"}};

        expect_tar_refused(*state, files, 1, "\"missing\", which is not there");
}

static void a_hard_link_to_a_directory_is_refused(void **state) {
        static const TarFile files[] = {{.path = "d", .mode = S_IFDIR | 0755},
                                        {.path = "a", .link = "d"}};

        expect_tar_refused(*state, files, 2, "\"d\", which is a directory");
}

static void a_hard_link_to_the_root_is_refused(void **state) {
        static const TarFile files[] = {{.path = "a", .link = "."}};

        expect_tar_refused(*state, files, 1, "which is a directory");
}

static void a_root_that_is_no_directory_is_refused(void **state) {
        static const TarFile files[] = {{.path = "./", .mode = S_IFLNK | 0777, .target = "/"}};

        expect_tar_refused(*state, files, 1, "the root must be a directory");
}

static void a_link_in_place_of_its_own_target_is_refused(void **state) {
        static const TarFile files[] = {{.path = "d/a", .content = "x"},
                                        {.path = "d", .link = "d/a"}};

        expect_tar_refused(*state, files, 2, "a directory with its own target");
}

static void a_name_too_long_is_refused(void **state) {
        char name[257] = "";
        const TarFile files[] = {{.path = name, .content = "x"}};
        Fixture *fixture = *state;

        memset(name, 'n', 256);
        expect_refused(fixture, import(fixture, tar_make(fixture, files, 1, "none"), IMAGE_TAR),
                       -ENAMETOOLONG, "a name longer than 255 bytes");
}

static void an_attribute_name_too_long_is_refused(void **state) {
        char name[300] = "";
        const TarFile files[] = {{.path = "a", .xattr = name, .value = "x"}};
        Fixture *fixture = *state;

        memset(name, 'n', sizeof(name) - 1);
        memcpy(name, "user.", 5);
        expect_refused(fixture, import(fixture, tar_make(fixture, files, 1, "none"), IMAGE_TAR),
                       -ENAMETOOLONG, "an extended attribute has a name longer than 255 bytes");
}

static void a_device_out_of_range_is_refused(void **state) {
        static const TarFile files[] = {
                {.path = "disk", .mode = S_IFBLK | 0600, .major = 5000, .minor = 1}};

        expect_tar_refused(*state, files, 1, "disk has a device number out of range");
}

/* A ustar header by hand: libarchive would want the data. */
static int header_only(const Fixture *fixture, const char *size_octal) {
        char header[512] = "huge";
        unsigned sum = 0;
        int fd = fixture_create(fixture, "tar");

        memcpy(header + 100, "0000644", 8);
        memcpy(header + 108, "0000000", 8);
        memcpy(header + 116, "0000000", 8);
        memcpy(header + 124, size_octal, 11);
        memcpy(header + 136, "00000000000", 12);
        memset(header + 148, ' ', 8);
        header[156] = '0';
        memcpy(header + 257, "ustar\00000", 8);
        for (size_t i = 0; i < sizeof(header); i++)
                sum += (unsigned char) header[i];
        (void) snprintf(header + 148, 8, "%06o", sum);
        assert_int_equal(io_write_full(fd, header, sizeof(header)), 0);
        return fd;
}

static void what_is_too_large_is_refused(void **state) {
        Fixture *fixture = *state;
        int fd = header_only(fixture, "77777777777"), second;
        char block[512];

        /* 8 GiB each, over and over; nothing of it is there. */
        second = openat(fixture->dir_fd, "tar", O_RDWR | O_CLOEXEC);
        assert_true(second >= 0);
        assert_int_equal(pread(fd, block, sizeof(block), 0), sizeof(block));
        for (int64_t i = 1; i < 80; i++)
                assert_int_equal(pwrite(second, block, sizeof(block),
                                        i * (512 + (INT64_C(1) << 33))),
                                 sizeof(block));
        close_fd(second);
        expect_refused(fixture, import(fixture, fd, IMAGE_TAR), -EFBIG,
                       "the contents are larger than 512 GiB");
        assert_int_equal(fixture->error.kind, ERROR_NO_SPACE);
}

static void a_tar_without_its_last_data_is_refused(void **state) {
        Fixture *fixture = *state;

        expect_refused(fixture, import(fixture, header_only(fixture, "00000001000"), IMAGE_TAR),
                       -EBADMSG, "cut off");
}

static int cut(const Fixture *fixture, const char *filter, off_t bytes) {
        static const TarFile files[] = {{.path = "a", .content = "some data"},
                                        {.path = "b", .content = "other data"}};
        int fd = tar_make(fixture, files, ELEMENTSOF(files), filter);

        assert_int_equal(ftruncate(fd, bytes), 0);
        return fd;
}

/* Right after the first file: to libarchive that is an end. */
static void a_tar_cut_between_two_files_is_refused(void **state) {
        Fixture *fixture = *state;

        expect_refused(fixture, import(fixture, cut(fixture, "none", 1024), IMAGE_TAR), -EBADMSG,
                       "the tar is cut off: it has no end mark");
}

static void a_tar_cut_in_a_header_is_refused(void **state) {
        Fixture *fixture = *state;

        expect_refused(fixture, import(fixture, cut(fixture, "none", 1200), IMAGE_TAR), -EBADMSG,
                       "cannot read the tar: Truncated");
}

static void a_compressed_tar_that_is_cut_is_refused(void **state) {
        static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd", "lz4"};
        Fixture *fixture = *state;

        for (size_t i = 0; i < ELEMENTSOF(filters); i++)
                expect_refused(fixture, import(fixture, cut(fixture, filters[i], 60), IMAGE_TAR),
                               -EBADMSG, "cannot read the tar");
}

static void a_pipe_that_ends_early_is_refused(void **state) {
        Fixture *fixture = *state;
        int fd = cut(fixture, "none", 1024), fds[2];
        char bytes[1024];

        assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
        close_fd(fd);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(io_write_full(fds[1], bytes, sizeof(bytes)), 0);
        close_fd(fds[1]);
        expect_refused(fixture, import(fixture, fds[0], IMAGE_TAR), -EBADMSG, "no end mark");
}

static void nothing_is_no_tar(void **state) {
        Fixture *fixture = *state;

        expect_refused(fixture, import(fixture, fixture_create(fixture, "empty"), IMAGE_TAR),
                       -EBADMSG, "cannot read the tar");
}

static void a_tar_without_files_is_refused(void **state) {
        Fixture *fixture = *state;

        expect_refused(fixture, import(fixture, tar_make(fixture, NULL, 0, "none"), IMAGE_TAR),
                       -EBADMSG, "the tar has no files");
}

static void text_is_no_tar(void **state) {
        Fixture *fixture = *state;
        int fd = fixture_create(fixture, "text");

        for (int i = 0; i < 100; i++)
                assert_int_equal(io_write_full(fd, "This is some text, and no archive.\n", 35), 0);
        expect_refused(fixture, import(fixture, fd, IMAGE_TAR), -EBADMSG,
                       "cannot read the tar: Unrecognized archive format");
}

/* Some of libarchive's filters are programs that it runs. */
static void what_needs_a_foreign_program_is_refused(void **state) {
        static const char lrzip[] = "LRZI\0\6aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        Fixture *fixture = *state;
        int fd = fixture_create(fixture, "lrz");

        assert_int_equal(io_write_full(fd, lrzip, sizeof(lrzip)), 0);
        expect_refused(fixture, import(fixture, fd, IMAGE_TAR), -EBADMSG,
                       "cannot read the tar: Unrecognized archive format");
}

/* ---- ext4 ---- */

/* A file system with these bytes at an offset of its superblock. */
static int make_ext4(Fixture *fixture, size_t at, const void *bytes, size_t size) {
        int fd;

        if (fixture_run(fixture, "mke2fs -q -t ext4 source 16M 2>&1") != 0)
                fail_msg("%s", fixture->text);
        fd = openat(fixture->dir_fd, "source", O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, bytes, size, (off_t) (1024 + at)), size);
        return fd;
}

static void an_ext4_without_its_magic_is_refused(void **state) {
        Fixture *fixture = *state;

        expect_refused(fixture, import(fixture, make_ext4(fixture, 0x38, "\0", 2), IMAGE_EXT4),
                       -EBADMSG, "the file is no ext4 file system");
}

static void an_ext4_with_a_bad_superblock_is_refused(void **state) {
        Fixture *fixture = *state;

        expect_refused(fixture, import(fixture, make_ext4(fixture, 0x28, "\1", 2), IMAGE_EXT4),
                       -EIO, "the file system cannot be opened");
        assert_string_equal(fixture->error.hint, "run: e2fsck -f FILE");
}

static void an_ext4_through_a_pipe_is_checked_too(void **state) {
        Fixture *fixture = *state;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(io_write_full(fds[1], "no ext4", 8), 0);
        close_fd(fds[1]);
        expect_refused(fixture, import(fixture, fds[0], IMAGE_EXT4), -EBADMSG,
                       "the file is no ext4 file system");
}

static void an_ext4_that_is_cut_off_is_refused(void **state) {
        Fixture *fixture = *state;
        int fd = make_ext4(fixture, 0, NULL, 0);

        assert_int_equal(ftruncate(fd, 8 << 20), 0);
        expect_refused(fixture, import(fixture, fd, IMAGE_EXT4), -EBADMSG, "the file is cut off");
}

static void an_ext4_in_use_is_refused(void **state) {
        Fixture *fixture = *state;
        int fd = make_ext4(fixture, 0, NULL, 0);

        assert_int_equal(fixture_run(fixture, "debugfs -w -R 'ssv state 0' source 2>&1"), 0);
        expect_refused(fixture, import(fixture, fd, IMAGE_EXT4), -EUCLEAN,
                       "was not cleanly unmounted");
}

static void an_ext4_with_an_unknown_feature_is_refused(void **state) {
        Fixture *fixture = *state;
        int fd = make_ext4(fixture, 0, NULL, 0);

        assert_int_equal(fixture_run(fixture, "debugfs -w -R 'feature FEATURE_I31' source 2>&1"),
                         0);
        expect_refused(fixture, import(fixture, fd, IMAGE_EXT4), -EIO, "unsupported feature");
        assert_string_equal(fixture->error.hint, "make it with: mke2fs -t ext4");
}

/* Its group descriptors would take more memory than there is. */
static void an_ext4_that_says_to_be_huge_is_refused(void **state) {
        Fixture *fixture = *state;
        int fd = make_ext4(fixture, 0, NULL, 0);

        /* 488282 groups of 8192 blocks and 2048 inodes, as the two that there are. */
        assert_int_equal(fixture_run(fixture, "printf 'ssv blocks_count 4000000000\\nssv "
                                              "inodes_count 1000001536\\n' >edit && "
                                              "debugfs -w -f edit source 2>&1"),
                         0);
        expect_refused(fixture, import(fixture, fd, IMAGE_EXT4), -EBADMSG, "the file is cut off");
}

static void an_ext4_without_a_root_is_refused(void **state) {
        Fixture *fixture = *state;
        int fd = make_ext4(fixture, 0, NULL, 0);

        assert_int_equal(fixture_run(fixture, "debugfs -w -R 'sif <2> mode 0100644' source 2>&1"),
                         0);
        expect_refused(fixture, import(fixture, fd, IMAGE_EXT4), -EBADMSG,
                       "it has no root directory");
}

/* ---- around ---- */

static void a_target_with_content_is_left_alone(void **state) {
        static const TarFile files[] = {{.path = "a", .content = "x"}};
        Fixture *fixture = *state;
        struct stat st;

        assert_int_equal(pwrite(fixture->target_fd, "old", 3, 0), 3);
        assert_int_equal(import(fixture, tar_make(fixture, files, 1, "none"), IMAGE_TAR), -EINVAL);
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_int_equal(st.st_size, 3);
}

static void a_client_that_has_left_cancels(void **state) {
        static const TarFile files[] = {{.path = "a", .content = "x"}};
        Fixture *fixture = *state;
        struct stat st;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        close_fd(fds[1]);
        fixture->job.client_fd = fds[0];
        assert_int_equal(import(fixture, tar_make(fixture, files, 1, "none"), IMAGE_TAR),
                         -ECANCELED);
        assert_int_equal(fixture->error.kind, ERROR_CANCELED);
        close_fd(fds[0]);
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_int_equal(st.st_blocks, 0);
}

/* In a child with mounts of its own: 0 as it should be, 77 not possible here. */
static int import_to_full_disk(Fixture *fixture, int source_fd) {
        unsigned uid = geteuid();
        WorkerImageProgress result;
        char path[80];
        struct stat st;
        int fd, r;

        (void) snprintf(path, sizeof(path), "%s/full", fixture->dir);
        if (unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mkdir(path, 0700) < 0 ||
            mount("tmpfs", path, "tmpfs", 0, "size=1m") < 0)
                return 77;
        (void) snprintf(path, sizeof(path), "%s/full/target", fixture->dir);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return 1;
        r = image_import(source_fd, fd, IMAGE_TAR, &fixture->job, &result, &fixture->error);
        if (r != -ENOSPC || fixture->error.kind != ERROR_NO_SPACE) {
                fprintf(stderr, "%d: %s\n", r, fixture->error.message);
                return 2;
        }
        return fstat(fd, &st) < 0 || st.st_blocks != 0 ? 3 : 0;
}

static void a_full_disk_is_said(void **state) {
        Fixture *fixture = *state;
        char *content = calloc(1, (4 << 20) + 1);
        const TarFile files[] = {{.path = "a", .content = content}};
        int fd, status;
        pid_t pid;

        assert_non_null(content);
        memset(content, 'x', 4 << 20);
        fd = tar_make(fixture, files, 1, "none");
        free(content);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(import_to_full_disk(fixture, fd));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close_fd(fd);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_name_with_two_dots_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_hard_link_with_two_dots_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_way_through_a_symlink_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_hard_link_through_a_symlink_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_way_through_a_file_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_hard_link_to_nothing_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_hard_link_to_a_directory_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_hard_link_to_the_root_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_root_that_is_no_directory_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_link_in_place_of_its_own_target_is_refused, fixture_setup,
                        fixture_teardown),
                cmocka_unit_test_setup_teardown(a_name_too_long_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_attribute_name_too_long_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_device_out_of_range_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(what_is_too_large_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_tar_without_its_last_data_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_tar_cut_between_two_files_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_tar_cut_in_a_header_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_compressed_tar_that_is_cut_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_pipe_that_ends_early_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(nothing_is_no_tar, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_tar_without_files_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(text_is_no_tar, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        what_needs_a_foreign_program_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(an_ext4_without_its_magic_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_ext4_with_a_bad_superblock_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_ext4_through_a_pipe_is_checked_too, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(an_ext4_that_is_cut_off_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(an_ext4_in_use_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_ext4_with_an_unknown_feature_is_refused, fixture_setup,
                        fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_ext4_that_says_to_be_huge_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(an_ext4_without_a_root_is_refused, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_target_with_content_is_left_alone, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_client_that_has_left_cancels, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_full_disk_is_said, fixture_setup,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
