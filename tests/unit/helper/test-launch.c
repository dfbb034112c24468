#include <pty.h>
#include <signal.h>
#include <sys/sysmacros.h>

#include "common/clock.h"
#include "helper/launch.h"
#include "tests/unit/helper/fake-systemd.h"

typedef struct Launched {
        sd_bus *bus;
        sd_bus_message *call;
        Programs programs;
        LaunchPlan plan;
        int pipe[2], pty[2], nobody[2];
} Launched;

static int setup(void **state) {
        Launched *launched = calloc(1, sizeof(*launched));

        assert_non_null(launched);
        assert_int_equal(pipe2(launched->pipe, O_CLOEXEC), 0);
        assert_int_equal(openpty(&launched->pty[0], &launched->pty[1], NULL, NULL, NULL), 0);
        /* Nobody answers on it: calls are made, not sent. */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, launched->nobody), 0);
        assert_true(sd_bus_new(&launched->bus) >= 0);
        assert_true(sd_bus_set_fd(launched->bus, launched->nobody[0], launched->nobody[0]) >= 0);
        assert_true(sd_bus_start(launched->bus) >= 0);
        (void) snprintf(launched->programs.firecracker, PROGRAM_PATH_MAX, "/opt/firecracker");
        (void) snprintf(launched->programs.jailer, PROGRAM_PATH_MAX, "/opt/jailer");
        launched->plan = (LaunchPlan) {
                .vm = "0123456789",
                .unit = "banger-vm-0123456789.service",
                .jails = "/state/jails",
                .uid = 60579,
                .drives = {[DEVICE_ROOT] = makedev(253, 7)},
                .vcpus = 2,
                .memory_mib = 256,
                .programs = &launched->programs,
                .console_fd = launched->pty[1],
                .log_fd = launched->pipe[1],
        };
        *state = launched;
        return 0;
}

static int teardown(void **state) {
        Launched *launched = *state;

        sd_bus_message_unref(launched->call);
        sd_bus_close_unref(launched->bus);
        close_fd(launched->nobody[1]);
        for (int i = 0; i < 2; i++) {
                close_fd(launched->pipe[i]);
                close_fd(launched->pty[i]);
        }
        free(launched);
        return 0;
}

/* Makes the call and goes to the value of a property, if it is there `nth` times at least. */
static bool find_property(Launched *launched, const char *wanted, int nth, const char *type) {
        const char *unit, *mode, *name;

        launched->call = sd_bus_message_unref(launched->call);
        assert_int_equal(sd_bus_message_new_method_call(launched->bus, &launched->call, BUS_SYSTEMD,
                                                        BUS_MANAGER_PATH, BUS_MANAGER,
                                                        "StartTransientUnit"),
                         0);
        assert_true(launch_append_unit(launched->call, &launched->plan) >= 0);
        assert_true(sd_bus_message_seal(launched->call, 1, 0) >= 0);
        assert_string_equal(sd_bus_message_get_signature(launched->call, 1), "ssa(sv)a(sa(sv))");
        assert_true(sd_bus_message_rewind(launched->call, 1) >= 0);
        assert_true(sd_bus_message_read(launched->call, "ss", &unit, &mode) > 0);
        assert_string_equal(unit, "banger-vm-0123456789.service");
        assert_string_equal(mode, "fail");
        assert_true(sd_bus_message_enter_container(launched->call, 'a', "(sv)") > 0);
        while (sd_bus_message_enter_container(launched->call, 'r', "sv") > 0) {
                assert_true(sd_bus_message_read(launched->call, "s", &name) > 0);
                if (string_equal(name, wanted) && nth-- == 1) {
                        assert_true(sd_bus_message_enter_container(launched->call, 'v', type) > 0);
                        return true;
                }
                assert_true(sd_bus_message_skip(launched->call, "v") > 0);
                assert_true(sd_bus_message_exit_container(launched->call) > 0);
        }
        return false;
}

static void open_property(Launched *launched, const char *wanted, int nth, const char *type) {
        if (!find_property(launched, wanted, nth, type))
                fail_msg("there is no %s", wanted);
}

