/* NAT and forwarded ports of VMs: what is stored, and what the helper is asked for. */
#include "tests/unit/daemon/vm-host.h"

static int create_with(VmHost *host, const char *name, bool nat, const char *publish) {
        char copy[64], image[] = "debian", text[64];
        char *texts[] = {text, NULL};
        const VmCreate in = {.name = copy, .image = image, .vcpus = 1, .memory_mib = 256,
                             .nat = nat, .publish = publish ? texts : NULL};
        VmInfo info = {.id = NULL};
        int r;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        (void) snprintf(text, sizeof(text), "%s", publish ? publish : "");
        r = host_call(host, &interface_vm, "Create", &in, &info, NULL);
        if (r >= 0)
                schema_clear(&vm_info_schema, &info);
        return r;
}

static int change(VmHost *host, const char *method, const char *name, const char *forward) {
        char vm[64], text[64];
        const ForwardChange in = {.vm = vm, .forward = text};

        (void) snprintf(vm, sizeof(vm), "%s", name);
        (void) snprintf(text, sizeof(text), "%s", forward);
        return host_call(host, &interface_forward, method, &in, NULL, NULL);
}

static int add(VmHost *host, const char *name, const char *forward) {
        return change(host, "Add", name, forward);
}

static int set_nat(VmHost *host, const char *name, VmSwitch nat) {
        char vm[64];
        const VmSet in = {.vm = vm, .nat = nat};

        (void) snprintf(vm, sizeof(vm), "%s", name);
        return host_call(host, &interface_vm, "Set", &in, NULL, NULL);
}

static int stop(VmHost *host, const char *name) {
        char vm[64];
        const VmStop in = {.vm = vm, .force = true, .timeout_s = 5};
        VmProgress last = {};
        int r;

        (void) snprintf(vm, sizeof(vm), "%s", name);
        r = host_call(host, &interface_vm, "Stop", &in, &last, NULL);
        schema_clear(&vm_progress_schema, &last);
        return r;
}

/* All that `vm show` says of the network, as "nat a b". */
static void assert_shown(VmHost *host, const char *name, const char *expected) {
        char vm[64];
        const VmRef ref = {.vm = vm};
        _cleanup_free_ char *forwards = NULL, *shown = NULL;
        VmInfo info;

        (void) snprintf(vm, sizeof(vm), "%s", name);
        assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
        forwards = strv_join(info.forwards, " ");
        shown = string_format("%s%s", info.nat ? "nat " : "", forwards ? forwards : "");
        schema_clear(&vm_info_schema, &info);
        assert_string_equal(shown, expected);
}

/* What the helper was given last: ids as they are, which the test has in expected's place. */
static void assert_applied(const VmHost *host, const char *expected) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(io_read_file(host->dir_fd, "network", 65536, &text, NULL), 0);
        assert_string_equal(text, expected);
}

static char *guest_line(VmHost *host, const char *name, const char *rest) {
        char id[VM_ID_LENGTH + 1];
        char *line;

        host_id(host, name, id);
        line = string_format("%s %s\n", id, rest);
        assert_non_null(line);
        return line;
}

static void assert_applied_two(VmHost *host, const char *name, const char *guest,
                               const char *forward) {
        _cleanup_free_ char *first = guest_line(host, name, guest);
        _cleanup_free_ char *second = forward ? guest_line(host, name, forward) : NULL;
        _cleanup_free_ char *both = string_format("%s%s", first, second ? second : "");

        assert_applied(host, both);
}

/* That of the daemon's start, which clients do not wait for. */
static void assert_applied_once(const VmHost *host) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        while (host_count_calls(host, "NetworkSet") == 0)
                assert_true(clock_monotonic_usec() < deadline);
        assert_int_equal(host_count_calls(host, "NetworkSet"), 1);
}

static void a_start_has_what_the_vm_was_made_with(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, "web", true, "8080:80"), 0);
        assert_shown(host, "web", "nat 127.0.0.1:8080:80/tcp");
        assert_applied_once(host);
        assert_int_equal(host_start(host, "web"), 0);
        assert_applied_two(host, "web", "1 nat", "127.0.0.1:8080:80/tcp");
        assert_int_equal(stop(host, "web"), 0);
        assert_applied(host, "");
}

