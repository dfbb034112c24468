#include "cli/checks.h"
#include "cli/layout.h"
#include "cli/teardown.h"
#include "tests/unit/cli/fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

typedef struct Run {
        UnitScript script;
        SetupEnv env;
        Capture capture;
        Progress progress;
} Run;

static void run_open(Run *run, const TempRoot *root, const UnitCall *calls, size_t n_calls) {
        *run = (Run) {.script = {calls, n_calls, 0}};
        run->env = (SetupEnv) {.host = &root->host,
                               .units = {&script_ops, &run->script},
                               .booted = true};
        capture_open(&run->capture);
        assert_int_equal(progress_init(&run->progress, run->capture.out, false), 0);
}

static void run_close(Run *run) {
        script_assert_done(&run->script);
        progress_clear(&run->progress);
        capture_close(&run->capture);
}

/* What is there after an install and some use. */
static void plant_install(const TempRoot *root) {
        fixture_install(root);
        temp_root_write(root, "/run/banger/bangerd.sock", "");
        temp_root_write(root, "/var/lib/banger/db/banger.db", "rows");
}

#define STOP_UNITS                                                                                 \
        {.call = "stop bangerd-dns.socket"}, {.call = "stop bangerd.socket"},                      \
                {.call = "stop banger-worker.socket"}, {.call = "stop bangerd.service"}
#define STOP_HELPER                                                                                \
        {.call = "stop bangerd-root.socket"}, {.call = "stop bangerd-root.service"}
#define STOP                                                                                       \
        STOP_UNITS, {.call = "list banger-worker@*.service"}, STOP_HELPER
#define ASK_FOR_HELPER {.call = "get_state bangerd-root.socket"} /* systemd has none */
#define STOP_SLICE {.call = "stop banger.slice"}
#define DISABLE_AND_FORGET                                                                         \
        {.call = "disable bangerd-dns.socket"}, {.call = "disable bangerd.socket"},                \
                {.call = "disable banger-worker.socket"},                                          \
                {.call = "disable bangerd.service"},                                               \
                {.call = "disable bangerd-root.socket"}, {.call = "reload"},                       \
                {.call = "reset bangerd-dns.socket"}, {.call = "reset bangerd.socket"},            \
                {.call = "reset banger-worker.socket"}, {.call = "reset bangerd.service"},         \
                {.call = "reset bangerd-root.socket"},                                             \
                {.call = "reset bangerd-root.service"}, {.call = "reset banger.slice"}
#define LOOK_FOR_INSTANCES                                                                         \
        {.call = "list banger-worker@*.service"}, {.call = "list banger-vm-*.service"}
#define LOOK_AT_UNITS                                                                              \
        {.call = "get_state bangerd-dns.socket"}, {.call = "get_state bangerd.socket"},            \
                {.call = "get_state banger-worker.socket"},                                        \
                {.call = "get_state bangerd.service"},                                             \
                {.call = "get_state bangerd-root.socket"},                                         \
                {.call = "get_state bangerd-root.service"},                                        \
                {.call = "get_state banger.slice"}
#define LOOK_AFTERWARDS                                                                            \
        LOOK_AT_UNITS, LOOK_FOR_INSTANCES

static const UnitCall all_well[] = {STOP, ASK_FOR_HELPER, STOP_SLICE, DISABLE_AND_FORGET,
                                    LOOK_AFTERWARDS};
static const UnitCall not_installed[] = {STOP, STOP_SLICE, DISABLE_AND_FORGET, LOOK_AFTERWARDS};

