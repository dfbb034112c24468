#include <signal.h>
#include <sys/utsname.h>

#include "cli/import.h"
#include "tests/unit/cli/fixture.h"

#define LARGER_THAN_A_PIPE (1 << 20)

static void path_in(const TempRoot *root, const char *name, char ret[128]) {
        (void) snprintf(ret, 128, "%s/%s", root->path, name);
}

static void write_ext4(const TempRoot *root) {
        char content[2048] = "";

        content[1080] = 0x53;
        content[1081] = (char) 0xEF;
        assert_int_equal(io_write_file_atomic(root->fd, "disk", content, sizeof(content), 0644),
                         0);
}

static void an_ext4_is_told_from_a_tar_by_its_magic(void **state) {
        TempRoot *root = *state;
        _cleanup_source_ Source ext4 = SOURCE_INIT, tar = SOURCE_INIT;
        char path[128];

        write_ext4(root);
        path_in(root, "disk", path);
        assert_int_equal(source_open(path, &ext4, NULL), 0);
        assert_int_equal(ext4.format, IMAGE_EXT4);
        assert_int_equal(lseek(ext4.fd, 0, SEEK_CUR), 0);

        temp_root_write(root, "/small.tar", "short");
        path_in(root, "small.tar", path);
        assert_int_equal(source_open(path, &tar, NULL), 0);
        assert_int_equal(tar.format, IMAGE_TAR);
        assert_int_equal(tar.child_fd, -1);
}

static void a_source_that_is_not_there_is_said(void **state) {
        Source source = SOURCE_INIT;
        _cleanup_error_ Error error = ERROR_INIT;

        (void) state;
        assert_int_equal(source_open("/nowhere/x.tar", &source, &error), -ENOENT);
        assert_non_null(strstr(error.message, "cannot open /nowhere/x.tar"));
}

static void a_device_is_no_source(void **state) {
        Source source = SOURCE_INIT;
        _cleanup_error_ Error error = ERROR_INIT;

        (void) state;
        assert_int_equal(source_open("/dev/null", &source, &error), -EINVAL);
        assert_int_equal(error.kind, ERROR_USAGE);
}

static void a_directory_comes_as_a_tar_that_ends_when_tar_succeeded(void **state) {
        TempRoot *root = *state;
        _cleanup_source_ Source source = SOURCE_INIT;
        char buffer[4096], path[128], all[65536];
        size_t used = 0;
        ssize_t n;

        temp_root_mkdir(root, "/tree");
        temp_root_write(root, "/tree/hello", "world");
        path_in(root, "tree", path);
        assert_int_equal(source_open(path, &source, NULL), 0);
        assert_int_equal(source.format, IMAGE_TAR);
        assert_int_equal(source_child_ended(&source, path, NULL), 0);
        assert_int_equal(source.hold_fd, -1);
        while ((n = read(source.fd, buffer, sizeof(buffer))) > 0 &&
               used + (size_t) n <= sizeof(all)) {
                memcpy(all + used, buffer, (size_t) n);
                used += (size_t) n;
        }
        assert_int_equal(n, 0);
        assert_non_null(memmem(all, used, "./hello", 7));
        assert_non_null(memmem(all, used, "world", 5));
}

static void a_tar_that_fails_does_not_end_the_stream(void **state) {
        TempRoot *root = *state;
        _cleanup_source_ Source source = SOURCE_INIT;
        _cleanup_error_ Error error = ERROR_INIT;
        static char large[LARGER_THAN_A_PIPE];
        char path[128];

        temp_root_mkdir(root, "/tree");
        memset(large, 'x', sizeof(large));
        assert_int_equal(io_write_file_atomic(root->fd, "tree/large", large, sizeof(large), 0644),
                         0);
        path_in(root, "tree", path);
        assert_int_equal(source_open(path, &source, NULL), 0);
        /* Nobody reads: tar is stopped by a signal before it is done. */
        assert_int_equal(kill(source.child_pid, SIGKILL), 0);
        assert_true(source_child_ended(&source, path, &error) < 0);
        assert_non_null(strstr(error.message, "tar could not read all of"));
        assert_true(source.hold_fd >= 0);
}

static void the_hosts_kernel_is_found_by_its_release(void **state) {
        TempRoot *root = *state;
        _cleanup_free_ char *release = NULL, *path = NULL;
        _cleanup_close_ int fd = -1;
        struct utsname host;

        assert_int_equal(uname(&host), 0);
        temp_root_mkdir(root, "/boot");
        path = string_format("/boot/vmlinuz-%s", host.release);
        temp_root_write(root, path, "kernel");
        assert_int_equal(host_kernel_open(root->fd, &release, &fd, NULL), 0);
        assert_string_equal(release, host.release);
        assert_true(fd >= 0);
}

static void a_kernel_beside_its_modules_is_found(void **state) {
        TempRoot *root = *state;
        _cleanup_free_ char *release = NULL, *directory = NULL, *path = NULL;
        _cleanup_close_ int fd = -1;
        struct utsname host;

        assert_int_equal(uname(&host), 0);
        directory = string_format("/lib/modules/%s", host.release);
        path = string_format("%s/vmlinuz", directory);
        temp_root_mkdir(root, directory);
        temp_root_write(root, path, "kernel");
        assert_int_equal(host_kernel_open(root->fd, &release, &fd, NULL), 0);
}

static void a_host_kernel_that_is_not_there_is_said(void **state) {
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        char *release = NULL;
        int fd = -1;

        assert_int_equal(host_kernel_open(root->fd, &release, &fd, &error), -ENOENT);
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
        assert_non_null(strstr(error.hint, "banger kernel import FILE"));
        assert_null(release);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_ext4_is_told_from_a_tar_by_its_magic,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test(a_source_that_is_not_there_is_said),
                cmocka_unit_test(a_device_is_no_source),
                cmocka_unit_test_setup_teardown(
                        a_directory_comes_as_a_tar_that_ends_when_tar_succeeded, temp_root_setup,
                        temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_tar_that_fails_does_not_end_the_stream,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(the_hosts_kernel_is_found_by_its_release,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_kernel_beside_its_modules_is_found,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_host_kernel_that_is_not_there_is_said,
                                                temp_root_setup, temp_root_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
