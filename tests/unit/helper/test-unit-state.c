#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-id128.h>

#include "common/clock.h"
#include "common/strings.h"
#include "helper/units.h"
#include "tests/unit/helper/fixture.h"

#define UNIT "banger-vm-0123456789.service"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/banger_2dvm_2d0123456789_2eservice"

/* A call that systemd must get next, and its answer. Properties are named by themselves. */
typedef struct Step {
        const char *call;
        const char *text;   /* the property, where it is one */
        int number;         /* likewise; for KillUnit the signal */
        const char *error;  /* D-Bus error name */
        bool changes;       /* a signal that the unit changed follows */
} Step;

typedef struct Script {
        const Step *steps;
        size_t n_steps;
} Script;

static const VmId vm = {.text = "0123456789"};

static int answer_property(sd_bus_message *call, const char *name, const Step *step) {
        if (string_equal(name, "Job"))
                return sd_bus_reply_method_return(call, "v", "(uo)", (uint32_t) step->number, "/");
        if (step->text)
                return sd_bus_reply_method_return(call, "v", "s", step->text);
        return sd_bus_reply_method_return(call, "v", "i", step->number);
}

static int answer_call(sd_bus_message *call, const char *member, const Step *step) {
        const char *unit = NULL, *who = NULL;
        int signal = 0;

        if (!string_equal(member, "Subscribe") &&
            (sd_bus_message_read(call, "s", &unit) <= 0 || !string_equal(unit, UNIT)))
                return -EINVAL;
        if (string_equal(member, "KillUnit") &&
            (sd_bus_message_read(call, "si", &who, &signal) <= 0 || signal != step->number ||
             !string_equal(who, "main")))
                return -EINVAL;
        return sd_bus_reply_method_return(call, "");
}

static int answer(sd_bus *bus, sd_bus_message *call, const Step *step) {
        const char *member = sd_bus_message_get_member(call), *property = NULL;
        int r;

        if (string_equal(member, "Get")) {
                if (sd_bus_message_read(call, "ss", NULL, &property) <= 0)
                        return -EINVAL;
        }
        if (!string_equal(property ? property : member, step->call))
                return -EINVAL;
        if (step->error)
                return sd_bus_reply_method_errorf(call, step->error, "as scripted");
        r = property ? answer_property(call, property, step) : answer_call(call, member, step);
        if (r < 0 || !step->changes)
                return r;
        return sd_bus_emit_signal(bus, UNIT_PATH, "org.freedesktop.DBus.Properties",
                                  "PropertiesChanged", "sa{sv}as", "org.freedesktop.systemd1.Unit",
                                  0, 0);
}

/* systemd, in a process of its own: exits with 0 when it was asked all of the script, no more. */
static void serve(int fd, const Script *script) {
        sd_id128_t id = {};
        sd_bus *bus = NULL;
        size_t next = 0;
        int r;

        if (sd_id128_randomize(&id) < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
            sd_bus_set_server(bus, 1, id) < 0 || sd_bus_start(bus) < 0)
                _exit(1);
        for (;;) {
                sd_bus_message *message = NULL;

                r = sd_bus_process(bus, &message);
                if (r < 0)
                        _exit(next == script->n_steps ? 0 : 2);
                if (message && sd_bus_message_is_method_call(message, NULL, NULL) > 0 &&
                    (next == script->n_steps || answer(bus, message, &script->steps[next++]) < 0))
                        _exit(3);
                sd_bus_message_unref(message);
                if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
                        _exit(next == script->n_steps ? 0 : 2);
        }
}

typedef struct Systemd {
        sd_bus *bus;
        pid_t pid;
} Systemd;

static Systemd start(const Step *steps, size_t n_steps) {
        const Script script = {.steps = steps, .n_steps = n_steps};
        Systemd systemd = {};
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        systemd.pid = fork();
        assert_true(systemd.pid >= 0);
        if (systemd.pid == 0) {
                close_fd(fds[0]);
                serve(fds[1], &script);
        }
        close_fd(fds[1]);
        assert_true(sd_bus_new(&systemd.bus) >= 0);
        assert_true(sd_bus_set_fd(systemd.bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(systemd.bus) >= 0);
        return systemd;
}

static void finish(Systemd *systemd) {
        int status = -1;

        sd_bus_close_unref(systemd->bus);
        assert_int_equal(waitpid(systemd->pid, &status, 0), systemd->pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static UnitStatus status_of(const Step *steps, size_t n_steps) {
        Systemd systemd = start(steps, n_steps);
        UnitStatus status = {};

        assert_int_equal(units_status(systemd.bus, &vm, &status, NULL), 0);
        finish(&systemd);
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
        Systemd systemd = start(steps, ELEMENTSOF(steps));
        UnitStatus status = {};

        assert_int_equal(units_watch(systemd.bus, &vm, NULL), 0);
        assert_int_equal(units_wait_end(systemd.bus, &vm, &wait, &status, NULL), 0);
        assert_int_equal(status.state, ROOT_UNIT_ABSENT);
        finish(&systemd);
}

static void a_wait_ends_at_its_deadline(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "active"},
                                     {"SubState", .text = "running"}};
        const UnitWait wait = {.deadline_usec = clock_monotonic_usec(), .cancel_fd = -1};
        Systemd systemd = start(steps, ELEMENTSOF(steps));
        _cleanup_error_ Error error = ERROR_INIT;
        UnitStatus status;

        assert_int_equal(units_wait_end(systemd.bus, &vm, &wait, &status, &error), -ETIMEDOUT);
        assert_int_equal(error.kind, ERROR_TIMED_OUT);
        finish(&systemd);
}

static void a_wait_ends_when_the_caller_hangs_up(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "active"},
                                     {"SubState", .text = "running"}};
        UnitWait wait = {.deadline_usec = UINT64_MAX};
        Systemd systemd = start(steps, ELEMENTSOF(steps));
        _cleanup_error_ Error error = ERROR_INIT;
        UnitStatus status;
        int client[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
        close_fd(client[1]);
        wait.cancel_fd = client[0];
        assert_int_equal(units_wait_end(systemd.bus, &vm, &wait, &status, &error), -ECANCELED);
        assert_int_equal(error.kind, ERROR_CANCELED);
        close_fd(client[0]);
        finish(&systemd);
}

static int kill_with(const Step *step, Error *error) {
        Systemd systemd = start(step, 1);
        int r = units_kill(systemd.bus, &vm, SIGTERM, error);

        finish(&systemd);
        return r;
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
        Systemd systemd = start(steps, ELEMENTSOF(steps));

        assert_int_equal(units_forget(systemd.bus, &vm, &status, NULL), 0);
        finish(&systemd);
}

static void a_unit_that_ended_well_is_stopped_until_it_is_gone(_unused_ void **state) {
        static const Step steps[] = {{.call = "StopUnit"},
                                     {"ActiveState", .text = "inactive"},
                                     {"Job", .number = 0}};
        const UnitStatus status = {.state = ROOT_UNIT_ENDED};
        Systemd systemd = start(steps, ELEMENTSOF(steps));

        assert_int_equal(units_forget(systemd.bus, &vm, &status, NULL), 0);
        finish(&systemd);
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
                cmocka_unit_test(the_signal_goes_to_the_main_process),
                cmocka_unit_test(killing_what_is_gone_succeeds),
                cmocka_unit_test(what_systemd_says_against_a_signal_is_told),
                cmocka_unit_test(a_failed_unit_is_reset),
                cmocka_unit_test(a_unit_that_ended_well_is_stopped_until_it_is_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
