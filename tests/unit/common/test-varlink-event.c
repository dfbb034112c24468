#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/varlink-event.h"
#include "tests/unit/common/fake-service.h"

#define CLIENTS_MAX 3
#define SHORT_USEC (30 * USEC_PER_MSEC)
#define DEADLINE_USEC (20 * USEC_PER_SEC)

#define ECHO_A "{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"a\"}}"
#define LATER_A "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}"
#define ONEWAY_LATER_A                                                                             \
        "{\"method\":\"io.banger.Fake.Later\",\"oneway\":true,\"parameters\":{\"text\":\"a\"}}"
#define ONEWAY_ECHO_A                                                                              \
        "{\"method\":\"io.banger.Fake.Echo\",\"oneway\":true,\"parameters\":{\"text\":\"a\"}}"

typedef struct Fixture {
        Fake fake;
        VarlinkServerConfig config;
        VarlinkServer *server;
        VarlinkListenerConfig listening;
        VarlinkListener *listener;
        sd_event *event;
        struct sockaddr_un address;
        socklen_t address_size;
        bool forbidden; /* what authorize does */
        Peer peer;      /* whom it saw */
        char reply[65536];
        size_t reply_size;
} Fixture;

static int authorize(const Peer *peer, void *userdata) {
        Fixture *fixture = userdata;

        fixture->peer = *peer;
        return fixture->forbidden ? -EPERM : 0;
}

static int listen_anywhere(Fixture *fixture) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* An abstract address that the kernel chooses (unix(7), autobind). */
        fixture->address.sun_family = AF_UNIX;
        if (fd < 0 ||
            bind(fd, (const struct sockaddr *) &fixture->address, sizeof(sa_family_t)) < 0)
                return -1;
        fixture->address_size = sizeof(fixture->address);
        if (getsockname(fd, (struct sockaddr *) &fixture->address, &fixture->address_size) < 0 ||
            listen(fd, 64) < 0)
                return -1;
        return fd;
}

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));
        int fd;

        if (!fixture || sd_event_new(&fixture->event) < 0)
                return -1;
        fd = listen_anywhere(fixture);
        fixture->config = fake_config(&fixture->fake, &varlink_limits_daemon);
        fixture->listening = (VarlinkListenerConfig) {
                .clients_max = CLIENTS_MAX,
                .stall_timeout_usec = DEADLINE_USEC,
                .authorize = authorize,
                .userdata = fixture,
        };
        if (fd < 0 || varlink_server_new(&fixture->config, &fixture->server) < 0)
                return -1;
        *state = fixture;
        return varlink_listener_new(fixture->event, fixture->server, fd, &fixture->listening,
                                    &fixture->listener);
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        varlink_listener_free(fixture->listener);
        for (size_t i = 0; i < fixture->fake.n_kept; i++)
                varlink_call_unref(fixture->fake.kept[i]);
        varlink_server_free(fixture->server);
        sd_event_unref(fixture->event);
        free(fixture);
        return 0;
}

static void listen_again(Fixture *fixture, uint64_t stall_timeout_usec) {
        int fd;

        varlink_listener_free(fixture->listener);
        fixture->address = (struct sockaddr_un) {.sun_family = AF_UNIX};
        fd = listen_anywhere(fixture);
        fixture->listening.stall_timeout_usec = stall_timeout_usec;
        assert_int_equal(varlink_listener_new(fixture->event, fixture->server, fd,
                                              &fixture->listening, &fixture->listener),
                         0);
}

static int connect_client(const Fixture *fixture) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &fixture->address,
                                 fixture->address_size),
                         0);
        return fd;
}

/* All that is to be done now, without waiting. */
static size_t settle(Fixture *fixture) {
        size_t n = 0;

        while (sd_event_run(fixture->event, 0) > 0)
                assert_true(++n < 20000);
        return n;
}

