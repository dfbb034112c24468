#include <signal.h>

#include "common/clock.h"
#include "tests/unit/helper/fake-systemd.h"

static const VmId vm = {.text = "0123456789"};

static UnitStatus status_of(const Step *steps, size_t n_steps) {
        Systemd systemd = systemd_start(steps, n_steps);
        UnitStatus status = {};

        assert_int_equal(units_status(systemd.bus, &vm, &status, NULL), 0);
        systemd_finish(&systemd);
        return status;
}

static void a_unit_that_runs_is_active(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "active"},
                                     {"SubState", .text = "running"}};
        UnitStatus status = status_of(steps, ELEMENTSOF(steps));

        assert_int_equal(status.state, ROOT_UNIT_ACTIVE);
        assert_false(status.starting);
}

static void a_unit_that_nobody_knows_is_absent(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "inactive"}, {"Job", .number = 0}};

        assert_int_equal(status_of(steps, ELEMENTSOF(steps)).state, ROOT_UNIT_ABSENT);
}

static void a_unit_whose_start_waits_is_not_absent(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "inactive"}, {"Job", .number = 42}};
        UnitStatus status = status_of(steps, ELEMENTSOF(steps));

        assert_int_equal(status.state, ROOT_UNIT_ACTIVE);
        assert_true(status.starting);
}

static void a_vmm_that_ended_well_has_ended(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "active"},
                                     {"SubState", .text = "exited"},
                                     {"Result", .text = "success"},
                                     {"ExecMainCode", .number = 1},
                                     {"ExecMainStatus", .number = 0}};
        UnitStatus status = status_of(steps, ELEMENTSOF(steps));

        assert_int_equal(status.state, ROOT_UNIT_ENDED);
        assert_false(status.failed);
        assert_string_equal(status.result, "success");
}

static void a_vmm_that_was_killed_has_ended_with_its_signal(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "failed"},
                                     {"SubState", .text = "failed"},
                                     {"Result", .text = "signal"},
                                     {"ExecMainCode", .number = 2},
                                     {"ExecMainStatus", .number = 9}};
        UnitStatus status = status_of(steps, ELEMENTSOF(steps));

        assert_int_equal(status.state, ROOT_UNIT_ENDED);
        assert_true(status.failed);
        assert_int_equal(status.exit_status, 9);
}

static void a_wait_for_the_end_is_woken_by_the_change(_unused_ void **state) {
        static const Step steps[] = {{.call = "Subscribe"},
                                     {"ActiveState", .text = "active"},
                                     {"SubState", .text = "running", .changes = true},
                                     {"ActiveState", .text = "inactive"},
                                     {"Job", .number = 0}};
        const UnitWait wait = {.deadline_usec = UINT64_MAX, .cancel_fd = -1};
        Systemd systemd = systemd_start(steps, ELEMENTSOF(steps));
        UnitStatus status = {};

        assert_int_equal(units_watch(systemd.bus, &vm, NULL), 0);
        assert_int_equal(units_wait_end(systemd.bus, &vm, &wait, &status, NULL), 0);
        assert_int_equal(status.state, ROOT_UNIT_ABSENT);
        systemd_finish(&systemd);
}

static void a_wait_ends_at_its_deadline(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "active"},
                                     {"SubState", .text = "running"}};
        const UnitWait wait = {.deadline_usec = clock_monotonic_usec(), .cancel_fd = -1};
        Systemd systemd = systemd_start(steps, ELEMENTSOF(steps));
        _cleanup_error_ Error error = ERROR_INIT;
        UnitStatus status;

        assert_int_equal(units_wait_end(systemd.bus, &vm, &wait, &status, &error), -ETIMEDOUT);
        assert_int_equal(error.kind, ERROR_TIMED_OUT);
        systemd_finish(&systemd);
}

static void a_wait_ends_when_the_caller_hangs_up(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "active"},
                                     {"SubState", .text = "running"}};
        UnitWait wait = {.deadline_usec = UINT64_MAX};
        Systemd systemd = systemd_start(steps, ELEMENTSOF(steps));
        _cleanup_error_ Error error = ERROR_INIT;
        UnitStatus status;
        int client[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
        close_fd(client[1]);
        wait.cancel_fd = client[0];
        assert_int_equal(units_wait_end(systemd.bus, &vm, &wait, &status, &error), -ECANCELED);
        assert_int_equal(error.kind, ERROR_CANCELED);
        close_fd(client[0]);
        systemd_finish(&systemd);
}

static int kill_with(const Step *step, Error *error) {
        Systemd systemd = systemd_start(step, 1);
        int r = units_kill(systemd.bus, &vm, SIGTERM, error);

        systemd_finish(&systemd);
        return r;
}

static int check_idle(const Step *steps, size_t n_steps) {
        Systemd systemd = systemd_start(steps, n_steps);
        int r = units_check_idle(systemd.bus, &vm, NULL);

        systemd_finish(&systemd);
        return r;
}

