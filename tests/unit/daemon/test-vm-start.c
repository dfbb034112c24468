#include "tests/unit/daemon/vm-host.h"

typedef struct Told {
        char text[512]; /* "check disk … ", as they end */
} Told;

static int on_progress(const void *out, void *userdata, _unused_ Error *reterr) {
        const VmProgress *progress = out;
        Told *told = userdata;
        size_t used = strlen(told->text);

        if (progress->finished)
                (void) snprintf(told->text + used, sizeof(told->text) - used, "%s ",
                                progress->stage);
        return 0;
}

static void a_start_tells_its_stages_and_ends_running(void **state) {
        VmHost *host = *state;
        char name[] = "web";
        const VmRef ref = {.vm = name};
        Told told = {};
        VarlinkStream stream = {
                .deadline_usec = clock_monotonic_usec() + PATIENCE_USEC,
                .on_reply = on_progress,
                .wake_fd = -1,
                .userdata = &told,
        };
        VarlinkClient *client = host_connect(host);
        VmProgress last = {};

        host_create(host, name);
        assert_int_equal(varlink_client_stream(client, &interface_vm, "Start", &ref, &last, NULL, 0,
                                               &stream, NULL),
                         0);
        assert_string_equal(told.text,
                            "check disk tap jail launch sockets configure boot ready ");
        assert_int_equal(last.vm->state, VM_RUNNING);
        assert_int_equal(last.vm->slot, 1);
        schema_clear(&vm_progress_schema, &last);
        varlink_client_free(client);
        assert_true(host_start(host, name) < 0);
        assert_int_equal(host->error.kind, ERROR_ALREADY_EXISTS);
}

static void a_failing_step_is_named_and_the_earlier_are_undone(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        host_let_fail(host, "JailMake");
        assert_true(host_start(host, "web") < 0);
        assert_string_equal(host->error.message,
                            "cannot start vm \"web\": jail: bangerd-root: JailMake does not work");
        assert_non_null(host->error.operation);
        assert_int_equal(host_state(host, "web"), VM_STOPPED);
        assert_int_equal(host_count_calls(host, "TapDelete"), 1);
        assert_int_equal(host_count_calls(host, "DiskDetach"), 1);
        assert_int_equal(host_count_calls(host, "Reap"), 0);
        host_let_fail(host, "");
        assert_int_equal(host_start(host, "web"), 0);
}

/* The start waits for its guest, late as that is, until the daemon gives it up. */
static void what_cannot_be_undone_leaves_it_broken(void **state) {
        VmHost *host = *state;

        host_create(host, "late");
        host_let_fail(host, "JailRemove");
        host_start_root(host, true);
        assert_true(host_start(host, "late") < 0);
        assert_non_null(strstr(host->error.message, "cannot hear the guest: "));
        assert_non_null(strstr(host->error.message,
                               "undoing jail: bangerd-root: JailRemove does not work"));
        assert_int_equal(host_state(host, "late"), VM_BROKEN);
        assert_true(host_start(host, "late") < 0);
        assert_non_null(strstr(host->error.message, "vm \"late\" is broken"));
        assert_string_equal(host->error.hint, "run: banger vm stop late");
}

static void a_guest_that_cannot_be_heard_is_the_reason(void **state) {
        VmHost *host = *state;

        host_create(host, "late");
        host_start_root(host, true);
        assert_true(host_start(host, "late") < 0);
        assert_non_null(strstr(host->error.message,
                               "cannot start vm \"late\": cannot hear the guest: "));
        assert_null(strstr(host->error.message, "cancelled"));
        assert_int_not_equal(host->error.kind, ERROR_CANCELED);
        assert_int_equal(host_state(host, "late"), VM_STOPPED);
}

static void slots_are_taken_in_order_and_given_back(void **state) {
        VmHost *host = *state;
        char name[] = "b";
        const VmRef ref = {.vm = name};
        VmInfo info;

        host_create(host, "a");
        host_create(host, "b");
        assert_int_equal(host_start(host, "a"), 0);
        assert_int_equal(host_start(host, "b"), 0);
        assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
        assert_int_equal(info.slot, 2);
        schema_clear(&vm_info_schema, &info);
}

static void while_it_starts_it_takes_no_second_start(void **state) {
        VmHost *host = *state;
        VarlinkClient *first;

        host_create(host, "slow");
        first = host_send_start(host, "slow");
        host_wait_state(host, "slow", VM_STARTING);
        assert_int_equal(host_start(host, "slow"), -EBUSY);
        assert_non_null(strstr(host->error.hint, "banger operation cancel"));
        host_open_gate(host);
        assert_int_equal(host_receive(host, first), 0);
        assert_int_equal(host_state(host, "slow"), VM_RUNNING);
}

static void a_start_can_be_cancelled(void **state) {
        VmHost *host = *state;
        VarlinkClient *client;
        char operation[16];

        host_create(host, "late");
        client = host_send_start(host, "late");
        host_wait_state(host, "late", VM_STARTING);
        host_operation(host, "late", operation);
        assert_int_equal(host_cancel(host, operation), 0);
        assert_true(host_receive(host, client) < 0);
        assert_int_equal(host->error.kind, ERROR_CANCELED);
        assert_int_equal(host_state(host, "late"), VM_STOPPED);
}

