#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/varlink-stall.h"
#include "common/varlink-wire.h"

static const VarlinkLimits small = {.message_max = 64, .output_max = 256, .fds_max = 2};

static int setup_with(void **state, const VarlinkLimits *limits) {
        VarlinkWire *wire;

        if (varlink_wire_new(limits, &wire) < 0)
                return -1;
        *state = wire;
        return 0;
}

static int setup(void **state) {
        return setup_with(state, &small);
}

static int teardown(void **state) {
        varlink_wire_free(*state);
        return 0;
}

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static int open_fd(void) {
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

        assert_true(fd >= 0);
        return fd;
}

/* Feeds with `n_fds` new descriptors, whose numbers are left in fds. */
static int feed_fds(VarlinkWire *wire, const char *bytes, size_t size, int *fds, size_t n_fds) {
        for (size_t i = 0; i < n_fds; i++)
                fds[i] = open_fd();
        return varlink_wire_feed(wire, bytes, size, fds, n_fds, NULL);
}

static int feed(VarlinkWire *wire, const char *bytes, size_t size) {
        return varlink_wire_feed(wire, bytes, size, NULL, 0, NULL);
}

/* The next message is this text and has so many descriptors; they are closed. */
static void expect(VarlinkWire *wire, const char *text, size_t n_fds) {
        VarlinkMessage message;

        assert_int_equal(varlink_wire_next(wire, &message, NULL), 1);
        assert_string_equal(
                json_object_to_json_string_ext(message.object, JSON_C_TO_STRING_PLAIN), text);
        assert_int_equal(message.n_fds, n_fds);
        varlink_message_clear(&message);
}

static void expect_none(VarlinkWire *wire) {
        VarlinkMessage message;

        assert_int_equal(varlink_wire_next(wire, &message, NULL), 0);
}

static void put(VarlinkWire *wire, const char *text, const int *fds, size_t n_fds, int expected) {
        _cleanup_json_ struct json_object *object = NULL;

        assert_int_equal(json_parse_object(text, strlen(text), &object, NULL), 0);
        assert_int_equal(varlink_wire_put(wire, object, fds, n_fds), expected);
}

static void messages_come_out_in_order(void **state) {
        assert_int_equal(feed(*state, "{\"a\":1}\0{\"a\":2}\0{\"a\"", 20), 0);
        assert_true(varlink_wire_ready(*state));
        expect(*state, "{\"a\":1}", 0);
        expect(*state, "{\"a\":2}", 0);
        expect_none(*state);
        assert_false(varlink_wire_ready(*state));
        assert_int_equal(feed(*state, ":3}\0", 4), 0);
        expect(*state, "{\"a\":3}", 0);
}

static void a_message_may_come_in_single_bytes(void **state) {
        static const char text[] = "{\"a\":[1,2,3]}";

        for (size_t i = 0; i < sizeof(text); i++) {
                expect_none(*state);
                assert_int_equal(varlink_wire_midway(*state), i > 0);
                assert_int_equal(feed(*state, text + i, 1), 0);
        }
        assert_false(varlink_wire_midway(*state));
        expect(*state, text, 0);
}

static void midway_is_only_the_unfinished_message(void **state) {
        assert_int_equal(feed(*state, "{}", 3), 0);
        assert_false(varlink_wire_midway(*state));
        assert_int_equal(feed(*state, "{", 1), 0);
        assert_true(varlink_wire_midway(*state));
        expect(*state, "{}", 0);
        assert_true(varlink_wire_midway(*state));
}

static void the_longest_message_is_taken(void **state) {
        char text[65];

        memset(text, ' ', sizeof(text));
        text[0] = '{';
        text[63] = '}';
        text[64] = 0;
        assert_int_equal(feed(*state, text, sizeof(text)), 0);
        expect(*state, "{}", 0);
}

static void a_message_that_is_too_long_is_refused(void **state) {
        char text[66];
        _cleanup_error_ Error error = ERROR_INIT;
        VarlinkMessage message;

        memset(text, ' ', sizeof(text));
        text[65] = 0;
        assert_int_equal(varlink_wire_feed(*state, text, sizeof(text), NULL, 0, &error), -EMSGSIZE);
        assert_int_equal(error.kind, ERROR_PROTOCOL);
        assert_int_equal(varlink_wire_next(*state, &message, NULL), -EMSGSIZE);
}

static void an_unfinished_message_that_is_too_long_is_refused(void **state) {
        char text[64];

        memset(text, ' ', sizeof(text));
        assert_int_equal(feed(*state, text, sizeof(text)), 0);
        assert_int_equal(feed(*state, text, 1), -EMSGSIZE);
}