static void uninstall_keeps_what_the_owner_made(void **state) {
        TempRoot *root = *state;
        Run run;

        plant_install(root);
        run_open(&run, root, all_well, ELEMENTSOF(all_well));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, NULL), 0);
        assert_true(temp_root_has(root, "/var/lib/banger/db/banger.db"));
        assert_false(temp_root_has(root, "/var/lib/banger/jails"));
        assert_false(temp_root_has(root, "/var/lib/banger/vms"));
        assert_false(temp_root_has(root, "/etc/banger"));
        assert_false(temp_root_has(root, "/etc/systemd/system/bangerd.service.d"));
        assert_false(temp_root_has(root, "/run/banger"));
        assert_non_null(strstr(capture_text(&run.capture), "kept: /var/lib/banger/db"));
        assert_non_null(strstr(capture_text(&run.capture), "sudo banger system uninstall --purge"));
        run_close(&run);
}

static void purge_brings_the_host_back_to_what_it_was(void **state) {
        TempRoot *root = *state;
        _cleanup_free_ char *before = temp_root_describe(root), *after = NULL;
        Run run;

        plant_install(root);
        temp_root_write(root, BANGER_CONF, "changed\n");
        run_open(&run, root, all_well, ELEMENTSOF(all_well));
        assert_int_equal(teardown_run(&run.env, true, &run.progress, NULL), 0);
        after = temp_root_describe(root);
        assert_string_equal(before, after);
        assert_non_null(strstr(capture_text(&run.capture), "this host is clean"));
        run_close(&run);
}

static void nothing_installed_is_a_clean_host(void **state) {
        TempRoot *root = *state;
        Run run;

        run_open(&run, root, not_installed, ELEMENTSOF(not_installed));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, NULL), 0);
        assert_non_null(strstr(capture_text(&run.capture), "this host is clean"));
        run_close(&run);
}

static void changed_settings_stay_without_purge(void **state) {
        TempRoot *root = *state;
        Run run;

        plant_install(root);
        temp_root_write(root, BANGER_CONF, "changed\n");
        run_open(&run, root, all_well, ELEMENTSOF(all_well));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, NULL), 0);
        assert_true(temp_root_has(root, BANGER_CONF));
        assert_false(temp_root_has(root, BANGER_INSTALL_CONF));
        run_close(&run);
}

static void drop_ins_of_the_administrator_stay(void **state) {
        TempRoot *root = *state;
        Run run;

        plant_install(root);
        temp_root_write(root, "/etc/systemd/system/bangerd.service.d/60-mine.conf", "x");
        run_open(&run, root, all_well, ELEMENTSOF(all_well));
        assert_int_equal(teardown_run(&run.env, true, &run.progress, NULL), 0);
        assert_true(temp_root_has(root, "/etc/systemd/system/bangerd.service.d/60-mine.conf"));
        assert_false(temp_root_has(root, "/etc/systemd/system/bangerd.service.d/50-owner.conf"));
        run_close(&run);
}

static void failures_do_not_end_it_and_all_are_reported(void **state) {
        static const UnitCall calls[] = {
                {.call = "stop bangerd-dns.socket"},
                {.call = "stop bangerd.socket", .result = -EIO},
                {.call = "stop banger-worker.socket"},
                {.call = "stop bangerd.service"},
                {.call = "list banger-worker@*.service"},
                STOP_HELPER,
                ASK_FOR_HELPER,
                STOP_SLICE,
                {.call = "disable bangerd-dns.socket"},
                {.call = "disable bangerd.socket"},
                {.call = "disable banger-worker.socket"},
                {.call = "disable bangerd.service"},
                {.call = "disable bangerd-root.socket", .result = -EPERM},
                {.call = "reload"},
                {.call = "reset bangerd-dns.socket"},
                {.call = "reset bangerd.socket"},
                {.call = "reset banger-worker.socket"},
                {.call = "reset bangerd.service"},
                {.call = "reset bangerd-root.socket"},
                {.call = "reset bangerd-root.service"},
                {.call = "reset banger.slice"},
                {.call = "get_state bangerd-dns.socket"},
                {.call = "get_state bangerd.socket", .state = {.active = true, .text = "active"}},
                {.call = "get_state banger-worker.socket"},
                {.call = "get_state bangerd.service"},
                {.call = "get_state bangerd-root.socket", .state = {.enabled = true}},
                {.call = "get_state bangerd-root.service"},
                {.call = "get_state banger.slice"},
                LOOK_FOR_INSTANCES,
        };
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        Run run;

        plant_install(root);
        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_run(&run.env, true, &run.progress, &error), -EIO);
        assert_string_equal(error.message,
                            "scripted: stop bangerd.socket; scripted: disable bangerd-root.socket");
        assert_false(temp_root_has(root, "/var/lib/banger"));
        assert_non_null(strstr(capture_text(&run.capture), "left: bangerd.socket (active)"));
        assert_non_null(strstr(capture_text(&run.capture), "left: bangerd-root.socket"));
        run_close(&run);
}

