#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/start.h"

/* A scripted host: the calls that must come, in order, and what each gives. */
typedef struct Expected {
        const char *call; /* NULL ends the script */
        int result;
} Expected;

typedef struct Fake {
        Start start;
        const Expected *script;
        size_t n_called;
        char told[512];
        Error error;
        Operations *operations;
        EventBus *events;
        Operation *operation;
        const char *cancel_in; /* this call cancels the operation */
} Fake;

static Fake *fake; /* of the test that runs: the operations have no userdata of the script's */

static int called(const char *call, Error *reterr) {
        const Expected *expected = &fake->script[fake->n_called];

        if (!expected->call || strcmp(expected->call, call) != 0)
                fail_msg("%s was called instead of %s", call,
                         expected->call ? expected->call : "nothing");
        fake->n_called++;
        if (string_equal(fake->cancel_in, call))
                operation_cancel(fake->operation);
        if (expected->result < 0)
                return error_set(reterr, ERROR_FAILED, -expected->result, "%s failed", call);
        return 0;
}

static int check(_unused_ Start *start, Error *reterr) {
        return called("check", reterr);
}
static int make_disk(_unused_ Start *start, Error *reterr) {
        return called("make_disk", reterr);
}
static int disk_attach(_unused_ Start *start, Error *reterr) {
        return called("disk_attach", reterr);
}
static int disk_detach(_unused_ Start *start, Error *reterr) {
        return called("disk_detach", reterr);
}
static int bridge_ensure(_unused_ Start *start, Error *reterr) {
        return called("bridge_ensure", reterr);
}
static int tap_create(_unused_ Start *start, Error *reterr) {
        return called("tap_create", reterr);
}
static int tap_delete(_unused_ Start *start, Error *reterr) {
        return called("tap_delete", reterr);
}
static int put_guest(_unused_ Start *start, Error *reterr) {
        return called("network_put", reterr);
}
static int remove_guest(_unused_ Start *start, Error *reterr) {
        return called("network_remove", reterr);
}
static int jail_make(_unused_ Start *start, Error *reterr) {
        return called("jail_make", reterr);
}
static int jail_remove(_unused_ Start *start, Error *reterr) {
        return called("jail_remove", reterr);
}
static int open_console(_unused_ Start *start, Error *reterr) {
        return called("open_console", reterr);
}
static int launch(_unused_ Start *start, Error *reterr) {
        return called("launch", reterr);
}
static int kill_unit(_unused_ Start *start, Error *reterr) {
        return called("kill", reterr);
}
static int reap(_unused_ Start *start, Error *reterr) {
        return called("reap", reterr);
}
static int api_socket(_unused_ Start *start, Error *reterr) {
        return called("api_socket", reterr);
}
static int configure(_unused_ Start *start, Error *reterr) {
        return called("configure", reterr);
}
static int vsock_socket(_unused_ Start *start, Error *reterr) {
        return called("vsock_socket", reterr);
}
static int boot(_unused_ Start *start, Error *reterr) {
        return called("boot", reterr);
}
static int wait_ready(_unused_ Start *start, Error *reterr) {
        return called("wait_ready", reterr);
}

static const StartOps fake_ops = {
        .check = check,
        .make_disk = make_disk,
        .disk_attach = disk_attach,
        .disk_detach = disk_detach,
        .bridge_ensure = bridge_ensure,
        .tap_create = tap_create,
        .tap_delete = tap_delete,
        .network_put = put_guest,
        .network_remove = remove_guest,
        .jail_make = jail_make,
        .jail_remove = jail_remove,
        .open_console = open_console,
        .launch = launch,
        .kill = kill_unit,
        .reap = reap,
        .api_socket = api_socket,
        .configure = configure,
        .vsock_socket = vsock_socket,
        .boot = boot,
        .wait_ready = wait_ready,
};

static void told(_unused_ Start *start, StartStepIndex step, bool ended) {
        size_t used = strlen(fake->told);

        (void) snprintf(fake->told + used, sizeof(fake->told) - used, "%s%s ",
                        start_steps[step].name, ended ? "." : "");
}