static void what_is_no_json_breaks_the_wire_for_good(void **state) {
        static const char *const texts[] = {"", "[]", "{", "{\"a\":1,\"a\":1}", "hello"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                VarlinkMessage message;
                VarlinkWire *wire;
                int fd;

                assert_int_equal(varlink_wire_new(&small, &wire), 0);
                assert_int_equal(feed(wire, texts[i], strlen(texts[i]) + 1), 0);
                assert_int_equal(varlink_wire_next(wire, &message, &error), -EINVAL);
                assert_int_equal(error.kind, ERROR_PROTOCOL);
                assert_int_equal(feed_fds(wire, "{}", 3, &fd, 1), -EINVAL);
                assert_false(is_open(fd));
                assert_int_equal(varlink_wire_next(wire, &message, NULL), -EINVAL);
                put(wire, "{}", NULL, 0, -EINVAL);
                varlink_wire_free(wire);
        }
}

static void descriptors_belong_to_the_last_message_that_begins(void **state) {
        int fds[2];

        assert_int_equal(feed(*state, "{\"a\":1}\0{\"a\"", 12), 0);
        assert_int_equal(feed_fds(*state, ":2}\0{\"a\":3}\0{\"a\"", 16, fds, 2), 0);
        assert_int_equal(feed(*state, ":4}\0{}\0", 7), 0);
        expect(*state, "{\"a\":1}", 0);
        expect(*state, "{\"a\":2}", 0);
        expect(*state, "{\"a\":3}", 0);
        assert_true(is_open(fds[0]));
        expect(*state, "{\"a\":4}", 2);
        assert_false(is_open(fds[0]));
        expect(*state, "{}", 0);
}

static void descriptors_come_out_with_their_message(void **state) {
        VarlinkMessage message;
        int fds[2];

        assert_int_equal(feed_fds(*state, "{}", 3, fds, 2), 0);
        assert_int_equal(varlink_wire_next(*state, &message, NULL), 1);
        assert_int_equal(message.n_fds, 2);
        assert_int_equal(message.fds[0], fds[0]);
        assert_int_equal(message.fds[1], fds[1]);
        varlink_message_clear(&message);
        assert_false(is_open(fds[1]));
}

static void descriptors_in_the_middle_of_a_message_are_refused_and_closed(void **state) {
        int fd;

        assert_int_equal(feed(*state, "{", 1), 0);
        assert_int_equal(feed_fds(*state, "}", 2, &fd, 1), -EPROTO);
        assert_false(is_open(fd));
}

static void descriptors_without_bytes_are_refused_and_closed(void **state) {
        int fd;

        assert_int_equal(feed_fds(*state, "", 0, &fd, 1), -EPROTO);
        assert_false(is_open(fd));
}

static void too_many_descriptors_are_refused_and_closed(void **state) {
        int fds[3];

        assert_int_equal(feed_fds(*state, "{}", 3, fds, 3), -EMSGSIZE);
        for (size_t i = 0; i < 3; i++)
                assert_false(is_open(fds[i]));
}

static void descriptors_of_waiting_messages_are_bounded(void **state) {
        int fd, r = 0;
        size_t n = 0;

        while (n < 100 && r == 0) {
                r = feed_fds(*state, "{}", 3, &fd, 1);
                n += r == 0;
        }
        assert_int_equal(r, -EMSGSIZE);
        assert_int_equal(n, 8);
        assert_false(is_open(fd));
}

static void freeing_closes_what_waits(void **state) {
        VarlinkWire *wire;
        int in, out = open_fd();

        (void) state;
        assert_int_equal(varlink_wire_new(&small, &wire), 0);
        assert_int_equal(feed_fds(wire, "{}", 3, &in, 1), 0);
        put(wire, "{}", &out, 1, 0);
        assert_null(varlink_wire_free(wire));
        assert_false(is_open(in));
        assert_false(is_open(out));
        assert_null(varlink_wire_free(NULL));
}

static void the_rest_is_what_was_not_taken(void **state) {
        size_t size;

        assert_int_equal(feed(*state, "{}\0SSH-2.0", 10), 0);
        expect(*state, "{}", 0);
        assert_memory_equal(varlink_wire_rest(*state, &size), "SSH-2.0", 7);
        assert_int_equal(size, 7);
}

