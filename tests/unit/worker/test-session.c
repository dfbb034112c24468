#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/session.h"

static void root_is_refused_and_told_what_is_missing(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        (void) state;
        assert_int_equal(session_check_uid(0, &error), -EPERM);
        assert_int_equal(error.kind, ERROR_NOT_PERMITTED);
        assert_non_null(error.hint);
        assert_int_equal(session_check_uid(1000, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(root_is_refused_and_told_what_is_missing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
