#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/program.h"
#include "common/version.h"

static const Program program = {.name = "bangerd", .about = "The daemon.\n"};

/* What it writes to fd, in output; -1 where it would go on, else its status. */
static int parse(int fd, char *argument, char output[256]) {
        char name[] = "bangerd";
        char *argv[] = {name, argument, NULL};
        int saved = dup(fd), fds[2], status = -2;
        bool goes_on;
        ssize_t n;

        assert_true(saved >= 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        (void) fflush(NULL);
        assert_int_equal(dup2(fds[1], fd), fd);
        optind = 0; /* glibc: anew */
        goes_on = program_parse(&program, argument ? 2 : 1, argv, &status);
        (void) fflush(NULL);
        assert_int_equal(dup2(saved, fd), fd);
        n = read(fds[0], output, 255);
        output[n > 0 ? n : 0] = '\0';
        close_fd(saved);
        close_fd(fds[0]);
        close_fd(fds[1]);
        return goes_on ? -1 : status;
}

static void without_arguments_it_goes_on(_unused_ void **state) {
        char output[256];

        assert_int_equal(parse(STDOUT_FILENO, NULL, output), -1);
        assert_string_equal(output, "");
}

static void help_is_asked_for_and_no_error(_unused_ void **state) {
        char option[] = "--help", letter[] = "-h", output[256];

        assert_int_equal(parse(STDOUT_FILENO, option, output), 0);
        assert_string_equal(output, "Usage: bangerd [--help] [--version]\n\nThe daemon.\n");
        assert_int_equal(parse(STDOUT_FILENO, letter, output), 0);
        assert_non_null(strstr(output, "Usage: "));
}

static void the_version_has_the_programs_name(_unused_ void **state) {
        char option[] = "--version", output[256], expected[128];

        (void) snprintf(expected, sizeof(expected), "bangerd %s\n", banger_version);
        assert_int_equal(parse(STDOUT_FILENO, option, output), 0);
        assert_string_equal(output, expected);
}

static void anything_else_is_refused_on_standard_error(_unused_ void **state) {
        char word[] = "start", option[] = "--verbose", output[256];

        assert_int_equal(parse(STDERR_FILENO, word, output), PROGRAM_STATUS_USAGE);
        assert_non_null(strstr(output, "Usage: "));
        assert_int_equal(parse(STDERR_FILENO, option, output), PROGRAM_STATUS_USAGE);
        assert_non_null(strstr(output, "Usage: "));
        assert_int_equal(parse(STDOUT_FILENO, word, output), PROGRAM_STATUS_USAGE);
        assert_string_equal(output, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_arguments_it_goes_on),
                cmocka_unit_test(help_is_asked_for_and_no_error),
                cmocka_unit_test(the_version_has_the_programs_name),
                cmocka_unit_test(anything_else_is_refused_on_standard_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
