/* DNS over real sockets on loopback; the loop is turned while a client waits. */
#include <errno.h>
#include <poll.h>

#include "common/clock.h"
#include "daemon/dns-tcp.h"
#include "daemon/dns-udp.h"
#include "tests/unit/daemon/dns-query.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)
/* Of a server whose clients are cut off for another reason, if at all. */
#define LONG_USEC (1000 * USEC_PER_SEC)
#define BRIEF_USEC (100 * USEC_PER_MSEC)

typedef struct Wire {
        sd_event *event;
        DnsZone zone;
        DnsUdp *udp;
        DnsTcp *tcp;
        struct sockaddr_in address; /* of the one that was made */
} Wire;

static int wire_setup(void **state) {
        Wire *wire = calloc(1, sizeof(*wire));

        assert_non_null(wire);
        assert_true(sd_event_new(&wire->event) >= 0);
        wire->zone = web_zone(24);
        *state = wire;
        return 0;
}

static int wire_teardown(void **state) {
        Wire *wire = *state;

        dns_udp_free(wire->udp);
        dns_tcp_free(wire->tcp);
        sd_event_unref(wire->event);
        free(wire);
        return 0;
}

static void serve_udp(Wire *wire) {
        int fd = loopback_socket(SOCK_DGRAM, &wire->address);

        assert_int_equal(dns_udp_new(wire->event, &wire->zone, fd, &wire->udp), 0);
}

static void serve_tcp(Wire *wire, size_t clients_max, uint64_t timeout_usec) {
        const DnsTcpLimits limits = {.clients_max = clients_max, .timeout_usec = timeout_usec};
        int fd = loopback_socket(SOCK_STREAM, &wire->address), small = 4096;

        /* Connections have it from here, as from bangerd-dns.socket. */
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
        assert_int_equal(listen(fd, 64), 0);
        assert_int_equal(dns_tcp_new(wire->event, &wire->zone, fd, &limits, &wire->tcp), 0);
}

static int client(const Wire *wire, int type) {
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (const struct sockaddr *) &wire->address,
                                 sizeof(wire->address)),
                         0);
        return fd;
}

/* What is there for the server now. */
static void turn(const Wire *wire) {
        while (sd_event_run(wire->event, 0) > 0)
                ;
}

static void turn_until_readable(const Wire *wire, int fd) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        while (poll(&poll_fd, 1, 0) == 0) {
                assert_true(clock_monotonic_usec() < deadline);
                assert_true(sd_event_run(wire->event, 10 * USEC_PER_MSEC) >= 0);
        }
}

