#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "daemon/component.h"

static const uid_t owner = 1000;

static ComponentStatus helper(const HelperSeen *seen) {
        ComponentStatus status = {};

        assert_int_equal(component_helper(seen, "1.0", owner, &status), 0);
        assert_string_equal(status.name, "bangerd-root");
        return status;
}

static void clear(ComponentStatus *status) {
        schema_clear(&component_status_schema, status);
}

static void a_helper_of_the_same_version_and_owner_is_ok(_unused_ void **state) {
        ComponentStatus status = helper(&(HelperSeen) {.version = "1.0", .owner_uid = owner});

        assert_int_equal(status.state, COMPONENT_OK);
        assert_string_equal(status.version, "1.0");
        assert_null(status.message);
        clear(&status);
}

static void a_helper_of_another_version_is_different(_unused_ void **state) {
        ComponentStatus status = helper(&(HelperSeen) {.version = "0.9", .owner_uid = owner});

        assert_int_equal(status.state, COMPONENT_DIFFERENT);
        assert_string_equal(status.version, "0.9");
        assert_non_null(strstr(status.message, "run: sudo banger system restart"));
        clear(&status);
}

static void a_helper_that_serves_somebody_else_is_degraded(_unused_ void **state) {
        ComponentStatus status = helper(&(HelperSeen) {.version = "1.0", .owner_uid = 1001});

        assert_int_equal(status.state, COMPONENT_DEGRADED);
        assert_non_null(strstr(status.message, "1001"));
        clear(&status);
}

static void a_helper_that_does_not_answer_is_unreachable_with_the_reason(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        ComponentStatus status;

        (void) error_set(&error, ERROR_UNREACHABLE, ECONNREFUSED, "nobody listens");
        status = helper(&(HelperSeen) {.r = -ECONNREFUSED, .error = &error});
        assert_int_equal(status.state, COMPONENT_UNREACHABLE);
        assert_null(status.version);
        assert_non_null(strstr(status.message, "nobody listens"));
        assert_non_null(strstr(status.message, "run: "));
        clear(&status);
}

static void the_hint_of_an_error_is_kept(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        ComponentStatus status;

        (void) error_set(&error, ERROR_UNREACHABLE, ECONNREFUSED, "nobody listens");
        (void) error_set_hint(&error, -ECONNREFUSED, "run: make it so");
        status = helper(&(HelperSeen) {.r = -ECONNREFUSED, .error = &error});
        assert_non_null(strstr(status.message, "run: make it so"));
        clear(&status);
}

static void an_error_without_a_message_is_told_by_its_number(_unused_ void **state) {
        Error error = ERROR_INIT;
        ComponentStatus status = helper(&(HelperSeen) {.r = -ETIMEDOUT, .error = &error});

        assert_non_null(strstr(status.message, "timed out"));
        clear(&status);
}

static void the_daemon_that_was_installed_last_is_ok(_unused_ void **state) {
        char version[] = "1.0";
        const InstallConf install = {.version = version};
        ComponentStatus status = {};

        assert_int_equal(component_self("1.0", &install, &status), 0);
        assert_int_equal(status.state, COMPONENT_OK);
        assert_string_equal(status.name, "bangerd");
        clear(&status);
}

static void a_daemon_that_runs_on_after_an_upgrade_is_different(_unused_ void **state) {
        char version[] = "1.1";
        const InstallConf install = {.version = version};
        ComponentStatus status = {};

        assert_int_equal(component_self("1.0", &install, &status), 0);
        assert_int_equal(status.state, COMPONENT_DIFFERENT);
        assert_non_null(strstr(status.message, "1.1 is installed, 1.0 runs"));
        clear(&status);
}

static void an_installation_that_tells_no_version_is_ok(_unused_ void **state) {
        const InstallConf install = {};
        ComponentStatus status = {};

        assert_int_equal(component_self("1.0", &install, &status), 0);
        assert_int_equal(status.state, COMPONENT_OK);
        clear(&status);
}

static ComponentStatus names(const NamesSeen *seen) {
        ComponentStatus status = {};

        assert_int_equal(component_names(seen, &status), 0);
        assert_string_equal(status.name, "dns");
        assert_null(status.version);
        return status;
}

static void names_that_resolve_are_ok(_unused_ void **state) {
        ComponentStatus status = names(&(NamesSeen) {.served = true, .asked = true});

        assert_int_equal(status.state, COMPONENT_OK);
        assert_null(status.message);
        clear(&status);
}

static void names_without_resolved_are_degraded_with_its_remedy(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        ComponentStatus status;

        (void) error_set(&error, ERROR_UNAVAILABLE, ESRCH, "systemd-resolved is not running");
        (void) error_set_hint(&error, -ESRCH, "run: start it");
        status = names(&(NamesSeen) {.served = true, .asked = true, .r = -ESRCH, .error = &error});
        assert_int_equal(status.state, COMPONENT_DEGRADED);
        assert_string_equal(status.message, "names like NAME.vm do not resolve: "
                                            "systemd-resolved is not running; run: start it");
        clear(&status);
}

static void names_that_resolved_is_being_told_of_are_no_trouble(_unused_ void **state) {
        ComponentStatus status = names(&(NamesSeen) {.served = true});

        assert_int_equal(status.state, COMPONENT_OK);
        assert_non_null(status.message);
        clear(&status);
}

static void names_without_a_port_are_degraded(_unused_ void **state) {
        ComponentStatus status = names(&(NamesSeen) {.asked = true});

        assert_int_equal(status.state, COMPONENT_DEGRADED);
        assert_non_null(strstr(status.message, "127.0.0.1:42069"));
        clear(&status);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_helper_of_the_same_version_and_owner_is_ok),
                cmocka_unit_test(a_helper_of_another_version_is_different),
                cmocka_unit_test(a_helper_that_serves_somebody_else_is_degraded),
                cmocka_unit_test(a_helper_that_does_not_answer_is_unreachable_with_the_reason),
                cmocka_unit_test(the_hint_of_an_error_is_kept),
                cmocka_unit_test(an_error_without_a_message_is_told_by_its_number),
                cmocka_unit_test(the_daemon_that_was_installed_last_is_ok),
                cmocka_unit_test(a_daemon_that_runs_on_after_an_upgrade_is_different),
                cmocka_unit_test(names_that_resolve_are_ok),
                cmocka_unit_test(names_without_resolved_are_degraded_with_its_remedy),
                cmocka_unit_test(names_that_resolved_is_being_told_of_are_no_trouble),
                cmocka_unit_test(names_without_a_port_are_degraded),
                cmocka_unit_test(an_installation_that_tells_no_version_is_ok),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