static void a_unit_that_is_still_there_is_a_failure_of_its_own(void **state) {
        static const UnitCall calls[] = {
                STOP, STOP_SLICE, DISABLE_AND_FORGET,
                {.call = "get_state bangerd-dns.socket"},
                {.call = "get_state bangerd.socket"},
                {.call = "get_state banger-worker.socket"},
                {.call = "get_state bangerd.service", .state = {.active = true}},
                {.call = "get_state bangerd-root.socket"},
                {.call = "get_state bangerd-root.service"},
                {.call = "get_state banger.slice"},
                LOOK_FOR_INSTANCES,
        };
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        Run run;

        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, &error), -ENOTEMPTY);
        assert_int_equal(error.kind, ERROR_FAILED);
        run_close(&run);
}

static void jobs_of_workers_are_stopped_and_missed_afterwards(void **state) {
        static const UnitCall calls[] = {
                STOP_UNITS,
                {.call = "list banger-worker@*.service", .listed = "banger-worker@7-1.service"},
                {.call = "stop banger-worker@7-1.service"},
                STOP_HELPER,
                STOP_SLICE,
                DISABLE_AND_FORGET,
                LOOK_AT_UNITS,
                {.call = "list banger-worker@*.service", .listed = "banger-worker@7-1.service"},
                {.call = "list banger-vm-*.service", .result = -EIO},
        };
        TempRoot *root = *state;
        Run run;

        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, NULL), -ENOTEMPTY);
        assert_non_null(strstr(capture_text(&run.capture), "left: banger-worker@7-1.service\n"));
        assert_non_null(strstr(capture_text(&run.capture), "left: banger-vm-*.service (systemd"));
        run_close(&run);
}

static void what_units_are_started_by_goes_before_what_they_run_as(void **state) {
        TempRoot *root = *state;
        const char *text;
        Run run;

        plant_install(root);
        run_open(&run, root, all_well, ELEMENTSOF(all_well));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, NULL), 0);
        text = strstr(capture_text(&run.capture), BANGER_INSTALL_CONF ": removed");
        assert_non_null(text);
        assert_non_null(strstr(text, "banger-worker@.service.d/50-owner.conf: removed"));
        assert_non_null(strstr(text, "/bangerd.service.d/50-owner.conf: removed"));
        run_close(&run);
}

static void what_the_kernel_shows_is_missed_without_a_helper(void **state) {
        static const UnitCall calls[] = {STOP, ASK_FOR_HELPER, DISABLE_AND_FORGET, LOOK_AFTERWARDS};
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        Run run;

        plant_install(root);
        temp_root_mkdir(root, "/sys/class/net/vmbridge");
        temp_root_write(root, "/sys/class/net/vmbridge/ifalias", "banger\n");
        temp_root_mkdir(root, "/sys/class/net/br-banger"); /* another's, by its alias */
        temp_root_write(root, "/sys/class/net/br-banger/ifalias", "lab\n");
        temp_root_mkdir(root, "/sys/class/net/eth0");
        temp_root_mkdir(root, "/sys/block/dm-0/dm");
        temp_root_write(root, "/sys/block/dm-0/dm/uuid", "LVM-0123456789\n");
        temp_root_mkdir(root, "/sys/block/dm-1/dm");
        temp_root_write(root, "/sys/block/dm-1/dm/uuid", "BANGER-0123456789-work\n");
        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, &error), -EBUSY);
        assert_non_null(strstr(error.message, "2 kernel objects"));
        assert_non_null(strstr(capture_text(&run.capture), "left: vmbridge\n"));
        assert_non_null(strstr(capture_text(&run.capture), "left: dm-1\n"));
        assert_null(strstr(capture_text(&run.capture), "left: br-banger\n"));
        assert_null(strstr(capture_text(&run.capture), "left: dm-0\n"));
        assert_true(temp_root_has(root, BANGER_INSTALL_CONF));
        assert_true(temp_root_has(root, LAYOUT_HELPER_OWNER));
        run_close(&run);
}