static void wait_for_log(Fixture *fixture, const char *log) {
        uint64_t deadline = clock_monotonic_usec() + DEADLINE_USEC;

        while (strcmp(fixture->fake.log, log) != 0) {
                if (clock_monotonic_usec() > deadline)
                        fail_msg("still: %s", fixture->fake.log);
                assert_true(sd_event_run(fixture->event, SHORT_USEC) >= 0);
        }
}

static void send_text(int fd, const char *text) {
        assert_int_equal(io_write_full(fd, text, strlen(text) + 1), 0);
}

/* Takes what is there. 1 when there was something, 0 at the end, -EAGAIN. */
static int drain(Fixture *fixture, int fd) {
        ssize_t size = recv(fd, fixture->reply + fixture->reply_size,
                            sizeof(fixture->reply) - fixture->reply_size, MSG_DONTWAIT);

        if (size < 0)
                return errno == ECONNRESET ? 0 : -errno;
        fixture->reply_size += (size_t) size;
        return size > 0;
}

static void expect_reply(Fixture *fixture, int fd, const char *reply) {
        settle(fixture);
        fixture->reply_size = 0;
        assert_int_equal(drain(fixture, fd), 1);
        assert_int_equal(fixture->reply_size, strlen(reply) + 1);
        assert_string_equal(fixture->reply, reply);
}

static void answer(Fixture *fixture, size_t kept, const char *text) {
        char copy[32];
        FakeText reply = {.text = copy};

        (void) snprintf(copy, sizeof(copy), "%s", text);
        assert_int_equal(varlink_call_reply(fixture->fake.kept[kept], &reply), 0);
}

static void expect_closed(Fixture *fixture, int fd) {
        settle(fixture);
        fixture->reply_size = 0;
        assert_int_equal(drain(fixture, fd), 0);
}

static void a_client_is_served(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_text(fd, ECHO_A);
        expect_reply(fixture, fd, "{\"parameters\":{\"text\":\"a\"}}");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 1);
        assert_int_equal(fixture->peer.uid, getuid());
        assert_int_equal(fixture->peer.pid, getpid());
}

static void a_message_in_single_bytes_is_served(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        for (size_t i = 0; i < sizeof(ECHO_A); i++) {
                assert_int_equal(io_write_full(fd, &ECHO_A[i], 1), 0);
                settle(fixture);
        }
        expect_reply(fixture, fd, "{\"parameters\":{\"text\":\"a\"}}");
}

static void a_client_that_leaves_is_forgotten(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        settle(fixture);
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 1);
        close_fd(fd);
        settle(fixture);
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
        assert_string_equal(fixture->fake.log, "");
}

static void a_client_that_leaves_without_reading_is_no_fault(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        send_text(fd, ECHO_A);
        settle(fixture);
        close_fd(fd);
        settle(fixture);
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
        assert_string_equal(fixture->fake.log, "echo:a done:Echo");
}

static void a_late_reply_is_sent_and_the_next_call_taken(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_text(fd, LATER_A);
        send_text(fd, ECHO_A);
        settle(fixture);
        assert_string_equal(fixture->fake.log, "later:a");
        answer(fixture, 0, "A");
        settle(fixture);
        assert_string_equal(fixture->fake.log, "later:a done:Later echo:a done:Echo");
}

static void a_slow_call_delays_no_other_client(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int slow = connect_client(fixture), quick = connect_client(fixture);

        send_text(slow, LATER_A);
        send_text(quick, ECHO_A);
        expect_reply(fixture, quick, "{\"parameters\":{\"text\":\"a\"}}");
        answer(fixture, 0, "A");
        expect_reply(fixture, slow, "{\"parameters\":{\"text\":\"A\"}}");
}