/* All threads wait for guests that hang. */
static void hang_all_threads(VmHost *host, VarlinkClient *ret_clients[2]) {
        host_create(host, "slow-a");
        host_create(host, "slow-b");
        ret_clients[0] = host_send_start(host, "slow-a");
        ret_clients[1] = host_send_start(host, "slow-b");
        host_wait_state(host, "slow-a", VM_STARTING);
        host_wait_state(host, "slow-b", VM_STARTING);
}

static void release(VmHost *host, VarlinkClient *clients[2]) {
        host_open_gate(host);
        host_open_gate(host);
        assert_int_equal(host_receive(host, clients[0]), 0);
        assert_int_equal(host_receive(host, clients[1]), 0);
}

static void while_all_threads_hang_a_start_that_waits_can_be_cancelled(void **state) {
        VmHost *host = *state;
        VarlinkClient *hanging[2], *waiting;
        char operation[16];

        host_create(host, "web");
        hang_all_threads(host, hanging);
        waiting = host_send_start(host, "web");
        host_wait_state(host, "web", VM_STARTING);
        host_operation(host, "web", operation);
        assert_int_equal(host_cancel(host, operation), 0);
        assert_true(host_receive(host, waiting) < 0);
        assert_int_equal(host->error.kind, ERROR_CANCELED);
        assert_non_null(strstr(host->error.message, operation));
        assert_int_equal(host_state(host, "web"), VM_STOPPED);
        release(host, hanging);
        assert_int_equal(host_start(host, "web"), 0);
}

static void while_all_threads_hang_guests_are_reached_and_vms_deleted(void **state) {
        VmHost *host = *state;
        char name[] = "web";
        const VmConnect connect = {.vm = name, .timeout_s = 10};
        VarlinkClient *hanging[2];
        int fd = -1;

        host_create(host, "web");
        host_create(host, "old");
        assert_int_equal(host_start(host, "web"), 0);
        hang_all_threads(host, hanging);
        assert_int_equal(host_call(host, &interface_vm, "Connect", &connect, NULL, &fd), 0);
        close_fd(fd);
        assert_int_equal(host_delete(host, "old", false), 0);
        release(host, hanging);
}

/* "" for none. */
static void shown_reason(VmHost *host, const char *name, char ret[256]) {
        char copy[64];
        const VmRef ref = {.vm = copy};
        VmInfo info;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
        (void) snprintf(ret, 256, "%s", info.reason ? info.reason : "");
        schema_clear(&vm_info_schema, &info);
}

/* As the guest in slot 1. */
static void report(const VmHost *host, GuestStage stage, const char *message) {
        VarlinkClient *client = NULL;
        char path[96], text[64];
        const HostReport in = {.stage = (int) stage, .message = text};

        (void) snprintf(text, sizeof(text), "%s", message);
        (void) snprintf(path, sizeof(path), "%s/jail", host->directory);
        assert_int_equal(chmod(host->directory, 0755), 0);
        assert_int_equal(chmod(path, 0777), 0);
        assert_int_equal(seteuid(vm_slot_uid(1)), 0);
        assert_int_equal(varlink_client_connect(path, &client, NULL), 0);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(varlink_client_call(client, &interface_host, "Report", &in, NULL, NULL, 0,
                                             NULL, clock_monotonic_usec() + PATIENCE_USEC, NULL),
                         0);
        varlink_client_free(client);
}

static void wait_launched(VmHost *host, const char *name) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
        char copy[64];
        const VmRef ref = {.vm = copy};
        int readiness = VM_READINESS_NONE;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        while (readiness < VM_READINESS_LAUNCHED) {
                VmInfo info;

                assert_true(clock_monotonic_usec() < deadline);
                assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
                readiness = info.readiness;
                schema_clear(&vm_info_schema, &info);
        }
}

static void what_its_guest_lacks_is_shown_while_it_runs(void **state) {
        VmHost *host = *state;
        VarlinkClient *starter;
        char name[] = "late", reason[256];
        const VmStop stop = {.vm = name, .force = true, .timeout_s = 1};
        VmProgress last = {};

        if (getuid() != 0)
                skip();
        host_create(host, name);
        starter = host_send_start(host, name);
        wait_launched(host, name);
        report(host, GUEST_AGENT, "work disk: cannot mount /dev/vdb");
        host_open_gate(host);
        assert_int_equal(host_receive(host, starter), 0);
        shown_reason(host, name, reason);
        assert_string_equal(reason, "work disk: cannot mount /dev/vdb");
        assert_int_equal(host_state(host, name), VM_RUNNING);
        /* As the agent that calls again. */
        report(host, GUEST_INIT, "work disk: other");
        shown_reason(host, name, reason);
        assert_string_equal(reason, "work disk: other");
        assert_int_equal(host_call(host, &interface_vm, "Stop", &stop, &last, NULL), 0);
        assert_null(last.vm->reason);
        schema_clear(&vm_progress_schema, &last);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_start_tells_its_stages_and_ends_running),
                TEST(a_failing_step_is_named_and_the_earlier_are_undone),
                TEST(what_cannot_be_undone_leaves_it_broken),
                TEST(a_guest_that_cannot_be_heard_is_the_reason),
                TEST(slots_are_taken_in_order_and_given_back),
                TEST(while_it_starts_it_takes_no_second_start),
                TEST(a_start_can_be_cancelled),
                TEST(while_all_threads_hang_a_start_that_waits_can_be_cancelled),
                TEST(while_all_threads_hang_guests_are_reached_and_vms_deleted),
                TEST(what_its_guest_lacks_is_shown_while_it_runs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