static int setup(void **state) {
        fake = calloc(1, sizeof(*fake));
        assert_non_null(fake);
        start_init(&fake->start);
        fake->start.ops = &fake_ops;
        fake->start.tell = told;
        assert_int_equal(event_bus_new(&fake->events), 0);
        assert_int_equal(operations_new(fake->events, &fake->operations), 0);
        assert_int_equal(operation_new(fake->operations, "io.banger.VM.Start", "0123456789", "web",
                                       &fake->operation, NULL),
                         0);
        fake->start.operation = fake->operation;
        *state = fake;
        return 0;
}

static int teardown(_unused_ void **state) {
        operation_end(fake->operation, 0, NULL);
        operations_free(fake->operations);
        event_bus_free(fake->events);
        start_clear(&fake->start);
        error_clear(&fake->error);
        free(fake);
        return 0;
}

static int play(const Expected *script) {
        int r;

        fake->script = script;
        r = start_run(&fake->start, &fake->error);
        assert_null(script[fake->n_called].call); /* all of it was used */
        return r;
}

static void all_steps_run_in_order(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", 0}, {"network_put", 0}, {"jail_make", 0}, {"open_console", 0},
                {"launch", 0}, {"api_socket", 0}, {"configure", 0}, {"vsock_socket", 0},
                {"boot", 0}, {"wait_ready", 0}, {},
        };

        assert_int_equal(play(script), 0);
        assert_string_equal(fake->told, "check check. disk disk. tap tap. jail jail. launch launch. "
                                        "sockets sockets. configure configure. boot boot. "
                                        "ready ready. ");
        assert_int_equal(fake->start.failed_step, -1);
}

static void a_failing_check_undoes_nothing(_unused_ void **state) {
        static const Expected script[] = {{"check", -ENODEV}, {}};

        assert_int_equal(play(script), -ENODEV);
        assert_string_equal(fake->error.message, "check: check failed");
        assert_false(fake->start.undo_failed);
}

static void a_failing_disk_undoes_itself(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", -EIO}, {"disk_detach", 0}, {},
        };

        assert_int_equal(play(script), -EIO);
        assert_string_equal(fake->error.message, "disk: disk_attach failed");
}

static void a_failing_tap_undoes_itself_and_the_disk(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", -EBUSY}, {"tap_delete", 0}, {"network_remove", 0},
                {"disk_detach", 0}, {},
        };

        assert_int_equal(play(script), -EBUSY);
}

static void a_failing_network_undoes_itself_and_the_tap(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", 0}, {"network_put", -EIO}, {"tap_delete", 0}, {"network_remove", 0},
                {"disk_detach", 0}, {},
        };

        assert_int_equal(play(script), -EIO);
        assert_string_equal(fake->error.message, "tap: network_put failed");
        assert_false(fake->start.undo_failed);
}

static void a_tap_that_stays_does_not_keep_its_network(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", 0}, {"network_put", 0}, {"jail_make", -EIO}, {"jail_remove", 0},
                {"tap_delete", -EBUSY}, {"network_remove", -ETIMEDOUT}, {"disk_detach", 0}, {},
        };

        assert_int_equal(play(script), -EIO);
        assert_string_equal(fake->error.message,
                            "jail: jail_make failed; undoing tap: tap_delete failed; "
                            "network_remove failed");
        assert_true(fake->start.undo_failed);
}

static void a_failing_jail_undoes_itself_tap_and_disk(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", 0}, {"network_put", 0}, {"jail_make", -EIO}, {"jail_remove", 0},
                {"tap_delete", 0}, {"network_remove", 0}, {"disk_detach", 0}, {},
        };

        assert_int_equal(play(script), -EIO);
}

static void a_failing_launch_is_killed_reaped_and_the_rest_undone(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", 0}, {"network_put", 0}, {"jail_make", 0}, {"open_console", 0},
                {"launch", -EIO}, {"kill", 0}, {"reap", 0}, {"jail_remove", 0}, {"tap_delete", 0},
                {"network_remove", 0}, {"disk_detach", 0}, {},
        };

        assert_int_equal(play(script), -EIO);
        assert_int_equal(fake->start.failed_step, START_LAUNCH);
}