static void without_install_conf_the_kernel_is_looked_at_too(void **state) {
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        Run run;

        temp_root_mkdir(root, "/sys/class/net/bgr-0123456789");
        run_open(&run, root, not_installed, ELEMENTSOF(not_installed));
        assert_int_equal(teardown_run(&run.env, true, &run.progress, &error), -ENOTEMPTY);
        assert_non_null(strstr(capture_text(&run.capture), "left: bgr-0123456789\n"));
        run_close(&run);
}

static void running_vms_are_named_and_refuse_it(void **state) {
        static const UnitCall calls[] = {
                {.call = "list banger-vm-*.service", .listed = "banger-vm-0123456789.service"},
        };
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        Run run;

        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_check(&run.env, &run.progress, &error), -EBUSY);
        assert_int_equal(error_kind_exit_status(error.kind), 4);
        assert_non_null(strstr(error.message, "0123456789"));
        run_close(&run);
}

static void without_vms_it_may_go_on(void **state) {
        static const UnitCall calls[] = {{.call = "list banger-vm-*.service"}};
        TempRoot *root = *state;
        Run run;

        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_check(&run.env, &run.progress, NULL), 0);
        run_close(&run);
}

static void a_systemd_that_does_not_say_refuses_it(void **state) {
        static const UnitCall calls[] = {{.call = "list banger-vm-*.service", .result = -EIO}};
        TempRoot *root = *state;
        Run run;

        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_check(&run.env, &run.progress, NULL), -EIO);
        run_close(&run);
}

static void progress_as_json_is_one_object(void **state) {
        Progress progress;
        Capture capture;

        (void) state;
        capture_open(&capture);
        assert_int_equal(progress_init(&progress, capture.out, true), 0);
        progress_say(&progress, PROGRESS_STEP, "a %d", 1);
        progress_say(&progress, PROGRESS_LEFT, "b");
        assert_string_equal(capture_text(&capture), "");
        assert_int_equal(progress_finish(&progress), 0);
        assert_non_null(strstr(capture_text(&capture), "\"steps\": [\n    \"a 1\"\n  ]"));
        assert_non_null(strstr(capture_text(&capture), "\"left\": [\n    \"b\"\n  ]"));
        progress_clear(&progress);
        capture_close(&capture);
}

/* ---- system status ---- */

static const SystemCheck *find_check(const SystemReport *report, const char *name) {
        const SystemCheck *checks = report->checks.items;

        for (size_t i = 0; i < report->checks.n_items; i++)
                if (string_equal(checks[i].name, name))
                        return &checks[i];
        fail_msg("no check %s", name);
        return NULL;
}

static const UnitCall units_well[] = {
        {.call = "get_state bangerd-dns.socket",
         .state = {.known = true, .enabled = true, .active = false, .text = "failed"}},
        {.call = "get_state bangerd.socket",
         .state = {.known = true, .enabled = true, .active = true, .text = "fine"}},
        {.call = "get_state banger-worker.socket",
         .state = {.known = true, .enabled = true, .active = true, .text = "fine"}},
        {.call = "get_state bangerd.service",
         .state = {.known = true, .enabled = true, .active = false, .text = "failed"}},
        {.call = "get_state bangerd-root.socket",
         .state = {.known = true, .enabled = false, .active = true, .text = "disabled"}},
        {.call = "get_state bangerd-root.service", .state = {.known = false, .text = "gone"}},
        {.call = "get_state banger.slice", .state = {.known = true, .text = "inactive, static"}},
};

