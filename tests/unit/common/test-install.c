#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/install.h"
#include "common/io.h"
#include "common/strings.h"

typedef struct Place {
        char *dir;
        char *path; /* of install.conf in it */
} Place;

static int place_make(void **state) {
        Place *place = calloc(1, sizeof(*place));

        assert_non_null(place);
        place->dir = strdup("/tmp/test-install-XXXXXX");
        assert_non_null(place->dir);
        assert_non_null(mkdtemp(place->dir));
        place->path = string_format("%s/install.conf", place->dir);
        assert_non_null(place->path);
        *state = place;
        return 0;
}

static int place_remove(void **state) {
        Place *place = *state;

        if (unlink(place->path) < 0)
                assert_true(errno == ENOENT || rmdir(place->path) == 0);
        assert_int_equal(rmdir(place->dir), 0);
        free(place->path);
        free(place->dir);
        free(place);
        return 0;
}

static const char whole[] = "# a comment\n"
                            "[install]\n"
                            "owner = alice\n"
                            "uid = 1000\n"
                            "gid = 1001\n"
                            "\n"
                            "home = /home/alice\n"
                            "version = 0.1.0\n"
                            "commit = abc123\n"
                            "built = 2024-01-02\n"
                            "installed = 2024-01-02T03:04:05Z\n";

