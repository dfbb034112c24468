#include "tests/unit/daemon/vm-host.h"

/* A VM that runs, its daemon gone; the helper's inventory has it, systemd its descriptors. */
static void leave_running(VmHost *host, const char *name) {
        host_create(host, name);
        assert_int_equal(host_start(host, name), 0);
        host_id(host, name, host->kept_id);
        process_stop(host->daemon);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, host->console), 0);
        host_write(host, "active", host->kept_id);
}

static VmInfo show(VmHost *host, const char *name) {
        char copy[64];
        const VmRef ref = {.vm = copy};
        VmInfo info;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
        return info;
}

static int connect_agent(VmHost *host, const char *name) {
        char copy[64];
        const VmConnect in = {.vm = copy, .timeout_s = 20};
        int fd = -1, r;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        r = host_call(host, &interface_vm, "Connect", &in, NULL, &fd);
        close_fd(fd);
        return r;
}

static void what_runs_is_taken_over(void **state) {
        VmHost *host = *state;

        leave_running(host, "web");
        host_start_daemon(host);
        assert_int_equal(host_state(host, "web"), VM_RUNNING);
        assert_int_equal(connect_agent(host, "web"), 0);
}

static void what_runs_no_more_is_cleaned_up(void **state) {
        VmHost *host = *state;
        VmInfo info;

        leave_running(host, "web");
        host_write(host, "active", "");
        host_start_daemon(host);
        host_wait_state(host, "web", VM_STOPPED);
        info = show(host, "web");
        assert_non_null(info.reason);
        schema_clear(&vm_info_schema, &info);
        assert_true(host_count_calls(host, "DiskDetach") > 0);
}

static void without_an_inventory_it_is_broken_and_keeps_what_is_its(void **state) {
        VmHost *host = *state;
        VmInfo info;

        leave_running(host, "web");
        host_let_fail(host, "Inventory");
        host_start_daemon(host);
        info = show(host, "web");
        assert_int_equal(info.state, VM_BROKEN);
        assert_non_null(strstr(info.reason, "cannot tell whether it runs"));
        assert_non_null(strstr(info.reason, "Inventory does not work"));
        schema_clear(&vm_info_schema, &info);
        /* Neither its disks nor its slot. */
        assert_int_equal(host_delete(host, "web", false), -EBUSY);
        assert_int_equal(host_count_calls(host, "DiskDetach"), 0);
        host_create(host, "other");
        assert_int_equal(host_start(host, "other"), 0);
        info = show(host, "other");
        assert_int_equal(info.slot, 2);
        schema_clear(&vm_info_schema, &info);
}

static void it_is_taken_over_once_the_helper_can_tell(void **state) {
        VmHost *host = *state;

        leave_running(host, "web");
        host_let_fail(host, "Inventory");
        host_start_daemon(host);
        assert_int_equal(host_state(host, "web"), VM_BROKEN);
        host_let_fail(host, "");
        host_wait_state(host, "web", VM_RUNNING);
        assert_int_equal(connect_agent(host, "web"), 0);
        assert_int_equal(host_count_calls(host, "Stop"), 0);
}

/* Before that the set has no guest, and those that run would be cut off. */
static void the_network_is_not_applied_before_it_is_known_what_runs(void **state) {
        VmHost *host = *state;
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
        _cleanup_free_ char *text = NULL;

        leave_running(host, "web");
        host_write(host, "network", "");
        host_write(host, "calls", "");
        host->reloads = true;
        host_start_daemon(host);
        while (!text || !strstr(text, host->kept_id)) {
                assert_true(clock_monotonic_usec() < deadline);
                free(steal_ptr(text));
                (void) io_read_file(host->dir_fd, "network", 4096, &text, NULL);
        }
        assert_int_equal(host_count_calls(host, "NetworkSet"), 1);
}

static void one_that_never_ran_is_not_concerned(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        process_stop(host->daemon);
        host_let_fail(host, "Inventory");
        host_start_daemon(host);
        assert_int_equal(host_state(host, "web"), VM_STOPPED);
        assert_int_equal(host_delete(host, "web", false), 0);
}

static void a_helper_that_fails_in_a_take_over_costs_no_vm(void **state) {
        VmHost *host = *state;

        leave_running(host, "web");
        host_let_fail(host, "Sockets");
        host_start_daemon(host);
        while (host_count_calls(host, "Inventory") < 2)
                assert_int_equal(host_state(host, "web"), VM_RUNNING);
        assert_int_equal(host_count_calls(host, "Stop"), 0);
        host_let_fail(host, "");
        assert_int_equal(connect_agent(host, "web"), 0);
}

static void a_guest_that_ends_in_a_take_over_is_told_as_that(void **state) {
        VmHost *host = *state;
        VmInfo info;

        leave_running(host, "web");
        host_hold(host, "Sockets");
        host_start_daemon(host);
        while (host_count_calls(host, "Sockets") < 2)
                assert_int_equal(host_state(host, "web"), VM_RUNNING);
        host->console[1] = close_fd(host->console[1]);
        host_let_fail(host, "Sockets");
        host_hold(host, "");
        host_wait_state(host, "web", VM_STOPPED);
        info = show(host, "web");
        assert_string_equal(info.reason, "its VMM ended without a word of the guest");
        schema_clear(&vm_info_schema, &info);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_runs_is_taken_over),
                TEST(what_runs_no_more_is_cleaned_up),
                TEST(without_an_inventory_it_is_broken_and_keeps_what_is_its),
                TEST(it_is_taken_over_once_the_helper_can_tell),
                TEST(the_network_is_not_applied_before_it_is_known_what_runs),
                TEST(one_that_never_ran_is_not_concerned),
                TEST(a_helper_that_fails_in_a_take_over_costs_no_vm),
                TEST(a_guest_that_ends_in_a_take_over_is_told_as_that),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
