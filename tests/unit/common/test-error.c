#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/error.h"

static void set_returns_the_negative_errno_and_fills_kind_and_message(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(error_set(&error, ERROR_NOT_FOUND, ENOENT, "no vm \"%s\"", "web"), -ENOENT);
        assert_int_equal(error.kind, ERROR_NOT_FOUND);
        assert_string_equal(error.message, "no vm \"web\"");
}

static void set_without_an_error_only_returns(void **state _unused_) {
        assert_int_equal(error_set(NULL, ERROR_FAILED, EIO, "x"), -EIO);
        assert_int_equal(error_prepend(NULL, -EIO, "x"), -EIO);
        assert_int_equal(error_set_hint(NULL, -EIO, "x"), -EIO);
}

static void set_errno_says_what_the_errno_means(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(error_set_errno(&error, EACCES, "cannot open %s", "disk"), -EACCES);
        assert_int_equal(error.kind, ERROR_NOT_PERMITTED);
        assert_string_equal(error.message, "cannot open disk: Permission denied");
}

static void prepend_puts_context_before_the_message(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = error_set(&error, ERROR_BUSY, EBUSY, "device in use");

        assert_int_equal(error_prepend(&error, r, "cannot start vm \"%s\"", "web"), -EBUSY);
        assert_string_equal(error.message, "cannot start vm \"web\": device in use");
        assert_int_equal(error.kind, ERROR_BUSY);
}

static void prepend_makes_a_message_where_a_callee_gave_none(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(error_prepend(&error, -ENOSPC, "cannot grow disk"), -ENOSPC);
        assert_int_equal(error.kind, ERROR_NO_SPACE);
        assert_string_equal(error.message, "cannot grow disk: No space left on device");
}

static void prepend_does_nothing_on_success(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(error_prepend(&error, 0, "context"), 0);
        assert_int_equal(error.kind, ERROR_NONE);
        assert_null(error.message);
}

static void join_keeps_the_first_errno_and_both_messages(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;
        Error more = ERROR_INIT;
        int r = error_set(&error, ERROR_BUSY, EBUSY, "tap busy");
        int more_r = error_set(&more, ERROR_FAILED, EIO, "loop failed");

        assert_int_equal(error_join(&error, r, &more, more_r), -EBUSY);
        assert_string_equal(error.message, "tap busy; loop failed");
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_null(more.message);
}

static void join_takes_over_a_first_failure(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;
        Error more = ERROR_INIT;

        assert_int_equal(error_join(&error, 0, &more, -EIO), -EIO);
        assert_int_equal(error.kind, ERROR_FAILED);
        assert_non_null(error.message);
}

static void join_of_two_successes_is_a_success(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;
        Error more = ERROR_INIT;

        assert_int_equal(error_join(&error, 0, &more, 0), 0);
        assert_int_equal(error.kind, ERROR_NONE);
}

static void every_kind_has_a_name_that_leads_back(void **state _unused_) {
        for (int kind = ERROR_NONE + 1; kind < _ERROR_KIND_MAX; kind++)
                assert_int_equal(error_kind_from_name(error_kind_name((ErrorKind) kind)), kind);
        assert_int_equal(error_kind_from_name("Nonsense"), ERROR_FAILED);
}

static void exit_statuses_are_those_of_the_design(void **state _unused_) {
        assert_int_equal(error_kind_exit_status(ERROR_FAILED), 1);
        assert_int_equal(error_kind_exit_status(ERROR_USAGE), 2);
        assert_int_equal(error_kind_exit_status(ERROR_NOT_FOUND), 3);
        assert_int_equal(error_kind_exit_status(ERROR_NOT_INSTALLED), 3);
        assert_int_equal(error_kind_exit_status(ERROR_NOT_PERMITTED), 4);
        assert_int_equal(error_kind_exit_status(ERROR_UNREACHABLE), 5);
        assert_int_equal(error_kind_exit_status(ERROR_TIMED_OUT), 124);
}

static void move_leaves_nothing_behind(void **state _unused_) {
        _cleanup_error_ Error from = ERROR_INIT, to = ERROR_INIT;

        error_set(&from, ERROR_BUSY, EBUSY, "one");
        error_set_hint(&from, -EBUSY, "wait");
        error_set(&to, ERROR_FAILED, EIO, "two");
        error_move(&to, &from);
        assert_string_equal(to.message, "one");
        assert_string_equal(to.hint, "wait");
        assert_null(from.message);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(set_returns_the_negative_errno_and_fills_kind_and_message),
                cmocka_unit_test(set_without_an_error_only_returns),
                cmocka_unit_test(set_errno_says_what_the_errno_means),
                cmocka_unit_test(prepend_puts_context_before_the_message),
                cmocka_unit_test(prepend_makes_a_message_where_a_callee_gave_none),
                cmocka_unit_test(prepend_does_nothing_on_success),
                cmocka_unit_test(join_keeps_the_first_errno_and_both_messages),
                cmocka_unit_test(join_takes_over_a_first_failure),
                cmocka_unit_test(join_of_two_successes_is_a_success),
                cmocka_unit_test(every_kind_has_a_name_that_leads_back),
                cmocka_unit_test(exit_statuses_are_those_of_the_design),
                cmocka_unit_test(move_leaves_nothing_behind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