static void a_forward_of_a_running_vm_is_applied_at_once(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(host_start(host, "web"), 0);
        assert_applied_two(host, "web", "1", NULL);
        assert_int_equal(add(host, "web", "0.0.0.0:5300:5353/udp"), 0);
        assert_applied_two(host, "web", "1", "0.0.0.0:5300:5353/udp");
        assert_shown(host, "web", "0.0.0.0:5300:5353/udp");
        assert_int_equal(change(host, "Remove", "web", "0.0.0.0:5300:5353/udp"), 0);
        assert_applied_two(host, "web", "1", NULL);
        assert_shown(host, "web", "");
}

static void one_of_a_stopped_vm_is_for_its_next_start(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(add(host, "web", "8080:80"), 0);
        assert_applied_once(host);
        host_restart_daemon(host);
        assert_shown(host, "web", "127.0.0.1:8080:80/tcp");
        assert_int_equal(host_start(host, "web"), 0);
        assert_applied_two(host, "web", "1", "127.0.0.1:8080:80/tcp");
}

static void what_the_helper_refuses_is_taken_back(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(host_start(host, "web"), 0);
        host_let_fail(host, "NetworkSet");
        assert_true(add(host, "web", "8080:80") < 0);
        assert_string_equal(host->error.message, "cannot change the network of vm \"web\": "
                                                 "bangerd-root: NetworkSet does not work");
        assert_shown(host, "web", "");
        assert_true(set_nat(host, "web", VM_SWITCH_YES) < 0);
        assert_shown(host, "web", "");
        host_let_fail(host, "");
        host_restart_daemon(host); /* in the store neither */
        assert_shown(host, "web", "");
}

static void nat_is_switched_while_it_runs(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(host_start(host, "web"), 0);
        assert_int_equal(set_nat(host, "web", VM_SWITCH_YES), 0);
        assert_applied_two(host, "web", "1 nat", NULL);
        assert_shown(host, "web", "nat ");
        assert_int_equal(set_nat(host, "web", VM_SWITCH_NO), 0);
        assert_applied_two(host, "web", "1", NULL);
        assert_true(set_nat(host, "web", VM_SWITCH_KEEP) < 0);
        assert_int_equal(host->error.kind, ERROR_INVALID_PARAMETER);
}

static void a_port_of_another_vm_is_refused_with_a_way_out(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, "db", false, "0.0.0.0:8080:80"), 0);
        assert_true(create_with(host, "web", false, "8080:81") < 0);
        assert_int_equal(host->error.kind, ERROR_ALREADY_EXISTS);
        assert_string_equal(host->error.message, "port 8080 (tcp) leads to vm \"db\" already, by "
                                                 "0.0.0.0:8080:80/tcp");
        assert_string_equal(host->error.hint, "choose another port, or run: banger forward remove "
                                              "db 0.0.0.0:8080:80/tcp");
        assert_int_equal(host_state(host, "web"), -1);
        host_create(host, "web");
        assert_true(add(host, "web", "8080:81") < 0);
        assert_int_equal(host->error.kind, ERROR_ALREADY_EXISTS);
        assert_true(add(host, "db", "8080:80") < 0);
        assert_int_equal(host->error.kind, ERROR_ALREADY_EXISTS);
        assert_int_equal(add(host, "web", "8080:80/udp"), 0);
        assert_int_equal(host_delete(host, "db", false), 0);
        assert_int_equal(add(host, "web", "8080:80"), 0);
}

static void a_port_that_is_given_twice_is_refused(void **state) {
        VmHost *host = *state;
        char name[] = "web", image[] = "debian", first[] = "8080:80", second[] = "0.0.0.0:8080:81";
        char *texts[] = {first, second, NULL};
        const VmCreate in = {.name = name, .image = image, .vcpus = 1, .memory_mib = 256,
                             .publish = texts};
        VmInfo info;

        assert_true(host_call(host, &interface_vm, "Create", &in, &info, NULL) < 0);
        assert_int_equal(host->error.kind, ERROR_INVALID_PARAMETER);
        assert_string_equal(host->error.field, "publish");
        assert_non_null(strstr(host->error.message, "0.0.0.0:8080:81"));
}

static void one_that_is_not_there_is_not_removed(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(add(host, "web", "8080:80"), 0);
        assert_true(change(host, "Remove", "web", "8080:81") < 0);
        assert_int_equal(host->error.kind, ERROR_NOT_FOUND);
        assert_string_equal(host->error.message,
                            "vm \"web\" has no forward 127.0.0.1:8080:81/tcp");
        assert_true(add(host, "none", "8080:80") < 0);
        assert_int_equal(host->error.kind, ERROR_NOT_FOUND);
}