static void a_unit_that_is_not_loaded_is_idle_without_more_questions(_unused_ void **state) {
        static const Step steps[] = {
                {"GetUnit", .error = "org.freedesktop.systemd1.NoSuchUnit"}};

        assert_int_equal(check_idle(steps, ELEMENTSOF(steps)), 0);
}

static void a_unit_that_runs_or_is_about_to_is_not_idle(_unused_ void **state) {
        static const Step running[] = {{.call = "GetUnit"},
                                       {"ActiveState", .text = "active"},
                                       {"SubState", .text = "running"}};
        static const Step waiting[] = {{.call = "GetUnit"},
                                       {"ActiveState", .text = "inactive"},
                                       {"Job", .number = 42}};

        assert_int_equal(check_idle(running, ELEMENTSOF(running)), -EBUSY);
        assert_int_equal(check_idle(waiting, ELEMENTSOF(waiting)), -EBUSY);
}

static void a_unit_that_is_loaded_but_has_ended_is_idle(_unused_ void **state) {
        static const Step steps[] = {{.call = "GetUnit"},
                                     {"ActiveState", .text = "failed"},
                                     {"SubState", .text = "failed"},
                                     {"Result", .text = "signal"},
                                     {"ExecMainCode", .number = 2},
                                     {"ExecMainStatus", .number = 9}};

        assert_int_equal(check_idle(steps, ELEMENTSOF(steps)), 0);
}

static void a_unit_that_cannot_be_asked_for_is_not_idle(_unused_ void **state) {
        static const Step steps[] = {{"GetUnit", .error = SD_BUS_ERROR_ACCESS_DENIED}};

        assert_int_equal(check_idle(steps, ELEMENTSOF(steps)), -EACCES);
}

static void the_signal_goes_to_the_main_process(_unused_ void **state) {
        assert_int_equal(kill_with(&(Step) {"KillUnit", .number = SIGTERM}, NULL), 0);
}

static void killing_what_is_gone_succeeds(_unused_ void **state) {
        assert_int_equal(kill_with(&(Step) {"KillUnit",
                                            .error = "org.freedesktop.systemd1.NoSuchUnit"},
                                   NULL),
                         0);
        assert_int_equal(kill_with(&(Step) {"KillUnit",
                                            .error = "org.freedesktop.systemd1.NoSuchProcess"},
                                   NULL),
                         0);
}

static void what_systemd_says_against_a_signal_is_told(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(kill_with(&(Step) {"KillUnit", .error = SD_BUS_ERROR_ACCESS_DENIED}, &error),
                         -EACCES);
        assert_string_equal(error.message, "systemd: as scripted");
}

static void a_failed_unit_is_reset(_unused_ void **state) {
        static const Step steps[] = {{.call = "ResetFailedUnit"}};
        const UnitStatus status = {.state = ROOT_UNIT_ENDED, .failed = true};
        Systemd systemd = systemd_start(steps, ELEMENTSOF(steps));

        assert_int_equal(units_forget(systemd.bus, &vm, &status, NULL), 0);
        systemd_finish(&systemd);
}

static void a_unit_that_ended_well_is_stopped_until_it_is_gone(_unused_ void **state) {
        static const Step steps[] = {{.call = "StopUnit"},
                                     {"ActiveState", .text = "inactive"},
                                     {"Job", .number = 0}};
        const UnitStatus status = {.state = ROOT_UNIT_ENDED};
        Systemd systemd = systemd_start(steps, ELEMENTSOF(steps));

        assert_int_equal(units_forget(systemd.bus, &vm, &status, NULL), 0);
        systemd_finish(&systemd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_unit_that_runs_is_active),
                cmocka_unit_test(a_unit_that_nobody_knows_is_absent),
                cmocka_unit_test(a_unit_whose_start_waits_is_not_absent),
                cmocka_unit_test(a_vmm_that_ended_well_has_ended),
                cmocka_unit_test(a_vmm_that_was_killed_has_ended_with_its_signal),
                cmocka_unit_test(a_wait_for_the_end_is_woken_by_the_change),
                cmocka_unit_test(a_wait_ends_at_its_deadline),
                cmocka_unit_test(a_wait_ends_when_the_caller_hangs_up),
                cmocka_unit_test(a_unit_that_is_not_loaded_is_idle_without_more_questions),
                cmocka_unit_test(a_unit_that_runs_or_is_about_to_is_not_idle),
                cmocka_unit_test(a_unit_that_is_loaded_but_has_ended_is_idle),
                cmocka_unit_test(a_unit_that_cannot_be_asked_for_is_not_idle),
                cmocka_unit_test(the_signal_goes_to_the_main_process),
                cmocka_unit_test(killing_what_is_gone_succeeds),
                cmocka_unit_test(what_systemd_says_against_a_signal_is_told),
                cmocka_unit_test(a_failed_unit_is_reset),
                cmocka_unit_test(a_unit_that_ended_well_is_stopped_until_it_is_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