static void status_of_a_bare_host_is_not_installed(void **state) {
        TempRoot *root = *state;
        SetupEnv env = {.host = &root->host};
        SystemReport report;

        assert_int_equal(checks_run(&env, &report, NULL), 0);
        assert_false(report.installed);
        assert_int_equal(checks_exit_status(&report), 3);
        schema_clear(&system_report_schema, &report);
}

static void status_grades_units_directories_and_daemons(void **state) {
        TempRoot *root = *state;
        SystemReport report;
        Run run;

        plant_install(root);
        assert_int_equal(fchmodat(root->fd, "var/lib/banger/vms", 0777, 0), 0);
        run_open(&run, root, units_well, ELEMENTSOF(units_well));
        assert_int_equal(checks_run(&run.env, &report, NULL), 0);
        assert_true(report.installed);
        assert_string_equal(report.owner, "alice");
        assert_int_equal(checks_exit_status(&report), 4);
        assert_int_equal(find_check(&report, "bangerd.socket")->state, CHECK_OK);
        assert_int_equal(find_check(&report, "bangerd-root.socket")->state, CHECK_DEGRADED);
        assert_int_equal(find_check(&report, "bangerd.service")->state, CHECK_FAILED);
        assert_int_equal(find_check(&report, "bangerd-dns.socket")->state, CHECK_DEGRADED);
        assert_non_null(strstr(find_check(&report, "bangerd-dns.socket")->remedy,
                               "127.0.0.1:42069"));
        assert_string_equal(find_check(&report, "bangerd-root.service")->remedy,
                            "run: make install");
        assert_int_equal(find_check(&report, "/etc/banger")->state, CHECK_OK);
        assert_int_equal(find_check(&report, "/var/lib/banger/vms")->state, CHECK_DEGRADED);
        assert_string_equal(find_check(&report, "/var/lib/banger/vms")->remedy,
                            "run: sudo banger system install --owner alice");
        assert_int_equal(find_check(&report, "bangerd")->state, CHECK_FAILED);
        schema_clear(&system_report_schema, &report);
        run_close(&run);
}

/* Bound, but nobody listens: who asks is refused at once. */
static void plant_socket(const TempRoot *root, const char *path, mode_t mode, uid_t uid) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void) unlinkat(root->fd, path + 1, 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s%s", root->path, path);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(fchmodat(root->fd, path + 1, mode, 0), 0);
        assert_int_equal(fchownat(root->fd, path + 1, uid, (gid_t) -1, 0), 0);
        close_fd(fd);
}

static const struct {
        const char *path, *remedy;
} sockets[] = {
        {BANGERD_SOCKET, "run: sudo systemctl restart bangerd.socket"},
        {BANGERD_ROOT_SOCKET, "run: sudo systemctl restart bangerd-root.socket"},
        {BANGER_WORKER_SOCKET, "run: sudo systemctl restart banger-worker.socket"},
};

static void plant_sockets(const TempRoot *root) {
        for (size_t i = 0; i < ELEMENTSOF(sockets); i++)
                plant_socket(root, sockets[i].path, 0600, temp_root_other_uid());
}

