#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "tests/unit/cli/fixture.h"

/* ---- a manager at the other end of a socket pair, in a process of its own ---- */

static int refuse_unknown(sd_bus_error *error) {
        return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit",
                                "Unit unknown.service not loaded.");
}

/* The job's end is told before the call is answered, as a quick job's may be. */
static int on_job(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
        const char *unit, *mode;
        int r;

        (void) userdata;
        if (sd_bus_message_read(call, "ss", &unit, &mode) < 0 || !string_equal(mode, "replace"))
                return sd_bus_error_set(error, "test.Bad", "bad call");
        if (string_equal(unit, "unknown.service"))
                return refuse_unknown(error);

        for (unsigned job = 1; job <= 2; job++) {
                const char *result = string_equal(unit, "bad.service") ? "failed" : "done";

                signal = sd_bus_message_unref(signal);
                r = sd_bus_message_new_signal(sd_bus_message_get_bus(call), &signal,
                                              "/org/freedesktop/systemd1",
                                              "org.freedesktop.systemd1.Manager", "JobRemoved");
                if (r >= 0)
                        r = sd_bus_message_set_sender(signal, "org.freedesktop.systemd1");
                /* The first is of somebody else's job. */
                if (r >= 0)
                        r = sd_bus_message_append(signal, "uoss", job,
                                                  job == 1 ? "/job/1" : "/job/2", unit,
                                                  job == 1 ? "canceled" : result);
                if (r >= 0)
                        r = sd_bus_send(NULL, signal, NULL);
                if (r < 0)
                        return r;
        }
        return sd_bus_reply_method_return(call, "o", "/job/2");
}

static int on_load_unit(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        const char *unit;

        (void) userdata;
        (void) error;
        if (sd_bus_message_read(call, "s", &unit) < 0)
                return -EINVAL;
        return sd_bus_reply_method_return(call, "o",
                                          string_equal(unit, "good.service") ? "/unit/good"
                                                                             : "/unit/gone");
}

static int on_list(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        return sd_bus_reply_method_return(
                call, "a(ssssssouso)", 3, "banger-vm-a.service", "d", "loaded", "active", "running",
                "", "/u", 0, "", "/", "banger-vm-b.service", "d", "loaded", "failed", "failed", "",
                "/u", 0, "", "/", "banger-vm-c.service", "d", "loaded", "deactivating", "stop", "",
                "/u", 0, "", "/");
}

static int on_nothing(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        return sd_bus_reply_method_return(call, "");
}

static int on_enable(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        return sd_bus_reply_method_return(call, "ba(sss)", 1, 0);
}

static int on_disable(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        (void) call;
        (void) userdata;
        return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "gone");
}

