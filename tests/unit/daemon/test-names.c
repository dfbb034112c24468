#include "tests/unit/daemon/vm-host.h"

#include "tests/unit/daemon/dns-query.h"

/* Of the daemon that runs; one a test. */
static struct sockaddr_in names_address;

static int names_setup(void **state) {
        struct sockaddr_in tcp_address;
        VmHost *host;
        int r = host_setup(state);

        host = *state;
        vm_host_names.udp = loopback_socket(SOCK_DGRAM, &names_address);
        vm_host_names.tcp = loopback_socket(SOCK_STREAM, &tcp_address);
        assert_int_equal(listen(vm_host_names.tcp, 4), 0);
        host_restart_daemon(host);
        return r;
}

static int names_teardown(void **state) {
        vm_host_names.udp = close_fd(vm_host_names.udp);
        vm_host_names.tcp = close_fd(vm_host_names.tcp);
        return host_teardown(state);
}

static void assert_unknown(const char *name) {
        const Reply reply = ask_server(&names_address, name, DNS_TYPE_A);

        assert_int_equal(reply_rcode(&reply), DNS_NXDOMAIN);
        assert_int_equal(n_answers(&reply), 0);
}

static void assert_address(const char *name, uint8_t last_octet) {
        const Reply reply = ask_server(&names_address, name, DNS_TYPE_A);

        assert_int_equal(reply_rcode(&reply), DNS_NOERROR);
        assert_int_equal(n_answers(&reply), 1);
        assert_memory_equal(reply.bytes + find_record(&reply, 0).data,
                            ((uint8_t[]) {172, 30, 0, last_octet}), 4);
}

static void assert_points(const char *reverse, const char *name) {
        const Reply reply = ask_server(&names_address, reverse, DNS_TYPE_PTR);
        char target[64] = "";
        size_t at;

        assert_int_equal(n_answers(&reply), name != NULL);
        if (!name)
                return;
        at = find_record(&reply, 0).data;
        read_reply_name(&reply, &at, target, sizeof(target));
        assert_string_equal(target, name);
}

static void host_stop(VmHost *host, const char *name) {
        char copy[64];
        const VmStop in = {.vm = copy, .force = true, .timeout_s = 10};
        VmProgress last = {};

        (void) snprintf(copy, sizeof(copy), "%s", name);
        assert_int_equal(host_call(host, &interface_vm, "Stop", &in, &last, NULL), 0);
        schema_clear(&vm_progress_schema, &last);
}

static void wait_for_calls(const VmHost *host, const char *verb, size_t n) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        while (host_count_calls(host, verb) < n)
                assert_true(clock_monotonic_usec() < deadline);
}

static void a_name_is_there_while_its_vm_runs_and_no_longer(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        host_create(host, "db");
        assert_unknown("web.vm");
        assert_int_equal(host_start(host, "db"), 0);
        assert_int_equal(host_start(host, "web"), 0);
        assert_address("db.vm", 2);
        assert_address("web.vm", 3);
        assert_points("2.0.30.172.in-addr.arpa", "db.vm.");
        assert_points("3.0.30.172.in-addr.arpa", "web.vm.");
        host_stop(host, "web");
        assert_unknown("web.vm");
        assert_points("3.0.30.172.in-addr.arpa", NULL);
        assert_address("db.vm", 2);
}

static void a_start_that_is_under_way_has_no_name_yet(void **state) {
        VmHost *host = *state;
        VarlinkClient *client;

        host_create(host, "late");
        client = host_send_start(host, "late");
        host_wait_state(host, "late", VM_STARTING);
        assert_unknown("late.vm");
        host_open_gate(host);
        assert_int_equal(host_receive(host, client), 0);
        assert_address("late.vm", 2);
}

static void each_start_has_the_resolver_set(void **state) {
        VmHost *host = *state;
        size_t before;

        host_create(host, "web");
        before = host_count_calls(host, "ResolverSet");
        assert_int_equal(host_start(host, "web"), 0);
        wait_for_calls(host, "ResolverSet", before + 1);
        assert_int_equal(host_count_calls(host, "ResolverClear"), 0);
}

static void a_resolver_that_fails_costs_no_start(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        host_let_fail(host, "ResolverSet");
        assert_int_equal(host_start(host, "web"), 0);
        wait_for_calls(host, "ResolverSet", 1);
        assert_int_equal(host_state(host, "web"), VM_RUNNING);
        assert_address("web.vm", 2);
}

/* resolved may come back, and nobody starts a VM for that. */
static void a_resolver_that_fails_is_set_again_while_a_vm_runs(void **state) {
        VmHost *host = *state;
        size_t before;

        host_create(host, "web");
        host_let_fail(host, "ResolverSet");
        assert_int_equal(host_start(host, "web"), 0);
        wait_for_calls(host, "ResolverSet", 1);
        host_let_fail(host, "");
        before = host_count_calls(host, "ResolverSet");
        wait_for_calls(host, "ResolverSet", before + 1);
}

/* A process of its own, or the daemon's would have the socket too. */
static pid_t start_sharer(void) {
        int fd = loopback_sharer(vm_host_names.udp, &names_address);
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void) pause();
        }
        close_fd(fd);
        return pid;
}

/* Whoever shares the port is asked instead, until it has gone. */
static void names_are_routed_when_nobody_shares_the_port_any_more(void **state) {
        VmHost *host = *state;
        pid_t sharer = start_sharer();

        host_restart_daemon(host);
        host_create(host, "web");
        assert_int_equal(host_start(host, "web"), 0);
        wait_for_calls(host, "ResolverClear", 1);
        assert_int_equal(host_count_calls(host, "ResolverSet"), 0);
        process_stop(sharer);
        wait_for_calls(host, "ResolverSet", 1);
}

static void nobody_shares_the_port_with_the_daemon(void **state) {
        const int one = 1;
        int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_int_equal(
                setsockopt(vm_host_names.udp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        host_restart_daemon(*state);
        assert_unknown("web.vm");
        assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        assert_true(bind(other, (const struct sockaddr *) &names_address, sizeof(names_address)) <
                            0 &&
                    errno == EADDRINUSE);
        close_fd(other);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, names_setup, names_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_name_is_there_while_its_vm_runs_and_no_longer),
                TEST(a_start_that_is_under_way_has_no_name_yet),
                TEST(each_start_has_the_resolver_set),
                TEST(a_resolver_that_fails_costs_no_start),
                TEST(a_resolver_that_fails_is_set_again_while_a_vm_runs),
                TEST(names_are_routed_when_nobody_shares_the_port_any_more),
                TEST(nobody_shares_the_port_with_the_daemon),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