static void a_client_that_leaves_during_its_call_is_noticed(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        fixture->fake.drop_when_gone = true;
        send_text(fd, LATER_A);
        settle(fixture);
        close_fd(fd);
        settle(fixture);
        assert_string_equal(fixture->fake.log, "later:a gone done:Later=Canceled");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void a_client_that_leaves_with_calls_waiting_is_noticed(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        send_text(fd, LATER_A);
        send_text(fd, ECHO_A);
        settle(fixture);
        send_text(fd, ECHO_A);
        close_fd(fd);
        settle(fixture);
        assert_string_equal(fixture->fake.log, "later:a gone");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
        answer(fixture, 0, "A");
}

static void a_half_closed_client_still_gets_its_late_reply(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_text(fd, LATER_A);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        settle(fixture);
        assert_string_equal(fixture->fake.log, "later:a");
        answer(fixture, 0, "A");
        expect_reply(fixture, fd, "{\"parameters\":{\"text\":\"A\"}}");
        expect_closed(fixture, fd);
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void a_half_closed_client_that_then_leaves_is_noticed(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        send_text(fd, LATER_A);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        settle(fixture);
        close_fd(fd);
        settle(fixture);
        assert_string_equal(fixture->fake.log, "later:a gone");
}

static void oneway_calls_are_all_taken_though_the_client_left(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        send_text(fd, ONEWAY_LATER_A);
        send_text(fd, ONEWAY_ECHO_A);
        send_text(fd, ONEWAY_ECHO_A);
        close_fd(fd);
        settle(fixture);
        assert_string_equal(fixture->fake.log, "later:a");
        answer(fixture, 0, "A");
        settle(fixture);
        assert_string_equal(fixture->fake.log,
                            "later:a done:Later echo:a done:Echo echo:a done:Echo");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void a_hung_up_oneway_client_does_not_spin(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        send_text(fd, ONEWAY_LATER_A);
        send_text(fd, ONEWAY_ECHO_A);
        close_fd(fd);
        assert_true(settle(fixture) < 20);
        assert_int_equal(settle(fixture), 0);
        answer(fixture, 0, "A");
}

static void a_client_that_pipelines_during_a_call_is_held_back(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);
        size_t n = 0;

        send_text(fd, LATER_A);
        settle(fixture);
        /* The socket fills up, for nobody reads it: else this would go on for ever. */
        while (send(fd, ECHO_A, sizeof(ECHO_A), MSG_DONTWAIT) > 0) {
                settle(fixture);
                assert_true(++n < 100000);
        }
        assert_int_equal(errno, EAGAIN);
        assert_string_equal(fixture->fake.log, "later:a");
}

static void further_clients_are_closed_at_once(void **state) {
        Fixture *fixture = *state;
        int fds[CLIENTS_MAX], extra;

        for (size_t i = 0; i < CLIENTS_MAX; i++)
                fds[i] = connect_client(fixture);
        extra = connect_client(fixture);
        expect_closed(fixture, extra);
        close_fd(extra);
        assert_int_equal(varlink_listener_n_clients(fixture->listener), CLIENTS_MAX);
        assert_string_equal(fixture->fake.log, "refused:Busy");
        close_fd(fds[0]);
        settle(fixture);
        fds[0] = connect_client(fixture);
        send_text(fds[0], ECHO_A);
        expect_reply(fixture, fds[0], "{\"parameters\":{\"text\":\"a\"}}");
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                close_fd(fds[i]);
}

static void a_peer_that_may_not_speak_is_closed_without_a_word(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        fixture->forbidden = true;
        send_text(fd, ECHO_A);
        expect_closed(fixture, fd);
        assert_string_equal(fixture->fake.log, "refused:NotPermitted");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void half_a_message_stalls(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = -1;

        listen_again(fixture, SHORT_USEC);
        fd = connect_client(fixture);
        assert_int_equal(io_write_full(fd, "{", 1), 0);
        wait_for_log(fixture, "refused:TimedOut");
        expect_closed(fixture, fd);
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void replies_that_are_not_read_stall(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = -1;

        listen_again(fixture, SHORT_USEC);
        fd = connect_client(fixture);
        send_text(fd, "{\"method\":\"io.banger.Fake.Count\",\"more\":true,"
                      "\"parameters\":{\"text\":\"n\",\"number\":20000}}");
        wait_for_log(fixture, "count done:Count refused:TimedOut");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void output_past_the_cap_cuts_the_client(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_text(fd, "{\"method\":\"io.banger.Fake.Count\",\"more\":true,"
                      "\"parameters\":{\"text\":\"n\",\"number\":200000}}");
        settle(fixture);
        assert_string_equal(fixture->fake.log, "count done:Count=Failed");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void an_idle_client_and_a_slow_call_do_not_stall(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int idle = -1, slow = -1, stalled = -1;

        listen_again(fixture, SHORT_USEC);
        idle = connect_client(fixture);
        slow = connect_client(fixture);
        send_text(slow, LATER_A);
        settle(fixture);
        /* A third one's end shows that the time has passed. */
        stalled = connect_client(fixture);
        assert_int_equal(io_write_full(stalled, "{", 1), 0);
        wait_for_log(fixture, "later:a refused:TimedOut");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 2);
}

/* Reads until the connection closes or so many bytes have come. */
static size_t read_all(Fixture *fixture, int fd, size_t wanted) {
        uint64_t deadline = clock_monotonic_usec() + DEADLINE_USEC;
        size_t total = 0;
        int r;

        while (total < wanted && clock_monotonic_usec() < deadline) {
                fixture->reply_size = 0;
                r = drain(fixture, fd);
                total += fixture->reply_size;
                if (r == 0)
                        break;
                if (r == -EAGAIN)
                        assert_true(sd_event_run(fixture->event, 0) >= 0);
        }
        return total;
}

static void a_slow_reader_gets_everything(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);
        /* {"parameters":{"text":"n","number":N},"continues":true} and its NUL */
        size_t wanted = 0;

        for (unsigned i = 1; i <= 20000; i++)
                wanted += 1 + (size_t) snprintf(
                                      NULL, 0, "{\"parameters\":{\"text\":\"n\",\"number\":%u}%s}",
                                      i, i < 20000 ? ",\"continues\":true" : "");
        send_text(fd, "{\"method\":\"io.banger.Fake.Count\",\"more\":true,"
                      "\"parameters\":{\"text\":\"n\",\"number\":20000}}");
        settle(fixture);
        assert_int_equal(read_all(fixture, fd, wanted), wanted);
        settle(fixture);
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 1);
}

static void many_calls_at_once_are_all_answered(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);
        size_t one = strlen("{\"parameters\":{\"text\":\"a\"}}") + 1;

        for (size_t i = 0; i < 500; i++) {
                send_text(fd, ECHO_A);
                /* The socket has room for fewer; far more than one batch of the server's. */
                if (i % 100 == 99)
                        settle(fixture);
        }
        assert_int_equal(read_all(fixture, fd, 500 * one), 500 * one);
}

static void what_is_no_json_closes_after_the_replies_before_it(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_text(fd, ECHO_A);
        send_text(fd, "hello");
        expect_reply(fixture, fd, "{\"parameters\":{\"text\":\"a\"}}");
        expect_closed(fixture, fd);
        assert_string_equal(fixture->fake.log, "echo:a done:Echo refused:Protocol");
}

static void a_message_past_the_limit_is_cut(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = -1;
        VarlinkLimits limits = {.message_max = 16, .output_max = 100, .fds_max = 0};

        fixture->config.limits = &limits;
        fd = connect_client(fixture);
        assert_int_equal(io_write_full(fd, "{                ", 17), 0);
        expect_closed(fixture, fd);
        assert_string_equal(fixture->fake.log, "refused:Protocol");
}

static void leaving_midway_is_told(void **state) {
        Fixture *fixture = *state;
        int fd = connect_client(fixture);

        assert_int_equal(io_write_full(fd, "{", 1), 0);
        close_fd(fd);
        settle(fixture);
        assert_string_equal(fixture->fake.log, "refused:Protocol");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
}

static void descriptors_reach_the_client(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);
        VarlinkMessage message;
        VarlinkWire *wire;

        send_text(fd, "{\"method\":\"io.banger.Fake.Give\","
                      "\"parameters\":{\"text\":\"abc\",\"number\":2}}");
        settle(fixture);
        assert_int_equal(varlink_wire_new(&varlink_limits_client, &wire), 0);
        assert_int_equal(varlink_wire_receive(wire, fd, NULL), 1);
        assert_int_equal(varlink_wire_next(wire, &message, NULL), 1);
        assert_int_equal(message.n_fds, 2);
        varlink_message_clear(&message);
        varlink_wire_free(wire);
}

static void an_upgrade_gets_the_socket_and_the_rest(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_text(fd, "{\"method\":\"io.banger.Fake.Leave\",\"upgrade\":true}");
        assert_int_equal(io_write_full(fd, "raw", 3), 0);
        expect_reply(fixture, fd, "{\"parameters\":{}}");
        assert_string_equal(fixture->fake.log, "done:Leave upgraded");
        assert_string_equal(fixture->fake.upgraded_rest, "raw");
        assert_int_equal(varlink_listener_n_clients(fixture->listener), 0);
        assert_int_equal(io_write_full(fixture->fake.upgraded_fd, "x", 2), 0);
        expect_reply(fixture, fd, "x");
        close_fd(fixture->fake.upgraded_fd);
}

static void freeing_the_listener_tells_calls_under_way(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_text(fd, LATER_A);
        settle(fixture);
        fixture->listener = varlink_listener_free(fixture->listener);
        assert_string_equal(fixture->fake.log, "later:a gone");
        assert_true(varlink_call_gone(fixture->fake.kept[0]));
        expect_closed(fixture, fd);
        answer(fixture, 0, "A");
        settle(fixture);
}

static void running_out_of_descriptors_neither_spins_nor_loses_a_client(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);
        struct rlimit before, none;
        int next = dup(fd);

        close_fd(next);
        send_text(fd, ECHO_A);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = before;
        none.rlim_cur = (rlim_t) next;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_true(settle(fixture) < 10);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_string_equal(fixture->fake.log, "");
        wait_for_log(fixture, "echo:a done:Echo");
}