static bool readable(int fd) {
        return poll(&(struct pollfd) {.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

static void send_all(int fd, const void *bytes, size_t size) {
        assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static Reply receive_datagram(const Wire *wire, int fd) {
        Reply reply;
        ssize_t size;

        turn_until_readable(wire, fd);
        size = recv(fd, reply.bytes, sizeof(reply.bytes), 0);
        assert_true(size > 0);
        reply.size = (size_t) size;
        return reply;
}

static void assert_is_web(const Reply *reply) {
        assert_int_equal(get16(reply, 0), ID);
        assert_int_equal(reply_rcode(reply), DNS_NOERROR);
        assert_int_equal(n_answers(reply), 1);
        assert_memory_equal(reply->bytes + find_record(reply, 0).data,
                            ((uint8_t[]) {172, 30, 0, 5}), 4);
}

/* With its length before it, as TCP has it. */
static Query framed(const char *name) {
        const Query query = query_new(name, DNS_TYPE_A);
        Query frame = {.size = query.size + 2};

        set16(&frame, 0, (unsigned) query.size);
        memcpy(frame.bytes + 2, query.bytes, query.size);
        return frame;
}

static void receive_exactly(const Wire *wire, int fd, uint8_t *ret, size_t size) {
        while (size > 0) {
                ssize_t n;

                turn_until_readable(wire, fd);
                n = recv(fd, ret, size, 0);
                assert_true(n > 0);
                ret += n;
                size -= (size_t) n;
        }
}

static Reply receive_frame(const Wire *wire, int fd) {
        uint8_t length[2];
        Reply reply;

        receive_exactly(wire, fd, length, sizeof(length));
        reply.size = (size_t) length[0] << 8 | length[1];
        assert_true(reply.size <= sizeof(reply.bytes));
        receive_exactly(wire, fd, reply.bytes, reply.size);
        return reply;
}

static void assert_cut_off(const Wire *wire, int fd) {
        char byte;
        ssize_t n;

        turn_until_readable(wire, fd);
        n = recv(fd, &byte, 1, 0);
        assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

static void assert_answers(const Wire *wire, int fd) {
        const Query frame = framed("web.vm");
        Reply reply;

        send_all(fd, frame.bytes, frame.size);
        reply = receive_frame(wire, fd);
        assert_is_web(&reply);
}

static void a_datagram_is_answered_to_its_sender(void **state) {
        Wire *wire = *state;
        const Query query = query_new("web.vm", DNS_TYPE_A);
        int other, fd;
        Reply reply;

        serve_udp(wire);
        fd = client(wire, SOCK_DGRAM);
        other = client(wire, SOCK_DGRAM);
        send_all(fd, query.bytes, query.size);
        reply = receive_datagram(wire, fd);
        assert_is_web(&reply);
        assert_false(readable(other));
        close_fd(fd);
        close_fd(other);
}

static void many_datagrams_at_once_are_all_answered(void **state) {
        Wire *wire = *state;
        const Query query = query_new("web.vm", DNS_TYPE_A);
        int fd;

        serve_udp(wire);
        fd = client(wire, SOCK_DGRAM);
        for (size_t i = 0; i < 100; i++)
                send_all(fd, query.bytes, query.size);
        for (size_t i = 0; i < 100; i++) {
                const Reply reply = receive_datagram(wire, fd);

                assert_is_web(&reply);
        }
        close_fd(fd);
}

static void datagrams_that_are_no_queries_get_nothing_and_harm_nobody(void **state) {
        Wire *wire = *state;
        Query query = query_new("web.vm", DNS_TYPE_A), long_one = query, answer = query;
        int fd, gone;
        Reply reply;

        serve_udp(wire);
        fd = client(wire, SOCK_DGRAM);
        gone = client(wire, SOCK_DGRAM);
        long_one.size = DNS_QUERY_MAX + 1;
        set16(&answer, 2, BIT_QR);
        send_all(fd, "", 0);
        send_all(fd, "short", 5);
        send_all(fd, long_one.bytes, long_one.size);
        send_all(fd, answer.bytes, answer.size);
        send_all(gone, query.bytes, query.size);
        close_fd(gone);
        turn(wire);
        assert_false(readable(fd));
        send_all(fd, query.bytes, query.size);
        reply = receive_datagram(wire, fd);
        assert_is_web(&reply);
        close_fd(fd);
}

static void a_connection_is_answered_and_stays(void **state) {
        Wire *wire = *state;
        int fd;

        serve_tcp(wire, 4, LONG_USEC);
        fd = client(wire, SOCK_STREAM);
        assert_answers(wire, fd);
        assert_answers(wire, fd);
        close_fd(fd);
}

static void a_query_may_come_in_pieces(void **state) {
        Wire *wire = *state;
        const Query frame = framed("web.vm");
        Reply reply;
        int fd;

        serve_tcp(wire, 4, LONG_USEC);
        fd = client(wire, SOCK_STREAM);
        for (size_t i = 0; i < frame.size; i++) {
                assert_false(readable(fd));
                send_all(fd, frame.bytes + i, 1);
                turn(wire);
        }
        reply = receive_frame(wire, fd);
        assert_is_web(&reply);
        close_fd(fd);
}

static void the_beginning_of_the_next_query_is_kept(void **state) {
        Wire *wire = *state;
        const Query web = framed("web.vm"), other = framed("other.vm");
        Query both = {.size = web.size + other.size};
        Reply reply;
        int fd;

        serve_tcp(wire, 4, LONG_USEC);
        fd = client(wire, SOCK_STREAM);
        memcpy(both.bytes, web.bytes, web.size);
        memcpy(both.bytes + web.size, other.bytes, other.size);
        send_all(fd, both.bytes, both.size - 5);
        reply = receive_frame(wire, fd);
        assert_is_web(&reply);
        turn(wire);
        assert_false(readable(fd));
        send_all(fd, both.bytes + both.size - 5, 5);
        reply = receive_frame(wire, fd);
        assert_int_equal(reply_rcode(&reply), DNS_NXDOMAIN);
        close_fd(fd);
}

static void several_queries_at_once_are_answered_in_order(void **state) {
        Wire *wire = *state;
        const Query web = framed("web.vm"), other = framed("other.vm");
        Reply first, second, third;
        Query all = {.size = 0};
        int fd;

        serve_tcp(wire, 4, LONG_USEC);
        fd = client(wire, SOCK_STREAM);
        memcpy(all.bytes, web.bytes, web.size);
        memcpy(all.bytes + web.size, other.bytes, other.size);
        memcpy(all.bytes + web.size + other.size, web.bytes, web.size);
        send_all(fd, all.bytes, 2 * web.size + other.size);
        /* Only the direction towards the server ends. */
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        first = receive_frame(wire, fd);
        second = receive_frame(wire, fd);
        third = receive_frame(wire, fd);
        assert_is_web(&first);
        assert_int_equal(reply_rcode(&second), DNS_NXDOMAIN);
        assert_is_web(&third);
        assert_cut_off(wire, fd);
        close_fd(fd);
}

static void who_stalls_before_or_within_a_query_is_cut_off(void **state) {
        Wire *wire = *state;
        const Query frame = framed("web.vm");
        int silent, half;

        serve_tcp(wire, 4, BRIEF_USEC);
        silent = client(wire, SOCK_STREAM);
        half = client(wire, SOCK_STREAM);
        send_all(half, frame.bytes, frame.size - 1);
        assert_cut_off(wire, silent);
        assert_cut_off(wire, half);
        close_fd(silent);
        close_fd(half);
}

/* Else a byte now and then would hold the connection for good. */
static void bytes_that_are_no_query_yet_gain_no_time(void **state) {
        static const uint8_t length[] = {1000 >> 8, 1000 & 0xff};
        Wire *wire = *state;
        uint64_t began, sent_at;
        size_t n_sent = 0;
        int fd;

        serve_tcp(wire, 4, BRIEF_USEC);
        fd = client(wire, SOCK_STREAM);
        send_all(fd, length, sizeof(length));
        began = sent_at = clock_monotonic_usec();
        while (!readable(fd) && clock_monotonic_usec() < began + PATIENCE_USEC) {
                if (clock_monotonic_usec() > sent_at + BRIEF_USEC / 10) {
                        n_sent += send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
                        sent_at = clock_monotonic_usec();
                }
                assert_true(sd_event_run(wire->event, BRIEF_USEC / 10) >= 0);
        }
        assert_cut_off(wire, fd);
        assert_true(n_sent > 0 && n_sent < 500);
        close_fd(fd);
}

static void what_is_no_query_ends_the_connection(void **state) {
        static const uint8_t too_long[] = {0xff, 0xff, 0}, too_short[] = {0, 1, 0},
                             empty[] = {0, 0};
        static const struct {
                const uint8_t *bytes;
                size_t size;
        } inputs[] = {{too_long, 2}, {too_short, 3}, {empty, 2}};
        Wire *wire = *state;

        serve_tcp(wire, 4, LONG_USEC);
        for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
                int fd = client(wire, SOCK_STREAM);

                send_all(fd, inputs[i].bytes, inputs[i].size);
                assert_cut_off(wire, fd);
                close_fd(fd);
        }
}

static void one_client_too_many_costs_the_one_silent_longest(void **state) {
        Wire *wire = *state;
        int fds[2], third, fourth;

        serve_tcp(wire, 2, LONG_USEC);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = client(wire, SOCK_STREAM);
                assert_answers(wire, fds[i]);
        }
        assert_answers(wire, fds[0]);
        third = client(wire, SOCK_STREAM);
        assert_answers(wire, third);
        assert_cut_off(wire, fds[1]);
        /* The oldest has not been silent longest; now it has. */
        fourth = client(wire, SOCK_STREAM);
        assert_answers(wire, fourth);
        assert_cut_off(wire, fds[0]);
        assert_answers(wire, third);
        close_fd(fds[0]);
        close_fd(fds[1]);
        close_fd(third);
        close_fd(fourth);
}

static void idle_connections_keep_nobody_out(void **state) {
        Wire *wire = *state;
        int idle[40], fd;

        serve_tcp(wire, dns_tcp_limits.clients_max, LONG_USEC);
        for (size_t i = 0; i < ELEMENTSOF(idle); i++)
                idle[i] = client(wire, SOCK_STREAM);
        fd = client(wire, SOCK_STREAM);
        assert_answers(wire, fd);
        close_fd(fd);
        for (size_t i = 0; i < ELEMENTSOF(idle); i++)
                close_fd(idle[i]);
}

static void who_does_not_read_its_answers_is_cut_off(void **state) {
        Wire *wire = *state;
        const Query frame = framed("web.vm");
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
        int fd, small = 4096;

        serve_tcp(wire, 4, LONG_USEC);
        fd = client(wire, SOCK_STREAM);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        for (;;) {
                ssize_t n = send(fd, frame.bytes, frame.size, MSG_NOSIGNAL | MSG_DONTWAIT);

                assert_true(clock_monotonic_usec() < deadline);
                if (n < 0 && errno != EAGAIN)
                        break;
                turn(wire);
        }
        close_fd(fd);
        fd = client(wire, SOCK_STREAM);
        assert_answers(wire, fd);
        close_fd(fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, wire_setup, wire_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_datagram_is_answered_to_its_sender),
                TEST(many_datagrams_at_once_are_all_answered),
                TEST(datagrams_that_are_no_queries_get_nothing_and_harm_nobody),
                TEST(a_connection_is_answered_and_stays),
                TEST(a_query_may_come_in_pieces),
                TEST(the_beginning_of_the_next_query_is_kept),
                TEST(several_queries_at_once_are_answered_in_order),
                TEST(who_stalls_before_or_within_a_query_is_cut_off),
                TEST(bytes_that_are_no_query_yet_gain_no_time),
                TEST(what_is_no_query_ends_the_connection),
                TEST(one_client_too_many_costs_the_one_silent_longest),
                TEST(idle_connections_keep_nobody_out),
                TEST(who_does_not_read_its_answers_is_cut_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