static void a_port_that_is_roots_is_refused_before_any_start(void **state) {
        VmHost *host = *state;

        host_write(host, "first_port", "1024");
        assert_true(create_with(host, "web", false, "80:80") < 0);
        assert_int_equal(host->error.kind, ERROR_NOT_PERMITTED);
        assert_string_equal(host->error.message, "ports below 1024 are root's on this host");
        assert_string_equal(host->error.hint, "choose a port from 1024 to 65535");
        assert_int_equal(host_state(host, "web"), -1);
        assert_int_equal(create_with(host, "web", false, "1024:80"), 0);
        assert_true(add(host, "web", "1023:80") < 0);
        assert_int_equal(host->error.kind, ERROR_NOT_PERMITTED);
        /* As the host is set now; and the helper has the last word where it cannot say. */
        host_write(host, "first_port", "80");
        assert_int_equal(add(host, "web", "80:80"), 0);
        host_write(host, "first_port", "none");
        assert_int_equal(add(host, "web", "79:80"), 0);
}

static VarlinkClient *send_remove(const VmHost *host, const char *name, const char *forward) {
        char vm[64], text[64];
        const ForwardChange in = {.vm = vm, .forward = text};

        (void) snprintf(vm, sizeof(vm), "%s", name);
        (void) snprintf(text, sizeof(text), "%s", forward);
        return host_send(host, "io.banger.Forward.Remove", &forward_change_schema, &in);
}

static void wait_for_sets(const VmHost *host, size_t n) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        while (host_count_calls(host, "NetworkSet") < n)
                assert_true(clock_monotonic_usec() < deadline);
}

/* A removal that fails puts the port back where it was. */
static void a_port_that_is_being_taken_away_is_not_free_yet(void **state) {
        VmHost *host = *state;
        VarlinkClient *client;
        size_t before;

        assert_int_equal(create_with(host, "web", false, "8080:80"), 0);
        host_create(host, "db");
        assert_int_equal(host_start(host, "web"), 0);
        before = host_count_calls(host, "NetworkSet");
        host_hold(host, "NetworkSet");
        client = send_remove(host, "web", "8080:80");
        wait_for_sets(host, before + 1);
        assert_true(add(host, "db", "8080:80") < 0);
        assert_int_equal(host->error.kind, ERROR_BUSY);
        assert_true(create_with(host, "other", false, "0.0.0.0:8080:80") < 0);
        assert_int_equal(add(host, "db", "8081:80"), 0);
        host_let_fail(host, "NetworkSet");
        host_hold(host, "");
        assert_true(host_receive(host, client) < 0);
        assert_shown(host, "web", "127.0.0.1:8080:80/tcp");
        host_let_fail(host, "");
        assert_int_equal(change(host, "Remove", "web", "8080:80"), 0);
        assert_int_equal(add(host, "db", "8080:80"), 0);
}

static void wait_until_applied(VmHost *host) {
        wait_for_sets(host, 1);
        /* It is written after it is counted. */
        host_create(host, "barrier");
        assert_int_equal(host_start(host, "barrier"), 0);
        assert_int_equal(stop(host, "barrier"), 0);
}

/* The helper may have done it all the same. */
static void what_is_taken_back_is_applied_again(void **state) {
        VmHost *host = *state;
        size_t before;

        host_create(host, "web");
        assert_int_equal(host_start(host, "web"), 0);
        host_let_fail(host, "NetworkSet");
        assert_true(add(host, "web", "8080:80") < 0);
        host_write(host, "network", "what the kernel had");
        before = host_count_calls(host, "NetworkSet");
        host_let_fail(host, "");
        wait_for_sets(host, before + 1);
        wait_until_applied(host);
        assert_applied_two(host, "web", "1", NULL);
        assert_int_equal(host_state(host, "web"), VM_RUNNING);
}

static char *why_not_active(VmHost *host, const char *name) {
        char vm[64];
        const ForwardQuery in = {.vm = vm};
        const ForwardInfo *items;
        ForwardList list;
        char *reason;

        (void) snprintf(vm, sizeof(vm), "%s", name);
        assert_int_equal(host_call(host, &interface_forward, "List", &in, &list, NULL), 0);
        items = list.forwards.items;
        assert_int_equal(list.forwards.n_items, 1);
        assert_int_equal(items[0].active, !items[0].reason);
        reason = items[0].reason ? strdup(items[0].reason) : NULL;
        schema_clear(&forward_list_schema, &list);
        return reason;
}