static void freeing_nothing_is_allowed(void **state) {
        (void) state;
        assert_null(varlink_listener_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_client_is_served, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_message_in_single_bytes_is_served, setup, teardown),
                cmocka_unit_test_setup_teardown(a_client_that_leaves_is_forgotten, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_client_that_leaves_without_reading_is_no_fault, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_late_reply_is_sent_and_the_next_call_taken, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_slow_call_delays_no_other_client, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_client_that_leaves_during_its_call_is_noticed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_client_that_leaves_with_calls_waiting_is_noticed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_half_closed_client_still_gets_its_late_reply, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_half_closed_client_that_then_leaves_is_noticed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        oneway_calls_are_all_taken_though_the_client_left, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_hung_up_oneway_client_does_not_spin, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_client_that_pipelines_during_a_call_is_held_back, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        further_clients_are_closed_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_peer_that_may_not_speak_is_closed_without_a_word, setup, teardown),
                cmocka_unit_test_setup_teardown(half_a_message_stalls, setup, teardown),
                cmocka_unit_test_setup_teardown(replies_that_are_not_read_stall, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        output_past_the_cap_cuts_the_client, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_idle_client_and_a_slow_call_do_not_stall, setup, teardown),
                cmocka_unit_test_setup_teardown(a_slow_reader_gets_everything, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        many_calls_at_once_are_all_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        what_is_no_json_closes_after_the_replies_before_it, setup, teardown),
                cmocka_unit_test_setup_teardown(a_message_past_the_limit_is_cut, setup, teardown),
                cmocka_unit_test_setup_teardown(leaving_midway_is_told, setup, teardown),
                cmocka_unit_test_setup_teardown(descriptors_reach_the_client, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_upgrade_gets_the_socket_and_the_rest, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        freeing_the_listener_tells_calls_under_way, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        running_out_of_descriptors_neither_spins_nor_loses_a_client,
                        setup, teardown),
                cmocka_unit_test(freeing_nothing_is_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
