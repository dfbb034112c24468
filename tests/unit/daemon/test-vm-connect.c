#include "tests/unit/daemon/vm-host.h"

static VmConnect connect_to(char *name, int64_t timeout_s) {
        return (VmConnect) {.vm = name, .timeout_s = timeout_s};
}

static int host_dial(VmHost *host, char *name, int64_t timeout_s, int *ret_fd) {
        const VmConnect in = connect_to(name, timeout_s);

        return host_call(host, &interface_vm, "Connect", &in, NULL, ret_fd);
}

static VarlinkClient *send_connect(const VmHost *host, char *name, int64_t timeout_s) {
        const VmConnect in = connect_to(name, timeout_s);

        return host_send(host, "io.banger.VM.Connect", &vm_connect_schema, &in);
}

static void a_guest_that_is_ready_is_dialled(void **state) {
        VmHost *host = *state;
        char name[] = "web", text[6] = "";
        int fd = -1;

        host_create(host, name);
        assert_int_equal(host_start(host, name), 0);
        assert_int_equal(host_dial(host, name, 10, &fd), 0);
        /* What comes after the VMM's own line is the agent's. */
        assert_int_equal(io_read_full(fd, text, 5), 0);
        assert_string_equal(text, "hello");
        close_fd(fd);
}

static void one_that_does_not_run_is_refused_with_a_remedy(void **state) {
        VmHost *host = *state;
        char name[] = "web";

        host_create(host, name);
        assert_true(host_dial(host, name, 10, NULL) < 0);
        assert_int_equal(host->error.kind, ERROR_UNAVAILABLE);
        assert_string_equal(host->error.hint, "run: banger vm start web");
}

/* Answered, a second call has been taken after the first. */
static void wait_until_taken(VmHost *host, const char *name) {
        assert_int_equal(host_state(host, name), VM_STARTING);
}

static void while_it_starts_a_call_waits_until_it_is_ready(void **state) {
        VmHost *host = *state;
        VarlinkClient *starting, *waiting;
        char name[] = "late";

        host_create(host, name);
        starting = host_send_start(host, name);
        host_wait_state(host, name, VM_STARTING);
        waiting = send_connect(host, name, 10);
        wait_until_taken(host, name);
        host_open_gate(host);
        assert_int_equal(host_receive(host, starting), 0);
        assert_int_equal(host_receive(host, waiting), 0);
}

static void a_start_that_fails_ends_the_wait(void **state) {
        VmHost *host = *state;
        VarlinkClient *starting, *waiting;
        char name[] = "late", operation[16];

        host_create(host, name);
        starting = host_send_start(host, name);
        host_wait_state(host, name, VM_STARTING);
        waiting = send_connect(host, name, 1000);
        wait_until_taken(host, name);
        host_operation(host, name, operation);
        assert_int_equal(host_cancel(host, operation), 0);
        assert_true(host_receive(host, starting) < 0);
        assert_true(host_receive(host, waiting) < 0);
        assert_non_null(strstr(host->error.message, "vm \"late\" is not running"));
}

static void a_wait_has_a_deadline(void **state) {
        VmHost *host = *state;
        char name[] = "mute";

        host_create(host, name);
        assert_int_equal(host_start(host, name), 0);
        assert_int_equal(host_dial(host, name, 1, NULL), -ETIMEDOUT);
        assert_non_null(strstr(host->error.message, "vm \"mute\" was not ready within 1 s"));
}

static void a_client_that_leaves_while_it_waits_harms_nothing(void **state) {
        VmHost *host = *state;
        VarlinkClient *starting, *waiting, *other;
        char name[] = "late";
        int fd = -1;

        host_create(host, name);
        starting = host_send_start(host, name);
        host_wait_state(host, name, VM_STARTING);
        waiting = send_connect(host, name, 10);
        other = send_connect(host, name, 10);
        wait_until_taken(host, name);
        varlink_client_free(waiting);
        wait_until_taken(host, name);
        host_open_gate(host);
        assert_int_equal(host_receive(host, starting), 0);
        assert_int_equal(host_receive(host, other), 0);
        assert_int_equal(host_dial(host, name, 10, &fd), 0);
        close_fd(fd);
}

static void a_guest_without_an_agent_is_said(void **state) {
        VmHost *host = *state;
        char name[] = "web";

        host_create(host, name);
        assert_int_equal(host_start(host, name), 0);
        process_stop(host->guest);
        host->guest = 0;
        assert_true(host_dial(host, name, 10, NULL) < 0);
        assert_non_null(strstr(host->error.message, "vm \"web\": "));
        assert_string_equal(host->error.object, "web");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_guest_that_is_ready_is_dialled),
                TEST(one_that_does_not_run_is_refused_with_a_remedy),
                TEST(while_it_starts_a_call_waits_until_it_is_ready),
                TEST(a_start_that_fails_ends_the_wait),
                TEST(a_wait_has_a_deadline),
                TEST(a_client_that_leaves_while_it_waits_harms_nothing),
                TEST(a_guest_without_an_agent_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