/* Its rule was lost, with the whole table, and another program has the port since. */
static void one_that_can_be_no_more_keeps_no_other_vm_from_anything(void **state) {
        VmHost *host = *state;
        _cleanup_free_ char *why = NULL;

        assert_int_equal(create_with(host, "web", false, "8080:80"), 0);
        host_create(host, "db");
        assert_int_equal(host_start(host, "web"), 0);
        assert_null(why_not_active(host, "web"));
        host_write(host, "refuses", "8080");
        assert_int_equal(host_start(host, "db"), 0);
        why = why_not_active(host, "web");
        assert_string_equal(why, "somebody listens there");
        assert_int_equal(stop(host, "db"), 0);
        assert_int_equal(stop(host, "web"), 0);
        assert_int_equal(host_state(host, "web"), VM_STOPPED);
        assert_true(host_start(host, "web") < 0);
        assert_int_equal(host->error.kind, ERROR_BUSY);
}

static void assert_listed(VmHost *host, const char *name, const char *expected) {
        char vm[64];
        const ForwardQuery in = {.vm = name ? vm : NULL};
        char text[256] = "";
        const ForwardInfo *items;
        ForwardList list;

        (void) snprintf(vm, sizeof(vm), "%s", name ? name : "");
        assert_int_equal(host_call(host, &interface_forward, "List", &in, &list, NULL), 0);
        items = list.forwards.items;
        for (size_t i = 0; i < list.forwards.n_items; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s:%d:%d%s\n",
                                items[i].vm, items[i].address, (int) items[i].host_port,
                                (int) items[i].guest_port, items[i].active ? " active" : "");
        schema_clear(&forward_list_schema, &list);
        assert_string_equal(text, expected);
}

static void they_are_listed_by_vm_and_in_their_order(void **state) {
        VmHost *host = *state;

        assert_listed(host, NULL, "");
        host_create(host, "web");
        host_create(host, "db");
        assert_int_equal(add(host, "web", "8082:2"), 0);
        assert_int_equal(add(host, "web", "8081:1"), 0);
        assert_int_equal(add(host, "db", "8083:3"), 0);
        assert_int_equal(host_start(host, "db"), 0);
        assert_listed(host, NULL, "db 127.0.0.1:8083:3 active\nweb 127.0.0.1:8082:2\n"
                                  "web 127.0.0.1:8081:1\n");
        assert_listed(host, "web", "web 127.0.0.1:8082:2\nweb 127.0.0.1:8081:1\n");
}

static void a_vm_that_is_busy_is_not_changed(void **state) {
        VmHost *host = *state;
        VarlinkClient *client;

        host_create(host, "slow");
        client = host_send_start(host, "slow");
        host_wait_state(host, "slow", VM_STARTING);
        assert_true(add(host, "slow", "8080:80") < 0);
        assert_int_equal(host->error.kind, ERROR_BUSY);
        assert_shown(host, "slow", "");
        host_open_gate(host);
        assert_int_equal(host_receive(host, client), 0);
}

static void one_that_cannot_be_applied_fails_the_start_and_breaks_nothing(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        host_let_fail(host, "NetworkSet");
        assert_true(host_start(host, "web") < 0);
        assert_non_null(strstr(host->error.message, "cannot start vm \"web\": tap: bangerd-root: "
                                                    "NetworkSet does not work"));
        assert_int_equal(host_state(host, "web"), VM_STOPPED);
        assert_true(host_count_calls(host, "TapDelete") > 0);
}

static void one_that_cannot_be_taken_away_is_said_and_can_be_repaired(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, "web", false, "8080:80"), 0);
        assert_int_equal(host_start(host, "web"), 0);
        host_let_fail(host, "NetworkSet");
        assert_true(stop(host, "web") < 0);
        assert_int_equal(host_state(host, "web"), VM_BROKEN);
        assert_true(add(host, "web", "8081:80") < 0);
        assert_int_equal(host->error.kind, ERROR_UNAVAILABLE);
        host_let_fail(host, "");
        assert_int_equal(stop(host, "web"), 0);
        assert_applied(host, "");
}

