#include "tests/unit/daemon/vm-host.h"

/* The guest of a VM that runs has ended, and its clean-up has come to the helper, which holds it. */
static void end_and_hold(VmHost *host, const char *name) {
        host_create(host, name);
        assert_int_equal(host_start(host, name), 0);
        host_hold(host, "Reap");
        assert_int_equal(kill(host->root, SIGUSR1), 0);
        host_wait_state(host, name, VM_STOPPING);
        while (host_count_calls(host, "Reap") == 0)
                ;
}

/* It waits: the daemon has taken it and answers others meanwhile. */
static VarlinkClient *send_held(VmHost *host, const char *method, const Schema *schema,
                                const void *in) {
        VarlinkClient *client = host_send(host, method, schema, in);

        assert_int_equal(host_state(host, "web"), VM_STOPPING);
        return client;
}

static void a_start_waits_for_a_clean_up_that_nobody_asked_for(void **state) {
        VmHost *host = *state;
        char name[] = "web";
        VarlinkClient *client;

        end_and_hold(host, name);
        client = send_held(host, "io.banger.VM.Start", &vm_ref_schema, &(VmRef) {.vm = name});
        host_hold(host, "");
        assert_int_equal(host_receive(host, client), 0);
        assert_int_equal(host_state(host, name), VM_RUNNING);
}

static void several_wait_and_are_answered_in_order(void **state) {
        VmHost *host = *state;
        char name[] = "web";
        const VmStop stop = {.vm = name, .timeout_s = 5};
        VarlinkClient *stopping, *deleting;

        end_and_hold(host, name);
        stopping = send_held(host, "io.banger.VM.Stop", &vm_stop_schema, &stop);
        deleting = send_held(host, "io.banger.VM.Delete", &vm_delete_schema,
                             &(VmDelete) {.vm = name, .force = true});
        host_hold(host, "");
        /* The deletion cancels what the stop began, or comes after it. */
        (void) host_receive(host, stopping);
        assert_int_equal(host_receive(host, deleting), 0);
        assert_int_equal(host_state(host, name), -1);
}

static void a_deletion_without_force_takes_what_has_ended(void **state) {
        VmHost *host = *state;
        char name[] = "web";
        VarlinkClient *client;

        end_and_hold(host, name);
        client = send_held(host, "io.banger.VM.Delete", &vm_delete_schema,
                           &(VmDelete) {.vm = name});
        host_hold(host, "");
        assert_int_equal(host_receive(host, client), 0);
        assert_int_equal(host_state(host, name), -1);
}

static void what_somebody_asked_for_is_still_busy(void **state) {
        VmHost *host = *state;
        char name[] = "web";
        const VmStop stop = {.vm = name, .force = true, .timeout_s = 1};
        VarlinkClient *client;

        host_create(host, name);
        assert_int_equal(host_start(host, name), 0);
        host_hold(host, "Reap");
        client = host_send(host, "io.banger.VM.Stop", &vm_stop_schema, &stop);
        host_wait_state(host, name, VM_STOPPING);
        assert_int_equal(host_start(host, name), -EBUSY);
        host_hold(host, "");
        assert_int_equal(host_receive(host, client), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_start_waits_for_a_clean_up_that_nobody_asked_for),
                TEST(several_wait_and_are_answered_in_order),
                TEST(a_deletion_without_force_takes_what_has_ended),
                TEST(what_somebody_asked_for_is_still_busy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