/* All are well but that one. */
static void assert_sockets(const TempRoot *root, size_t wrong, CheckState state,
                           const char *evidence) {
        const char *const names[] = {root->bangerd_socket, root->helper_socket,
                                     BANGER_WORKER_SOCKET};
        SystemReport report;
        Run run;

        run_open(&run, root, units_well, ELEMENTSOF(units_well));
        assert_int_equal(checks_run(&run.env, &report, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
                const SystemCheck *check = find_check(&report, names[i]);

                assert_int_equal(check->state, i == wrong ? state : CHECK_OK);
                assert_non_null(strstr(check->evidence, i == wrong ? evidence : "mode 0600"));
                assert_true(string_equal(check->remedy, i == wrong ? sockets[i].remedy : NULL));
        }
        schema_clear(&system_report_schema, &report);
        run_close(&run);
}

static void status_grades_each_of_the_three_sockets(void **state) {
        const TempRoot *root = *state;

        plant_install(root);
        plant_sockets(root);
        for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
                plant_socket(root, sockets[i].path, 0666, temp_root_other_uid());
                assert_sockets(root, i, CHECK_DEGRADED, "mode 0666; should be");
                plant_sockets(root);
        }
}

static void status_misses_each_of_the_three_sockets(void **state) {
        const TempRoot *root = *state;

        plant_install(root);
        plant_sockets(root);
        for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
                assert_int_equal(unlinkat(root->fd, sockets[i].path + 1, 0), 0);
                assert_sockets(root, i, CHECK_FAILED, "No such file");
                plant_sockets(root);
        }
}

static void only_all_well_is_status_zero(void **state) {
        SystemCheck checks[] = {{.state = CHECK_OK}, {.state = CHECK_OK}};
        SystemReport report = {.installed = true, .checks = {checks, 2}};

        (void) state;
        assert_int_equal(checks_exit_status(&report), 0);
        checks[1].state = CHECK_DEGRADED;
        assert_int_equal(checks_exit_status(&report), 4);
        report.installed = false;
        assert_int_equal(checks_exit_status(&report), 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                in_root("uninstall_keeps_what_the_owner_made", uninstall_keeps_what_the_owner_made),
                in_root("purge_brings_the_host_back_to_what_it_was",
                        purge_brings_the_host_back_to_what_it_was),
                in_root("nothing_installed_is_a_clean_host", nothing_installed_is_a_clean_host),
                in_root("changed_settings_stay_without_purge", changed_settings_stay_without_purge),
                in_root("drop_ins_of_the_administrator_stay", drop_ins_of_the_administrator_stay),
                in_root("failures_do_not_end_it_and_all_are_reported",
                        failures_do_not_end_it_and_all_are_reported),
                in_root("a_unit_that_is_still_there_is_a_failure_of_its_own",
                        a_unit_that_is_still_there_is_a_failure_of_its_own),
                in_root("jobs_of_workers_are_stopped_and_missed_afterwards",
                        jobs_of_workers_are_stopped_and_missed_afterwards),
                in_root("what_units_are_started_by_goes_before_what_they_run_as",
                        what_units_are_started_by_goes_before_what_they_run_as),
                in_root("what_the_kernel_shows_is_missed_without_a_helper",
                        what_the_kernel_shows_is_missed_without_a_helper),
                in_root("without_install_conf_the_kernel_is_looked_at_too",
                        without_install_conf_the_kernel_is_looked_at_too),
                in_root("running_vms_are_named_and_refuse_it", running_vms_are_named_and_refuse_it),
                in_root("without_vms_it_may_go_on", without_vms_it_may_go_on),
                in_root("a_systemd_that_does_not_say_refuses_it",
                        a_systemd_that_does_not_say_refuses_it),
                cmocka_unit_test(progress_as_json_is_one_object),
                in_root("status_of_a_bare_host_is_not_installed",
                        status_of_a_bare_host_is_not_installed),
                in_root("status_grades_units_directories_and_daemons",
                        status_grades_units_directories_and_daemons),
                in_root("status_grades_each_of_the_three_sockets",
                        status_grades_each_of_the_three_sockets),
                in_root("status_misses_each_of_the_three_sockets",
                        status_misses_each_of_the_three_sockets),
                cmocka_unit_test(only_all_well_is_status_zero),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
