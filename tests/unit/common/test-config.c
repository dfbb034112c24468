#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"

static int parse(const char *text, Config *ret, Error *reterr) {
        return config_parse(text, strlen(text), ret, reterr);
}

static void assert_refused(const char *text, const char *why) {
        _cleanup_error_ Error error = ERROR_INIT;
        Config config = config_default;

        assert_int_equal(parse(text, &config, &error), -EINVAL);
        if (!strstr(error.message, why))
                fail_msg("\"%s\" instead of \"%s\"", error.message, why);
        assert_null(config.firecracker);
}

static void an_empty_file_gives_the_defaults(_unused_ void **state) {
        Config config;

        assert_int_equal(parse("# nothing\n", &config, NULL), 0);
        assert_string_equal(config.bridge, "br-banger");
        assert_int_equal(config.address, 0xac1e0001);
        assert_int_equal(config.prefix, 24);
        assert_true(config.isolated);
        assert_null(config.firecracker);
        assert_null(config.jailer);
        config_clear(&config);
}

static void every_key_is_taken(_unused_ void **state) {
        Config config;

        assert_int_equal(parse("[network]\nbridge = br-vm_2\naddress = 10.8.0.1/20\nisolated = no\n"
                               "[firecracker]\npath = /opt/fc\njailer = /opt/jailer\n",
                               &config, NULL),
                         0);
        assert_string_equal(config.bridge, "br-vm_2");
        assert_int_equal(config.address, 0x0a080001);
        assert_int_equal(config.prefix, 20);
        assert_false(config.isolated);
        assert_string_equal(config.firecracker, "/opt/fc");
        assert_string_equal(config.jailer, "/opt/jailer");
        config_clear(&config);
        assert_null(config.jailer);
}

static void isolation_is_yes_or_no(_unused_ void **state) {
        assert_refused("[network]\nisolated = true\n", "line 2: \"isolated\": must be yes or no");
        assert_refused("[network]\nisolated =\n", "must be yes or no");
}

static void names_that_are_no_bridge_are_refused(_unused_ void **state) {
        assert_refused("[network]\nbridge = a/b\n", "line 2: \"bridge\": must be");
        assert_refused("[network]\nbridge = a.b\n", "must be");
        assert_refused("[network]\nbridge = -a\n", "must be");
        assert_refused("[network]\nbridge =\n", "must be");
        assert_refused("[network]\nbridge = abcdefghijklmnop\n", "must be 1 to 15");
        assert_refused("[network]\nbridge = all\n", "another meaning");
        assert_refused("[network]\nbridge = bgr-0123456789\n", "another meaning");
}

static void addresses_that_cannot_be_the_bridges_are_refused(_unused_ void **state) {
        assert_refused("[network]\naddress = 172.30.0.1\n", "with its prefix");
        assert_refused("[network]\naddress = 172.30.0/24\n", "with its prefix");
        assert_refused("[network]\naddress = 172.30.0.1/24x\n", "with its prefix");
        assert_refused("[network]\naddress = 172.30.0.1/-1\n", "with its prefix");
        assert_refused("[network]\naddress = 172.30.0.1.172.30.0.1/24\n", "with its prefix");
        assert_refused("[network]\naddress = 172.30.0.1/31\n", "prefix from 8 to 30");
        assert_refused("[network]\naddress = 172.30.0.1/7\n", "prefix from 8 to 30");
        assert_refused("[network]\naddress = 172.30.0.2/24\n", "first address");
        assert_refused("[network]\naddress = 172.30.0.1/16\nbridge = x/\n", "line 3");
}

static void paths_are_absolute(_unused_ void **state) {
        assert_refused("[firecracker]\npath = firecracker\n", "\"path\": is not an absolute path");
        assert_refused("[firecracker]\njailer = ./jailer\n", "is not an absolute path");
}

static void unknown_and_repeated_keys_are_refused(_unused_ void **state) {
        assert_refused("[network]\ncolour = red\n", "\"colour\" is not a known key of [network]");
        assert_refused("[net]\nbridge = b\n", "is not a known key of [net]");
        assert_refused("[firecracker]\npath = /a\npath = /b\n", "is there twice");
}

static void no_file_gives_the_defaults(_unused_ void **state) {
        Config config;

        assert_int_equal(config_read("/nonexistent/banger.conf", 0, &config, NULL), 0);
        assert_string_equal(config.bridge, config_default.bridge);
}

static void a_file_that_others_can_write_is_refused(_unused_ void **state) {
        char path[] = "/tmp/banger-config-XXXXXX";
        _cleanup_error_ Error error = ERROR_INIT;
        int fd = mkstemp(path);
        Config config;

        assert_true(fd >= 0);
        assert_int_equal(fchmod(fd, 0622), 0);
        assert_int_equal(config_read(path, getuid(), &config, &error), -EPERM);
        assert_non_null(strstr(error.message, path));
        assert_int_equal(fchmod(fd, 0644), 0);
        assert_int_equal(config_read(path, getuid() + 1, &config, NULL), -EPERM);
        assert_int_equal(config_read(path, getuid(), &config, NULL), 0);
        config_clear(&config);
        assert_int_equal(unlink(path), 0);
        close_fd(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_file_gives_the_defaults),
                cmocka_unit_test(every_key_is_taken),
                cmocka_unit_test(isolation_is_yes_or_no),
                cmocka_unit_test(names_that_are_no_bridge_are_refused),
                cmocka_unit_test(addresses_that_cannot_be_the_bridges_are_refused),
                cmocka_unit_test(paths_are_absolute),
                cmocka_unit_test(unknown_and_repeated_keys_are_refused),
                cmocka_unit_test(no_file_gives_the_defaults),
                cmocka_unit_test(a_file_that_others_can_write_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