/* A VM that runs, its daemon gone. */
static void leave_running(VmHost *host, const char *name) {
        assert_int_equal(host_start(host, name), 0);
        host_id(host, name, host->kept_id);
        process_stop(host->daemon);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, host->console), 0);
        host_write(host, "active", host->kept_id);
        host_write(host, "network", "what the kernel had");
        host_write(host, "calls", "");
}

static void what_is_taken_over_is_applied_once_and_whole(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, "web", true, "8080:80"), 0);
        leave_running(host, "web");
        host_start_daemon(host);
        assert_int_equal(host_state(host, "web"), VM_RUNNING);
        wait_until_applied(host);
        assert_int_equal(host_count_calls(host, "NetworkSet"), 3); /* two of the barrier */
        assert_applied_two(host, "web", "1 nat", "127.0.0.1:8080:80/tcp");
}

static void what_stopped_meanwhile_is_in_the_set_no_more(void **state) {
        VmHost *host = *state;

        assert_int_equal(create_with(host, "web", true, "8080:80"), 0);
        leave_running(host, "web");
        host_write(host, "active", "");
        host_start_daemon(host);
        host_wait_state(host, "web", VM_STOPPED);
        wait_until_applied(host);
        assert_applied(host, "");
}

/* Nobody knows whether it runs; another that starts must not cut it off. */
static void one_that_nobody_knows_of_keeps_its_network(void **state) {
        VmHost *host = *state;
        _cleanup_free_ char *first = NULL, *second = NULL, *third = NULL, *all = NULL;

        assert_int_equal(create_with(host, "web", true, "8080:80"), 0);
        leave_running(host, "web");
        host_let_fail(host, "Inventory");
        host_start_daemon(host);
        assert_int_equal(host_state(host, "web"), VM_BROKEN);
        host_create(host, "other");
        assert_int_equal(host_start(host, "other"), 0);
        first = guest_line(host, "web", "1 nat");
        second = guest_line(host, "other", "2");
        third = guest_line(host, "web", "127.0.0.1:8080:80/tcp");
        all = string_format("%s%s%s", first, second, third);
        assert_applied(host, all);
}

static void a_set_that_cannot_be_applied_yet_is_tried_again(void **state) {
        VmHost *host = *state;
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        assert_int_equal(create_with(host, "web", true, NULL), 0);
        leave_running(host, "web");
        host_let_fail(host, "NetworkSet");
        host_start_daemon(host);
        assert_int_equal(host_state(host, "web"), VM_RUNNING);
        while (host_count_calls(host, "NetworkSet") == 0)
                assert_true(clock_monotonic_usec() < deadline);
        host_let_fail(host, "");
        while (host_count_calls(host, "NetworkSet") < 2)
                assert_true(clock_monotonic_usec() < deadline);
        wait_until_applied(host);
        assert_applied_two(host, "web", "1 nat", NULL);
        assert_int_equal(host_state(host, "web"), VM_RUNNING);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_start_has_what_the_vm_was_made_with),
                TEST(a_forward_of_a_running_vm_is_applied_at_once),
                TEST(one_of_a_stopped_vm_is_for_its_next_start),
                TEST(what_the_helper_refuses_is_taken_back),
                TEST(nat_is_switched_while_it_runs),
                TEST(a_port_of_another_vm_is_refused_with_a_way_out),
                TEST(a_port_that_is_given_twice_is_refused),
                TEST(one_that_is_not_there_is_not_removed),
                TEST(a_port_that_is_roots_is_refused_before_any_start),
                TEST(a_port_that_is_being_taken_away_is_not_free_yet),
                TEST(what_is_taken_back_is_applied_again),
                TEST(one_that_can_be_no_more_keeps_no_other_vm_from_anything),
                TEST(they_are_listed_by_vm_and_in_their_order),
                TEST(a_vm_that_is_busy_is_not_changed),
                TEST(one_that_cannot_be_applied_fails_the_start_and_breaks_nothing),
                TEST(one_that_cannot_be_taken_away_is_said_and_can_be_repaired),
                TEST(what_is_taken_over_is_applied_once_and_whole),
                TEST(what_stopped_meanwhile_is_in_the_set_no_more),
                TEST(one_that_nobody_knows_of_keeps_its_network),
                TEST(a_set_that_cannot_be_applied_yet_is_tried_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