static void write_file(const char *path, const char *text, mode_t mode) {
        assert_int_equal(io_write_file_atomic(AT_FDCWD, path, text, strlen(text), mode), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void assert_not_read(const char *path, uid_t uid, int r, ErrorKind kind, const char *why) {
        _cleanup_error_ Error error = ERROR_INIT;
        InstallConf conf = {.uid = 77};

        assert_int_equal(install_conf_read(path, uid, &conf, &error), r);
        assert_int_equal(error.kind, kind);
        assert_non_null(strstr(error.message, why));
        assert_non_null(strstr(error.message, path));
        assert_int_equal(conf.uid, 77);
}

static void assert_text_refused(const char *text, const char *why) {
        _cleanup_error_ Error error = ERROR_INIT;
        InstallConf conf = {.uid = 77};

        assert_int_equal(install_conf_parse(text, strlen(text), &conf, &error), -EINVAL);
        assert_int_equal(error.kind, ERROR_FAILED);
        assert_string_equal(error.message, why);
        assert_int_equal(conf.uid, 77);
}

static void a_whole_file_is_read(void **state) {
        _cleanup_(install_conf_clear) InstallConf conf = {0};
        const Place *place = *state;

        write_file(place->path, whole, 0644);
        assert_int_equal(install_conf_read(place->path, getuid(), &conf, NULL), 0);
        assert_string_equal(conf.owner, "alice");
        assert_int_equal(conf.uid, 1000);
        assert_int_equal(conf.gid, 1001);
        assert_string_equal(conf.home, "/home/alice");
        assert_string_equal(conf.version, "0.1.0");
        assert_string_equal(conf.commit, "abc123");
        assert_string_equal(conf.built, "2024-01-02");
        assert_string_equal(conf.installed, "2024-01-02T03:04:05Z");
}

static void no_file_means_not_installed(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        const Place *place = *state;
        InstallConf conf;

        assert_not_read(place->path, getuid(), -ENOENT, ERROR_NOT_INSTALLED, "not installed");
        assert_int_equal(install_conf_read(place->path, getuid(), &conf, &error), -ENOENT);
        assert_string_equal(error.hint, "run: sudo banger system install --owner USER");
        assert_int_equal(install_conf_read(place->path, getuid(), &conf, NULL), -ENOENT);
}

static void a_file_of_another_user_is_refused(void **state) {
        const Place *place = *state;

        write_file(place->path, whole, 0644);
        assert_not_read(place->path, getuid() + 1, -EPERM, ERROR_NOT_PERMITTED, "belongs to uid");
}

static void a_file_that_others_may_write_is_refused(void **state) {
        const Place *place = *state;

        write_file(place->path, whole, 0664);
        assert_not_read(place->path, getuid(), -EPERM, ERROR_NOT_PERMITTED, "writable by others");
        write_file(place->path, whole, 0646);
        assert_not_read(place->path, getuid(), -EPERM, ERROR_NOT_PERMITTED, "writable by others");
}

static void a_symlink_is_refused(void **state) {
        const Place *place = *state;

        assert_int_equal(symlink("elsewhere", place->path), 0);
        assert_not_read(place->path, getuid(), -ELOOP, ERROR_FAILED, "cannot open");
}

static void a_directory_is_refused(void **state) {
        const Place *place = *state;

        assert_int_equal(mkdir(place->path, 0755), 0);
        assert_not_read(place->path, getuid(), -EPERM, ERROR_NOT_PERMITTED, "regular file");
}

static void a_fifo_is_refused_without_waiting_for_a_writer(void **state) {
        const Place *place = *state;

        assert_int_equal(mkfifo(place->path, 0644), 0);
        assert_not_read(place->path, getuid(), -EPERM, ERROR_NOT_PERMITTED, "regular file");
}

static void an_oversized_file_is_refused(void **state) {
        const Place *place = *state;

        write_file(place->path, whole, 0644);
        assert_int_equal(truncate(place->path, 16385), 0);
        assert_not_read(place->path, getuid(), -EFBIG, ERROR_FAILED, "more than 16384 bytes");
}

static void a_file_with_a_nul_is_refused(void **state) {
        const Place *place = *state;

        write_file(place->path, whole, 0644);
        assert_int_equal(truncate(place->path, sizeof(whole) + 10), 0);
        assert_not_read(place->path, getuid(), -EINVAL, ERROR_FAILED, "has a NUL");
}

static void unknown_keys_are_refused(void **state _unused_) {
        assert_text_refused("[install]\nowner = a\nOwner = b\n",
                            "line 3: \"Owner\": is not a known key");
}

static void duplicate_keys_are_refused(void **state _unused_) {
        assert_text_refused("[install]\nuid = 1\nuid = 1\n", "line 3: \"uid\": is there twice");
        assert_text_refused("[install]\nowner = a\n  b\n", "line 3: \"owner\": is there twice");
}

static void other_sections_are_refused(void **state _unused_) {
        assert_text_refused("[other]\nowner = a\n", "line 2: [other] is not a known section");
        assert_text_refused("owner = a\n", "line 1: [] is not a known section");
}

static void lines_without_a_value_are_refused(void **state _unused_) {
        assert_text_refused("[install]\nowner\n", "line 2: is not KEY = VALUE");
        assert_text_refused("[install]\nowner =\n", "line 2: \"owner\": is empty");
        assert_text_refused("[install\nowner = a\n", "line 1: is not KEY = VALUE");
}

static void lines_too_long_for_the_parser_are_refused(void **state _unused_) {
        _cleanup_free_ char *text = string_format("[install]\nhome = /%0300d\nowner = a", 0);

        assert_text_refused(text, "line 2: is too long");
}

static void bad_numbers_are_refused(void **state _unused_) {
        static const char *const wrong[] = {"-1",   "+1",         "1x",
                                            "0x10", "4294967295", "18446744073709551616"};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ char *text =
                        string_format("[install]\nowner = a\ngid = %s\n", wrong[i]);

                assert_text_refused(text, "line 3: \"gid\": is not a user or group number");
        }
}

static void owner_uid_and_gid_are_required(void **state _unused_) {
        assert_text_refused("", "\"owner\" is missing");
        assert_text_refused("[install]\nuid = 1\ngid = 1\n", "\"owner\" is missing");
        assert_text_refused("[install]\nowner = a\ngid = 1\n", "\"uid\" is missing");
        assert_text_refused("[install]\nowner = a\nuid = 1\n", "\"gid\" is missing");
}

static void a_relative_home_is_refused(void **state _unused_) {
        assert_text_refused("[install]\nowner = a\nuid = 1\ngid = 1\nhome = x\n",
                            "\"home\" is not an absolute path");
}

static void the_rest_is_optional(void **state _unused_) {
        static const char text[] = "[install]\nowner = a\nuid = 1\ngid = 0\n";
        _cleanup_(install_conf_clear) InstallConf conf = {0};

        assert_int_equal(install_conf_parse(text, strlen(text), &conf, NULL), 0);
        assert_null(conf.home);
        assert_null(conf.installed);
}

static void what_is_formatted_reads_back(void **state _unused_) {
        _cleanup_(install_conf_clear) InstallConf conf = {0}, again = {0};
        _cleanup_free_ char *text = NULL;

        assert_int_equal(install_conf_parse(whole, strlen(whole), &conf, NULL), 0);
        assert_int_equal(install_conf_format(&conf, &text), 0);
        assert_int_equal(install_conf_parse(text, strlen(text), &again, NULL), 0);
        assert_string_equal(again.owner, conf.owner);
        assert_int_equal(again.uid, conf.uid);
        assert_int_equal(again.gid, conf.gid);
        assert_string_equal(again.home, conf.home);
        assert_string_equal(again.installed, conf.installed);
}

static void values_that_would_not_read_back_are_not_formatted(void **state _unused_) {
        static const char *const wrong[] = {"", "a\nuid = 0", " a", "a ", "a ;b", "a\rb\n"};
        _cleanup_free_ char *owner = NULL;
        char *text = NULL;
        InstallConf conf = {.uid = 1, .gid = 1};

        assert_int_equal(install_conf_format(&conf, &text), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                free(owner);
                owner = strdup(wrong[i]);
                conf.owner = owner;
                assert_int_equal(install_conf_format(&conf, &text), -EINVAL);
        }
        assert_null(text);
}

static void a_value_too_long_for_a_line_is_not_formatted(void **state _unused_) {
        _cleanup_free_ char *home = string_format("/%0300d", 0);
        char owner[] = "a", *text = NULL;
        InstallConf conf = {.owner = owner, .uid = 1, .gid = 1, .home = home};

        assert_int_equal(install_conf_format(&conf, &text), -EINVAL);
        assert_null(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_whole_file_is_read, place_make, place_remove),
                cmocka_unit_test_setup_teardown(no_file_means_not_installed, place_make,
                                                place_remove),
                cmocka_unit_test_setup_teardown(a_file_of_another_user_is_refused, place_make,
                                                place_remove),
                cmocka_unit_test_setup_teardown(a_file_that_others_may_write_is_refused, place_make,
                                                place_remove),
                cmocka_unit_test_setup_teardown(a_symlink_is_refused, place_make, place_remove),
                cmocka_unit_test_setup_teardown(a_directory_is_refused, place_make, place_remove),
                cmocka_unit_test_setup_teardown(a_fifo_is_refused_without_waiting_for_a_writer,
                                                place_make, place_remove),
                cmocka_unit_test_setup_teardown(an_oversized_file_is_refused, place_make,
                                                place_remove),
                cmocka_unit_test_setup_teardown(a_file_with_a_nul_is_refused, place_make,
                                                place_remove),
                cmocka_unit_test(unknown_keys_are_refused),
                cmocka_unit_test(duplicate_keys_are_refused),
                cmocka_unit_test(other_sections_are_refused),
                cmocka_unit_test(lines_without_a_value_are_refused),
                cmocka_unit_test(lines_too_long_for_the_parser_are_refused),
                cmocka_unit_test(bad_numbers_are_refused),
                cmocka_unit_test(owner_uid_and_gid_are_required),
                cmocka_unit_test(a_relative_home_is_refused),
                cmocka_unit_test(the_rest_is_optional),
                cmocka_unit_test(what_is_formatted_reads_back),
                cmocka_unit_test(values_that_would_not_read_back_are_not_formatted),
                cmocka_unit_test(a_value_too_long_for_a_line_is_not_formatted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
