/* How many connections of the host are served, each by a real process on a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/api-guest.h"
#include "common/clock.h"
#include "common/varlink-poll.h"
#include "guest/sessions.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)
#define ALL (SESSIONS_MAX + SESSIONS_SPARE)

typedef struct Agent {
        Sessions sessions;
        VarlinkClient *clients[ALL];
        size_t n_clients;
        int stopped[2]; /* a byte comes when a session ends the guest */
} Agent;

static int stopped_fd = -1;

/* What ends the guest says so instead. */
static void stop_fake(_unused_ InitKind init, _unused_ uint64_t timeout_usec) {
        _exit(write(stopped_fd, "s", 1) == 1 ? 0 : 1);
}

/* The other clients' ends, or their sessions would never see them leave. */
static void leave(void *userdata) {
        Agent *agent = userdata;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t i = 0; i < agent->n_clients; i++)
                close_fd(varlink_client_fd(agent->clients[i]));
}

static int setup(void **state) {
        Agent *agent = calloc(1, sizeof(*agent));

        assert_non_null(agent);
        assert_int_equal(pipe2(agent->stopped, O_CLOEXEC), 0);
        stopped_fd = agent->stopped[1];
        agent->sessions = (Sessions) {
                .config = {.init = INIT_SYSTEMD, .stop = stop_fake},
                .spare_idle_usec = PATIENCE_USEC,
                .forked = leave,
                .userdata = agent,
        };
        *state = agent;
        return 0;
}

static void reap_until(Agent *agent, size_t n) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        for (;;) {
                sessions_reap(&agent->sessions);
                if (agent->sessions.n <= n || clock_monotonic_usec() >= deadline)
                        break;
                (void) sched_yield();
        }
        assert_int_equal(agent->sessions.n, n);
}

static void hang_up(Agent *agent, size_t i) {
        agent->clients[i] = varlink_client_free(agent->clients[i]);
        agent->clients[i] = agent->clients[--agent->n_clients];
}

static int teardown(void **state) {
        Agent *agent = *state;

        while (agent->n_clients > 0)
                hang_up(agent, agent->n_clients - 1);
        reap_until(agent, 0);
        close_fd(agent->stopped[0]);
        close_fd(agent->stopped[1]);
        free(agent);
        return 0;
}

static VarlinkClient *connect_one(Agent *agent) {
        VarlinkClient *client = NULL;
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(varlink_client_new(pair[0], &client), 0);
        agent->clients[agent->n_clients++] = client;
        assert_int_equal(sessions_start(&agent->sessions, pair[1]), 0);
        return client;
}

static void connect_many(Agent *agent, size_t n) {
        while (agent->n_clients < n)
                (void) connect_one(agent);
}

static int call(VarlinkClient *client, const char *method, const void *in, void *out,
                Error *reterr) {
        return varlink_client_call(client, &interface_guest, method, in, out, NULL, 0, NULL,
                                   clock_monotonic_usec() + PATIENCE_USEC, reterr);
}

static int run_true(VarlinkClient *client, Error *reterr) {
        char name[] = "true";
        const GuestExec exec = {.command = (char *[]) {name, NULL}};

        return call(client, "Exec", &exec, NULL, reterr);
}

static void the_last_session_may_run_a_command(void **state) {
        Agent *agent = *state;

        connect_many(agent, SESSIONS_MAX - 1);
        assert_int_equal(run_true(connect_one(agent), NULL), 0);
}

static void a_command_beyond_the_sessions_is_refused_as_busy(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        Agent *agent = *state;

        connect_many(agent, SESSIONS_MAX);
        assert_false(sessions_full(&agent->sessions));
        assert_int_equal(run_true(connect_one(agent), &error), -EBUSY);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_non_null(strstr(error.message, "too many commands"));
        assert_non_null(error.hint);
}

static void a_stop_is_heard_beyond_the_sessions(void **state) {
        const GuestStop stop = {.timeout_ms = 3000};
        Agent *agent = *state;
        struct pollfd item = {.fd = agent->stopped[0], .events = POLLIN};

        connect_many(agent, SESSIONS_MAX);
        assert_int_equal(call(connect_one(agent), "Stop", &stop, NULL, NULL), 0);
        assert_int_equal(poll(&item, 1, (int) (PATIENCE_USEC / USEC_PER_MSEC)), 1);
}

static void a_command_runs_again_when_a_session_has_ended(void **state) {
        Agent *agent = *state;

        connect_many(agent, SESSIONS_MAX);
        hang_up(agent, 0);
        reap_until(agent, SESSIONS_MAX - 1);
        assert_int_equal(run_true(connect_one(agent), NULL), 0);
}

static void a_spare_connection_ends_without_calls(void **state) {
        Agent *agent = *state;

        connect_many(agent, SESSIONS_MAX);
        agent->sessions.spare_idle_usec = 20 * USEC_PER_MSEC;
        (void) connect_one(agent);
        reap_until(agent, SESSIONS_MAX);
}

static void all_connections_are_bounded(void **state) {
        GuestInfo info = {.version = NULL};
        Agent *agent = *state;

        connect_many(agent, ALL - 1);
        assert_false(sessions_full(&agent->sessions));
        assert_int_equal(call(connect_one(agent), "Info", NULL, &info, NULL), 0);
        schema_clear(&guest_info_schema, &info);
        assert_true(sessions_full(&agent->sessions));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_last_session_may_run_a_command),
                TEST(a_command_beyond_the_sessions_is_refused_as_busy),
                TEST(a_stop_is_heard_beyond_the_sessions),
                TEST(a_command_runs_again_when_a_session_has_ended),
                TEST(a_spare_connection_ends_without_calls),
                TEST(all_connections_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