static int on_reset(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        const char *unit;

        (void) userdata;
        if (sd_bus_message_read(call, "s", &unit) < 0)
                return -EINVAL;
        if (string_equal(unit, "unknown.service"))
                return refuse_unknown(error);
        return sd_bus_error_set(error, "org.freedesktop.DBus.Error.AccessDenied", "not you");
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        bool good = string_equal(path, "/unit/good");
        const char *value;

        (void) bus;
        (void) interface;
        (void) userdata;
        (void) error;
        if (string_equal(property, "LoadState"))
                value = good ? "loaded" : "not-found";
        else if (string_equal(property, "UnitFileState"))
                value = good ? "enabled" : "";
        else
                value = good ? "active" : "inactive";
        return sd_bus_message_append(reply, "s", value);
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("StartUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("LoadUnit", "s", "o", on_load_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListUnitsByPatterns", "asas", "a(ssssssouso)", on_list,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", "", "", on_nothing, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("EnableUnitFiles", "asbb", "ba(sss)", on_enable, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("DisableUnitFiles", "asb", "a(sss)", on_disable, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ResetFailedUnit", "s", "", on_reset, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable unit_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("LoadState", "s", get_property, 0, 0),
        SD_BUS_PROPERTY("UnitFileState", "s", get_property, 0, 0),
        SD_BUS_PROPERTY("ActiveState", "s", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

static int serve(sd_bus *bus, int fd) {
        sd_id128_t id;
        int r = sd_id128_randomize(&id);

        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r >= 0)
                r = sd_bus_set_server(bus, 1, id);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/systemd1",
                                             "org.freedesktop.systemd1.Manager", manager_vtable,
                                             NULL);
        for (size_t i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_add_object_vtable(bus, NULL, i == 0 ? "/unit/good" : "/unit/gone",
                                             "org.freedesktop.systemd1.Unit", unit_vtable, NULL);
        if (r >= 0)
                r = sd_bus_start(bus);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        return r;
}

typedef struct Manager {
        pid_t pid;
        sd_bus *bus;
} Manager;

static int manager_setup(void **state) {
        Manager *manager = calloc(1, sizeof(*manager));
        int fds[2];

        assert_non_null(manager);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        manager->pid = fork();
        assert_true(manager->pid >= 0);
        if (manager->pid == 0) {
                sd_bus *bus = NULL;

                close_fd(fds[0]);
                if (sd_bus_new(&bus) >= 0)
                        (void) serve(bus, fds[1]);
                _exit(0);
        }
        close_fd(fds[1]);
        assert_true(sd_bus_new(&manager->bus) >= 0);
        assert_true(sd_bus_set_fd(manager->bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(manager->bus) >= 0);
        *state = manager;
        return 0;
}

static int manager_teardown(void **state) {
        Manager *manager = *state;
        int status;

        sd_bus_close_unref(manager->bus);
        assert_int_equal(waitpid(manager->pid, &status, 0), manager->pid);
        free(manager);
        return 0;
}

static void state_of_a_unit_is_read(void **state) {
        Manager *manager = *state;
        UnitState unit;

        assert_int_equal(unit_ops_systemd.get_state(manager->bus, "good.service", &unit, NULL), 0);
        assert_true(unit.known && unit.enabled && unit.active);
        assert_string_equal(unit.text, "loaded, enabled, active");
        assert_int_equal(unit_ops_systemd.get_state(manager->bus, "gone.service", &unit, NULL), 0);
        assert_false(unit.known || unit.enabled || unit.active);
        assert_string_equal(unit.text, "not-found, no unit file, inactive");
}

static void a_quick_jobs_end_is_not_missed_nor_anothers_taken(void **state) {
        Manager *manager = *state;

        assert_int_equal(unit_ops_systemd.run_job(manager->bus, UNIT_START, "good.service", NULL),
                         0);
        assert_int_equal(unit_ops_systemd.run_job(manager->bus, UNIT_STOP, "good.service", NULL),
                         0);
}

static void a_failed_job_says_where_to_look(void **state) {
        Manager *manager = *state;
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(unit_ops_systemd.run_job(manager->bus, UNIT_START, "bad.service", &error),
                         -EIO);
        assert_string_equal(error.message,
                            "cannot start bad.service: the job ended with \"failed\"");
        assert_string_equal(error.hint, "see: journalctl -u bad.service");
}

static void stopping_what_is_unknown_succeeds_and_starting_it_does_not(void **state) {
        Manager *manager = *state;
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(unit_ops_systemd.run_job(manager->bus, UNIT_STOP, "unknown.service", NULL),
                         0);
        assert_true(unit_ops_systemd.run_job(manager->bus, UNIT_START, "unknown.service", &error) <
                    0);
        assert_string_equal(error.message, "cannot start unknown.service: Unit unknown.service not "
                                           "loaded.");
}

static void only_units_that_run_are_listed(void **state) {
        Manager *manager = *state;
        _cleanup_strv_ char **units = NULL;

        assert_int_equal(unit_ops_systemd.list(manager->bus, "banger-vm-*.service", &units, NULL),
                         0);
        assert_int_equal(strv_length(units), 2);
        assert_string_equal(units[0], "banger-vm-a.service");
        assert_string_equal(units[1], "banger-vm-c.service");
}

static void unit_files_are_enabled_and_unknown_ones_are_disabled_already(void **state) {
        Manager *manager = *state;

        assert_int_equal(unit_ops_systemd.reload(manager->bus, NULL), 0);
        assert_int_equal(unit_ops_systemd.enable(manager->bus, "good.service", NULL), 0);
        assert_int_equal(unit_ops_systemd.disable(manager->bus, "unknown.service", NULL), 0);
}

static void a_refused_reset_surfaces_and_an_unknown_unit_needs_none(void **state) {
        Manager *manager = *state;
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(unit_ops_systemd.reset_failed(manager->bus, "unknown.service", NULL), 0);
        assert_int_equal(unit_ops_systemd.reset_failed(manager->bus, "good.service", &error),
                         -EACCES);
        assert_int_equal(error.kind, ERROR_NOT_PERMITTED);
        assert_string_equal(error.message, "cannot reset good.service: not you");
}

static void a_manager_that_goes_away_is_an_error(void **state) {
        Manager *manager = *state;
        UnitState unit;

        assert_int_equal(kill(manager->pid, SIGKILL), 0);
        assert_true(unit_ops_systemd.get_state(manager->bus, "good.service", &unit, NULL) < 0);
}

static struct CMUnitTest with_manager(const char *name, CMUnitTestFunction function) {
        return (struct CMUnitTest) {.name = name,
                                    .test_func = function,
                                    .setup_func = manager_setup,
                                    .teardown_func = manager_teardown};
}

int main(void) {
        const struct CMUnitTest tests[] = {
                with_manager("state_of_a_unit_is_read", state_of_a_unit_is_read),
                with_manager("a_quick_jobs_end_is_not_missed_nor_anothers_taken",
                             a_quick_jobs_end_is_not_missed_nor_anothers_taken),
                with_manager("a_failed_job_says_where_to_look", a_failed_job_says_where_to_look),
                with_manager("stopping_what_is_unknown_succeeds_and_starting_it_does_not",
                             stopping_what_is_unknown_succeeds_and_starting_it_does_not),
                with_manager("only_units_that_run_are_listed", only_units_that_run_are_listed),
                with_manager("unit_files_are_enabled_and_unknown_ones_are_disabled_already",
                             unit_files_are_enabled_and_unknown_ones_are_disabled_already),
                with_manager("a_refused_reset_surfaces_and_an_unknown_unit_needs_none",
                             a_refused_reset_surfaces_and_an_unknown_unit_needs_none),
                with_manager("a_manager_that_goes_away_is_an_error",
                             a_manager_that_goes_away_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