static uint64_t number(Launched *launched, const char *name) {
        uint64_t value = 0;

        open_property(launched, name, 1, "t");
        assert_true(sd_bus_message_read(launched->call, "t", &value) > 0);
        return value;
}

static void assert_text(Launched *launched, const char *name, const char *wanted) {
        const char *value = NULL;

        open_property(launched, name, 1, "s");
        assert_true(sd_bus_message_read(launched->call, "s", &value) > 0);
        assert_string_equal(value, wanted);
}

static void assert_on(Launched *launched, const char *name) {
        int value = 0;

        open_property(launched, name, 1, "b");
        assert_true(sd_bus_message_read(launched->call, "b", &value) > 0);
        assert_true(value);
}

static void the_jailer_is_run_with_what_derives_from_the_vm(void **state) {
        static const char *const wanted[] = {
                "/opt/jailer", "--id", "0123456789", "--exec-file", "/opt/firecracker", "--uid",
                "60579", "--gid", "60579", "--chroot-base-dir", "/state/jails", "--", "--api-sock",
                "/run/firecracker.socket", "--level", "Warn"};
        Launched *launched = *state;
        const char *path, *word;
        size_t n = 0;

        open_property(launched, "ExecStart", 1, "a(sasb)");
        assert_true(sd_bus_message_enter_container(launched->call, 'a', "(sasb)") > 0);
        assert_true(sd_bus_message_enter_container(launched->call, 'r', "sasb") > 0);
        assert_true(sd_bus_message_read(launched->call, "s", &path) > 0);
        assert_string_equal(path, "/opt/jailer");
        assert_true(sd_bus_message_enter_container(launched->call, 'a', "s") > 0);
        while (sd_bus_message_read(launched->call, "s", &word) > 0) {
                assert_true(n < ELEMENTSOF(wanted));
                assert_string_equal(word, wanted[n++]);
        }
        assert_int_equal(n, ELEMENTSOF(wanted));
}

/* systemd would keep console and log open, and bangerd would not see that the VMM has ended. */
static void it_does_not_outlive_its_process(void **state) {
        assert_false(find_property(*state, "RemainAfterExit", 1, "b"));
        assert_text(*state, "Type", "exec");
}

static void memory_tasks_and_processors_are_bounded(void **state) {
        assert_int_equal(number(*state, "MemoryMax"), UINT64_C(384) << 20);
        assert_int_equal(number(*state, "TasksMax"), 18);
        assert_int_equal(number(*state, "CPUQuotaPerSecUSec"), 3000000);
}

static void assert_devices(Launched *launched, int nth, const char *const *wanted, size_t n_wanted,
                           const char *wanted_access) {
        const char *path, *access = NULL;
        size_t n = 0;

        open_property(launched, "DeviceAllow", nth, "a(ss)");
        assert_true(sd_bus_message_enter_container(launched->call, 'a', "(ss)") > 0);
        while (sd_bus_message_read(launched->call, "(ss)", &path, &access) > 0) {
                assert_true(n < n_wanted);
                assert_string_equal(path, wanted[n++]);
                assert_string_equal(access, wanted_access);
        }
        assert_int_equal(n, n_wanted);
}

static void it_may_use_its_own_disk_and_no_other(void **state) {
        static const char *const all[] = {"/dev/kvm", "/dev/net/tun", "/dev/urandom",
                                          "/dev/userfaultfd"};
        static const char *const root[] = {"/dev/block/253:7"};
        Launched *launched = *state;

        assert_text(launched, "DevicePolicy", "closed");
        assert_devices(launched, 1, all, ELEMENTSOF(all), "rwm");
        assert_devices(launched, 2, root, 1, "rw");
        assert_false(find_property(launched, "DeviceAllow", 3, "a(ss)"));
}

static void it_may_use_its_work_disk_if_it_has_one(void **state) {
        static const char *const work[] = {"/dev/block/253:9"};
        Launched *launched = *state;

        launched->plan.drives[DEVICE_WORK] = makedev(253, 9);
        assert_devices(launched, 3, work, 1, "rw");
        assert_false(find_property(launched, "DeviceAllow", 4, "a(ss)"));
}