static void messages_are_sent_one_at_a_time_and_end_with_nul(void **state) {
        const int *fds;
        size_t size, n_fds;

        assert_null(varlink_wire_pending(*state, &size, &fds, &n_fds));
        put(*state, "{\"a\":\"/\"}", NULL, 0, 0);
        put(*state, "{\"b\":2}", NULL, 0, 0);
        assert_int_equal(varlink_wire_queued(*state), 18);
        assert_string_equal(varlink_wire_pending(*state, &size, &fds, &n_fds), "{\"a\":\"/\"}");
        assert_int_equal(size, 10);
        varlink_wire_sent(*state, 4);
        assert_string_equal(varlink_wire_pending(*state, &size, &fds, &n_fds), ":\"/\"}");
        assert_int_equal(size, 6);
        varlink_wire_sent(*state, 6);
        assert_string_equal(varlink_wire_pending(*state, &size, &fds, &n_fds), "{\"b\":2}");
        varlink_wire_sent(*state, size);
        assert_null(varlink_wire_pending(*state, &size, &fds, &n_fds));
        assert_int_equal(varlink_wire_queued(*state), 0);
        assert_int_equal(varlink_wire_progress(*state).bytes_out, 18);
}

static void descriptors_go_with_the_first_byte_of_their_own_message(void **state) {
        const int *fds;
        size_t size, n_fds;
        int fd = open_fd();

        put(*state, "{\"a\":1}", NULL, 0, 0);
        put(*state, "{\"b\":2}", &fd, 1, 0);
        varlink_wire_pending(*state, &size, &fds, &n_fds);
        assert_int_equal(n_fds, 0);
        assert_int_equal(size, 8);
        varlink_wire_sent(*state, size);
        varlink_wire_pending(*state, &size, &fds, &n_fds);
        assert_int_equal(n_fds, 1);
        assert_int_equal(fds[0], fd);
        varlink_wire_sent(*state, 1);
        assert_false(is_open(fd));
        varlink_wire_pending(*state, &size, &fds, &n_fds);
        assert_int_equal(n_fds, 0);
        assert_int_equal(size, 7);
}

static void output_past_the_cap_is_refused_and_its_descriptors_closed(void **state) {
        char text[201];
        int fd = open_fd();

        memset(text, ' ', sizeof(text));
        memcpy(text, "{\"a\":\"", 6);
        memset(text + 6, 'x', 190);
        memcpy(text + 196, "\"}", 3);
        put(*state, text, NULL, 0, 0);
        put(*state, text, &fd, 1, -ENOBUFS);
        assert_false(is_open(fd));
        put(*state, "{}", NULL, 0, 0);
}

static void too_many_descriptors_are_not_sent(void **state) {
        int fds[3] = {open_fd(), open_fd(), open_fd()};

        put(*state, "{}", fds, 3, -EMSGSIZE);
        for (size_t i = 0; i < 3; i++)
                assert_false(is_open(fds[i]));
        assert_int_equal(varlink_wire_queued(*state), 0);
}

static void bytes_that_are_not_utf8_go_out_replaced(void **state) {
        struct json_object *object = json_object_new_object();
        const int *fds;
        size_t size, n_fds;

        json_object_object_add(object, "a", json_object_new_string("x\xffy\xc3\xa9"));
        assert_int_equal(varlink_wire_put(*state, object, NULL, 0), 0);
        json_object_put(object);
        assert_string_equal(varlink_wire_pending(*state, &size, &fds, &n_fds),
                            "{\"a\":\"x\xef\xbf\xbdy\xc3\xa9\"}");
}

static void more_descriptors_than_a_message_can_have_are_no_limit(void **state) {
        const VarlinkLimits limits = {64, 64, VARLINK_FDS_MAX + 1};
        VarlinkWire *wire;

        (void) state;
        assert_int_equal(varlink_wire_new(&limits, &wire), -EINVAL);
}

typedef struct Pair {
        int fds[2];
        VarlinkWire *near, *far;
} Pair;

static int setup_pair(void **state) {
        Pair *pair = calloc(1, sizeof(*pair));

        if (!pair || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->fds) < 0 ||
            varlink_wire_new(&varlink_limits_client, &pair->near) < 0 ||
            varlink_wire_new(&varlink_limits_daemon, &pair->far) < 0)
                return -1;
        *state = pair;
        return 0;
}

static int teardown_pair(void **state) {
        Pair *pair = *state;

        varlink_wire_free(pair->near);
        varlink_wire_free(pair->far);
        close_fd(pair->fds[0]);
        close_fd(pair->fds[1]);
        free(pair);
        return 0;
}

static void receiving_never_blocks(void **state) {
        Pair *pair = *state;

        assert_int_equal(varlink_wire_receive(pair->far, pair->fds[1], NULL), -EAGAIN);
}