static void a_failing_ready_undoes_all(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", 0}, {"network_put", 0}, {"jail_make", 0}, {"open_console", 0},
                {"launch", 0}, {"api_socket", 0}, {"configure", 0}, {"vsock_socket", 0},
                {"boot", 0}, {"wait_ready", -ETIMEDOUT}, {"kill", 0}, {"reap", 0},
                {"jail_remove", 0}, {"tap_delete", 0}, {"network_remove", 0}, {"disk_detach", 0},
                {},
        };

        assert_int_equal(play(script), -ETIMEDOUT);
        assert_false(fake->start.undo_failed);
}

static void failures_of_undos_are_joined_and_do_not_stop_the_others(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"bridge_ensure", 0},
                {"tap_create", 0}, {"network_put", 0}, {"jail_make", 0}, {"open_console", 0},
                {"launch", -EIO}, {"kill", -ETIMEDOUT}, {"reap", 0}, {"jail_remove", -EBUSY},
                {"tap_delete", 0}, {"network_remove", 0}, {"disk_detach", 0}, {},
        };

        assert_int_equal(play(script), -EIO);
        assert_string_equal(fake->error.message,
                            "launch: launch failed; undoing launch: kill failed; "
                            "undoing jail: jail_remove failed");
        assert_true(fake->start.undo_failed);
}

static int wait_for_guest(VmSignalBits bits, const char *message) {
        int r;

        assert_int_equal(vm_signal_new(&fake->start.signal), 0);
        vm_signal_set(fake->start.signal, bits, message);
        r = start_ops.wait_ready(&fake->start, &fake->error);
        fake->start.signal = vm_signal_free(fake->start.signal);
        return r;
}

static void a_vmm_that_ends_early_has_a_remedy(_unused_ void **state) {
        assert_int_equal(wait_for_guest(VM_SIGNAL_ENDED, NULL), -EIO);
        assert_non_null(strstr(fake->error.hint, "run: banger kernel import --host"));
}

static void a_guest_of_another_version_that_gives_up_needs_its_kernel_anew(_unused_ void **state) {
        assert_int_equal(wait_for_guest(VM_SIGNAL_FAILED | VM_SIGNAL_OTHER_VERSION, "no root"),
                         -EIO);
        assert_string_equal(fake->error.message, "the guest gave up: no root");
        assert_non_null(strstr(fake->error.hint, "run: banger kernel import --host"));
}

static void a_guest_of_this_version_that_gives_up_does_not(_unused_ void **state) {
        assert_int_equal(wait_for_guest(VM_SIGNAL_FAILED, "no root"), -EIO);
        assert_null(fake->error.hint);
}

static void a_cancel_between_steps_undoes_what_was_done(_unused_ void **state) {
        static const Expected script[] = {
                {"check", 0}, {"make_disk", 0}, {"disk_attach", 0}, {"disk_detach", 0}, {},
        };

        fake->cancel_in = "disk_attach";
        assert_int_equal(play(script), -ECANCELED);
        assert_int_equal(fake->error.kind, ERROR_CANCELED);
}

static void a_cow_file_holds_the_root_rewritten_whole(_unused_ void **state) {
        const int64_t gib = INT64_C(1) << 30;

        /* dm-snapshot: 16 bytes for each chunk of 4 KiB, and its header. */
        assert_true(start_cow_bytes(gib) >= gib + gib / 256 + 8192);
        assert_true(start_cow_bytes(4096) >= 4096 + 16 + 8192);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(all_steps_run_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failing_check_undoes_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failing_disk_undoes_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failing_tap_undoes_itself_and_the_disk, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_failing_network_undoes_itself_and_the_tap, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_tap_that_stays_does_not_keep_its_network, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_failing_jail_undoes_itself_tap_and_disk, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        a_failing_launch_is_killed_reaped_and_the_rest_undone, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failing_ready_undoes_all, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        failures_of_undos_are_joined_and_do_not_stop_the_others, setup, teardown),
                cmocka_unit_test_setup_teardown(a_vmm_that_ends_early_has_a_remedy, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_guest_of_another_version_that_gives_up_needs_its_kernel_anew, setup,
                        teardown),
                cmocka_unit_test_setup_teardown(a_guest_of_this_version_that_gives_up_does_not, setup, teardown),
                cmocka_unit_test_setup_teardown(a_cancel_between_steps_undoes_what_was_done, setup,
                                                teardown),
                cmocka_unit_test(a_cow_file_holds_the_root_rewritten_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