static void system_calls_are_a_list_less_another(void **state) {
        Launched *launched = *state;
        int allowed = -1;

        open_property(launched, "SystemCallFilter", 1, "(bas)");
        assert_true(sd_bus_message_enter_container(launched->call, 'r', "bas") > 0);
        assert_true(sd_bus_message_read(launched->call, "b", &allowed) > 0);
        assert_int_equal(allowed, 1);
        open_property(launched, "SystemCallFilter", 2, "(bas)");
        assert_true(sd_bus_message_enter_container(launched->call, 'r', "bas") > 0);
        assert_true(sd_bus_message_read(launched->call, "b", &allowed) > 0);
        assert_int_equal(allowed, 0);
}

static void both_address_families_are_denied_whole(void **state) {
        Launched *launched = *state;
        const void *address;
        uint32_t prefix;
        size_t size;
        int family;

        open_property(launched, "IPAddressDeny", 1, "a(iayu)");
        assert_true(sd_bus_message_enter_container(launched->call, 'a', "(iayu)") > 0);
        for (int i = 0; i < 2; i++) {
                assert_true(sd_bus_message_enter_container(launched->call, 'r', "iayu") > 0);
                assert_true(sd_bus_message_read(launched->call, "i", &family) > 0);
                assert_int_equal(family, i == 0 ? AF_INET : AF_INET6);
                assert_true(sd_bus_message_read_array(launched->call, 'y', &address, &size) > 0);
                assert_int_equal(size, i == 0 ? 4 : 16);
                assert_true(sd_bus_message_read(launched->call, "u", &prefix) > 0);
                assert_int_equal(prefix, 0);
                assert_true(sd_bus_message_exit_container(launched->call) > 0);
        }
        assert_true(sd_bus_message_at_end(launched->call, 0) > 0);
}

static void the_sandbox_is_on(void **state) {
        static const char *const on[] = {
                "NoNewPrivileges", "PrivateTmp", "PrivateIPC", "PrivateMounts",
                "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs",
                "ProtectControlGroups", "ProtectClock", "ProtectHostname", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
                "MemoryDenyWriteExecute"};

        for (size_t i = 0; i < ELEMENTSOF(on); i++)
                assert_on(*state, on[i]);
        assert_text(*state, "ProtectSystem", "strict");
        assert_text(*state, "ProtectHome", "yes");
        assert_text(*state, "Slice", "banger.slice");
}

static void a_terminal_and_a_pipe_are_taken_as_stdio(void **state) {
        const Launched *launched = *state;

        assert_int_equal(launch_check_stdio(launched->pty[1], launched->pipe[1], NULL), 0);
}

static void what_is_no_terminal_is_refused_as_the_console(void **state) {
        const Launched *launched = *state;
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(launch_check_stdio(null, launched->pipe[1], &error), -EINVAL);
        assert_int_equal(error.kind, ERROR_INVALID_PARAMETER);
        assert_int_equal(launch_check_stdio(launched->pipe[1], launched->pipe[1], NULL), -EINVAL);
        assert_int_equal(launch_check_stdio(-1, launched->pipe[1], NULL), -EINVAL);
        /* the master is not the far end */
        assert_int_equal(launch_check_stdio(launched->pty[0], launched->pipe[1], NULL), -EINVAL);
}

static void what_is_no_pipe_to_write_to_is_refused_as_the_log(void **state) {
        const Launched *launched = *state;
        _cleanup_close_ int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

        assert_int_equal(launch_check_stdio(launched->pty[1], launched->pipe[0], NULL), -EINVAL);
        assert_int_equal(launch_check_stdio(launched->pty[1], file, NULL), -EINVAL);
        assert_int_equal(launch_check_stdio(launched->pty[1], -1, NULL), -EINVAL);
}

static const VmId vm = {.text = "0123456789"};

static int await(const Step *steps, size_t n_steps, uint64_t deadline_usec, Error *error) {
        Systemd systemd = systemd_start(steps, n_steps);
        int r = launch_await(systemd.bus, &vm, "/opt/jailer", deadline_usec, error);

        systemd_finish(&systemd);
        return r;
}

static uint64_t in_time(void) {
        return clock_monotonic_usec() + 20 * USEC_PER_SEC;
}