static void sending_stops_when_the_socket_is_full_and_goes_on_later(void **state) {
        _cleanup_free_ char *text = malloc(200001);
        Pair *pair = *state;
        int r;

        assert_non_null(text);
        memset(text, 'x', 200000);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + 199998, "\"}", 3);
        for (size_t i = 0; i < 10; i++)
                put(pair->near, text, NULL, 0, 0);
        assert_int_equal(varlink_wire_send(pair->near, pair->fds[0]), 0);
        for (size_t n = 0; n < 10;) {
                VarlinkMessage message;

                r = varlink_wire_receive(pair->far, pair->fds[1], NULL);
                assert_true(r == 1 || r == -EAGAIN);
                assert_true(varlink_wire_send(pair->near, pair->fds[0]) >= 0);
                if (varlink_wire_next(pair->far, &message, NULL) != 1)
                        continue;
                varlink_message_clear(&message);
                n++;
        }
        assert_int_equal(varlink_wire_send(pair->near, pair->fds[0]), 1);
}

static void descriptors_cross_the_socket_with_their_message(void **state) {
        Pair *pair = *state;
        VarlinkMessage message;
        int out[2] = {open_fd(), open_fd()};

        put(pair->near, "{\"a\":1}", NULL, 0, 0);
        put(pair->near, "{\"a\":2}", out, 2, 0);
        put(pair->near, "{\"a\":3}", NULL, 0, 0);
        put(pair->near, "{\"a\":4}", (int[]) {open_fd()}, 1, 0);
        assert_int_equal(varlink_wire_send(pair->near, pair->fds[0]), 1);
        assert_false(is_open(out[0]));
        while (varlink_wire_receive(pair->far, pair->fds[1], NULL) == 1)
                ;
        expect(pair->far, "{\"a\":1}", 0);
        assert_int_equal(varlink_wire_next(pair->far, &message, NULL), 1);
        assert_int_equal(message.n_fds, 2);
        assert_true(fcntl(message.fds[0], F_GETFD) & FD_CLOEXEC);
        varlink_message_clear(&message);
        expect(pair->far, "{\"a\":3}", 0);
        expect(pair->far, "{\"a\":4}", 1);
}

/* Sends bytes with as many copies of one descriptor, past our own limits. */
static void send_raw(int fd, const char *bytes, size_t size, size_t n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int) * 64)];
        } control = {.bytes = {0}};
        struct iovec vector = {.iov_base = (void *) (uintptr_t) bytes, .iov_len = size};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control};
        int fds[64];

        for (size_t i = 0; i < 64; i++)
                fds[i] = STDERR_FILENO;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        assert_int_equal(sendmsg(fd, &message, 0), size);
}

static void descriptors_that_do_not_fit_are_refused_and_none_stays_open(void **state) {
        static const size_t counts[] = {5, 17, 60};
        Pair *pair = *state;
        int next = open_fd();

        close_fd(next);
        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                VarlinkWire *wire;

                assert_int_equal(varlink_wire_new(&varlink_limits_daemon, &wire), 0);
                send_raw(pair->fds[0], "{}", 3, counts[i]);
                assert_int_equal(varlink_wire_receive(wire, pair->fds[1], NULL), -EMSGSIZE);
                varlink_wire_free(wire);
                assert_false(is_open(next));
        }
}

static void descriptors_that_cannot_be_opened_are_an_error(void **state) {
        struct rlimit before, none;
        Pair *pair = *state;
        int r, next;

        send_raw(pair->fds[0], "{}", 3, 3);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        next = open_fd();
        close_fd(next);
        none = before;
        none.rlim_cur = (rlim_t) next + 1;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        r = varlink_wire_receive(pair->far, pair->fds[1], NULL);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(r, -EMSGSIZE);
        assert_false(is_open(next));
}

static void the_end_of_the_stream_is_told(void **state) {
        Pair *pair = *state;

        pair->fds[0] = close_fd(pair->fds[0]);
        assert_int_equal(varlink_wire_receive(pair->far, pair->fds[1], NULL), 0);
}

static void a_peer_that_left_without_reading_ends_the_stream(void **state) {
        Pair *pair = *state;

        put(pair->far, "{}", NULL, 0, 0);
        assert_int_equal(varlink_wire_send(pair->far, pair->fds[1]), 1);
        pair->fds[0] = close_fd(pair->fds[0]);
        assert_int_equal(varlink_wire_receive(pair->far, pair->fds[1], NULL), 0);
}

static void sending_to_a_closed_socket_fails_without_a_signal(void **state) {
        Pair *pair = *state;

        assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
        pair->fds[1] = close_fd(pair->fds[1]);
        put(pair->near, "{}", NULL, 0, 0);
        assert_int_equal(varlink_wire_send(pair->near, pair->fds[0]), -EPIPE);
}