static void a_unit_that_runs_has_been_launched(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "activating"},
                                     {"SubState", .text = "start", .changes = true},
                                     {"ActiveState", .text = "active"},
                                     {"SubState", .text = "running"}};

        assert_int_equal(await(steps, ELEMENTSOF(steps), in_time(), NULL), 0);
}

#define FAILED_WITH(status)                                                                        \
        {"ActiveState", .text = "failed"}, {"SubState", .text = "failed"},                         \
                {"Result", .text = "exit-code"}, {"ExecMainCode", .number = 1},                    \
                {"ExecMainStatus", .number = (status)}, {.call = "ResetFailedUnit"}

static void a_jailer_that_ends_is_told_with_its_status_and_forgotten(_unused_ void **state) {
        static const Step steps[] = {FAILED_WITH(1)};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(await(steps, ELEMENTSOF(steps), in_time(), &error), -EIO);
        assert_int_equal(error.kind, ERROR_FAILED);
        assert_string_equal(error.message, "/opt/jailer ended at once: exit-code, status 1");
        assert_non_null(strstr(error.hint, "sudo journalctl -u " UNIT));
}

static void a_jailer_that_cannot_be_executed_is_told_and_forgotten(_unused_ void **state) {
        static const Step steps[] = {FAILED_WITH(203)};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(await(steps, ELEMENTSOF(steps), in_time(), &error), -EIO);
        assert_string_equal(error.message, "systemd cannot execute /opt/jailer");
        assert_non_null(strstr(error.hint, "sudo journalctl -u " UNIT));
}

static void a_jailer_that_ended_well_is_gone_and_not_launched(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "inactive"}, {"Job", .number = 0}};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(await(steps, ELEMENTSOF(steps), in_time(), &error), -EIO);
        assert_string_equal(error.message, "/opt/jailer ended at once");
}

static void a_start_that_takes_too_long_is_killed(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .text = "activating"},
                                     {"SubState", .text = "start"},
                                     {"KillUnit", .number = SIGKILL}};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(await(steps, ELEMENTSOF(steps), 0, &error), -ETIMEDOUT);
        assert_int_equal(error.kind, ERROR_TIMED_OUT);
}

static void a_start_that_cannot_be_watched_is_killed(_unused_ void **state) {
        static const Step steps[] = {{"ActiveState", .error = SD_BUS_ERROR_ACCESS_DENIED},
                                     {"KillUnit", .number = SIGKILL,
                                      .error = "org.freedesktop.systemd1.NoSuchProcess"}};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(await(steps, ELEMENTSOF(steps), in_time(), &error), -EACCES);
        assert_string_equal(error.message, "systemd: as scripted");
}

#define LAUNCH_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LAUNCH_TEST(the_jailer_is_run_with_what_derives_from_the_vm),
                LAUNCH_TEST(it_does_not_outlive_its_process),
                LAUNCH_TEST(memory_tasks_and_processors_are_bounded),
                LAUNCH_TEST(it_may_use_its_own_disk_and_no_other),
                LAUNCH_TEST(it_may_use_its_work_disk_if_it_has_one),
                LAUNCH_TEST(system_calls_are_a_list_less_another),
                LAUNCH_TEST(both_address_families_are_denied_whole),
                LAUNCH_TEST(the_sandbox_is_on),
                LAUNCH_TEST(a_terminal_and_a_pipe_are_taken_as_stdio),
                LAUNCH_TEST(what_is_no_terminal_is_refused_as_the_console),
                LAUNCH_TEST(what_is_no_pipe_to_write_to_is_refused_as_the_log),
                cmocka_unit_test(a_unit_that_runs_has_been_launched),
                cmocka_unit_test(a_jailer_that_ends_is_told_with_its_status_and_forgotten),
                cmocka_unit_test(a_jailer_that_cannot_be_executed_is_told_and_forgotten),
                cmocka_unit_test(a_jailer_that_ended_well_is_gone_and_not_launched),
                cmocka_unit_test(a_start_that_takes_too_long_is_killed),
                cmocka_unit_test(a_start_that_cannot_be_watched_is_killed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