static void a_peer_that_owes_nothing_has_no_deadline(void **state) {
        VarlinkStall stall = {.deadline_usec = 0};

        assert_true(varlink_stall_update(&stall, *state, true, 100, 50) == UINT64_MAX);
}

static void bytes_of_the_same_message_do_not_extend_its_deadline(void **state) {
        VarlinkStall stall = {.deadline_usec = 0};

        assert_int_equal(feed(*state, "{", 1), 0);
        assert_int_equal(varlink_stall_update(&stall, *state, true, 100, 50), 150);
        assert_int_equal(feed(*state, " ", 1), 0);
        assert_int_equal(varlink_stall_update(&stall, *state, true, 140, 50), 150);
        assert_int_equal(feed(*state, "}\0{", 3), 0);
        assert_int_equal(varlink_stall_update(&stall, *state, true, 140, 50), 190);
        assert_int_equal(feed(*state, "}\0", 2), 0);
        assert_true(varlink_stall_update(&stall, *state, true, 140, 50) == UINT64_MAX);
}

static void half_a_message_that_is_not_being_read_has_no_deadline(void **state) {
        VarlinkStall stall = {.deadline_usec = 0};

        assert_int_equal(feed(*state, "{", 1), 0);
        assert_true(varlink_stall_update(&stall, *state, false, 100, 50) == UINT64_MAX);
        assert_int_equal(varlink_stall_update(&stall, *state, true, 200, 50), 250);
}

static void each_byte_that_is_read_extends_the_output_deadline(void **state) {
        VarlinkStall stall = {.deadline_usec = 0};

        put(*state, "{}", NULL, 0, 0);
        assert_int_equal(varlink_stall_update(&stall, *state, true, 100, 50), 150);
        put(*state, "{}", NULL, 0, 0);
        assert_int_equal(varlink_stall_update(&stall, *state, true, 120, 50), 150);
        varlink_wire_sent(*state, 1);
        assert_int_equal(varlink_stall_update(&stall, *state, true, 130, 50), 180);
}

static void a_timeout_without_end_has_no_deadline(void **state) {
        VarlinkStall stall = {.deadline_usec = 0};

        put(*state, "{}", NULL, 0, 0);
        assert_true(varlink_stall_update(&stall, *state, true, 100, UINT64_MAX) == UINT64_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(messages_come_out_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_message_may_come_in_single_bytes, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        midway_is_only_the_unfinished_message, setup, teardown),
                cmocka_unit_test_setup_teardown(the_longest_message_is_taken, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_message_that_is_too_long_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_unfinished_message_that_is_too_long_is_refused, setup, teardown),
                cmocka_unit_test(what_is_no_json_breaks_the_wire_for_good),
                cmocka_unit_test_setup_teardown(
                        descriptors_belong_to_the_last_message_that_begins, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_come_out_with_their_message, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_in_the_middle_of_a_message_are_refused_and_closed,
                        setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_without_bytes_are_refused_and_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        too_many_descriptors_are_refused_and_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_of_waiting_messages_are_bounded, setup, teardown),
                cmocka_unit_test(freeing_closes_what_waits),
                cmocka_unit_test_setup_teardown(the_rest_is_what_was_not_taken, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        messages_are_sent_one_at_a_time_and_end_with_nul, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_go_with_the_first_byte_of_their_own_message, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        output_past_the_cap_is_refused_and_its_descriptors_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(too_many_descriptors_are_not_sent, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        bytes_that_are_not_utf8_go_out_replaced, setup, teardown),
                cmocka_unit_test(more_descriptors_than_a_message_can_have_are_no_limit),
                cmocka_unit_test_setup_teardown(receiving_never_blocks, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        sending_stops_when_the_socket_is_full_and_goes_on_later,
                        setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        descriptors_cross_the_socket_with_their_message, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        descriptors_that_do_not_fit_are_refused_and_none_stays_open,
                        setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        descriptors_that_cannot_be_opened_are_an_error, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        the_end_of_the_stream_is_told, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        a_peer_that_left_without_reading_ends_the_stream,
                        setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        sending_to_a_closed_socket_fails_without_a_signal,
                        setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(
                        a_peer_that_owes_nothing_has_no_deadline, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        bytes_of_the_same_message_do_not_extend_its_deadline, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        half_a_message_that_is_not_being_read_has_no_deadline, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        each_byte_that_is_read_extends_the_output_deadline, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_timeout_without_end_has_no_deadline, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
