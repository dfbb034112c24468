/* What the host routes for guests and leads into them: NAT and forwards, for real, as in test-firewall.c.
 * A thing that must not arrive is sent before one that does. */
#include "tests/unit/helper/lab.h"

/* ---- beyond the host ---- */

/* A question and its answer; the server sees the client at `seen_from`. */
static void assert_exchange(int client, const char *address, unsigned port, int server,
                            const char *seen_from) {
        struct sockaddr_in from;

        lab_send(client, address, port, "question");
        lab_receives(server, "question", &from);
        assert_address(&from, seen_from);
        assert_int_equal(lab_try_send(server, &from, "answer"), 6);
        lab_receives(client, "answer", &from);
        assert_address(&from, address);
        assert_int_equal(ntohs(from.sin_port), port);
}

static void only_a_guest_with_nat_reaches_other_networks(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int with = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int without = lab_udp(lab, lab->second_ns, SECOND_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 7);
        struct sockaddr_in from;

        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
        lab_send(without, OUTSIDE_ADDRESS, 7, "without");
        lab_send(with, OUTSIDE_ADDRESS, 7, "with");
        lab_receives(outside, "with", &from);
        assert_address(&from, HOST_OUTER_ADDRESS);
        assert_int_equal(lab_try_send(outside, &from, "back"), 4);
        lab_receives(with, "back", NULL);
        lab_has_nothing(outside);
}

/* As a resolver asks. */
static void assert_refused_at_once(int connected) {
        struct pollfd poller = {.fd = connected, .events = POLLIN};
        char byte;

        assert_int_equal(send(connected, "?", 1, 0), 1);
        assert_int_equal(poll(&poller, 1, LAB_WAIT_MS), 1);
        assert_int_equal(recv(connected, &byte, 1, 0), -1);
        assert_int_equal(errno, EHOSTUNREACH);
}

static void a_guest_without_nat_is_told_so_whether_the_host_routes_or_not(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_socket(lab, lab->first_ns, SOCK_DGRAM, FIRST_ADDRESS, 80);
        const struct sockaddr_in outside = lab_at(OUTSIDE_ADDRESS, 53);

        assert_int_equal(connect(guest, (const struct sockaddr *) (const void *) &outside,
                                 sizeof(outside)),
                         0);
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
        assert_refused_at_once(guest);
        lab->guests[1].nat = true;
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
        assert_refused_at_once(guest);
}

static void guests_with_nat_do_not_reach_each_other_by_the_hosts_routing(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int second = lab_udp(lab, lab->second_ns, SECOND_ADDRESS, 80);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);
        char mac[18];
        Frame frame = {};

        lab_mac("br-banger", mac);
        lab->guests[0].nat = lab->guests[1].nat = true;
        lab_set(lab, 2, 0);
        frame_head(&frame, mac, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, SECOND_ADDRESS, 80, "routed");
        lab_send_frame(guest, &frame);
        assert_false(lab_reaches_host(lab, mac, HOST_ADDRESS, 9999));
        lab_send(host, SECOND_ADDRESS, 80, "marker");
        lab_receives(second, "marker", NULL);

        lab->settings.isolated = false;
        lab_set(lab, 2, 0);
        lab_send_frame(guest, &frame);
        lab_receives(second, "routed", NULL);
}

static const unsigned char no_port[ICMP_HEADER] = {3, 3};

/* From the first guest's link or the second's: the port of this, that OUTSIDE has sent, is closed. With
 * NAT, so that what comes after it arrives outside. */
static void tell_of_error(Lab *lab, bool first, const Frame *about) {
        _cleanup_close_ int guest =
                lab_packets(lab, first ? lab->first_ns : lab->second_ns, "eth0");
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 9);
        const char *mac = first ? FIRST_MAC : SECOND_MAC;
        const char *address = first ? FIRST_ADDRESS : SECOND_ADDRESS;
        char bridge_mac[18];
        Frame frame = {};

        lab_mac("br-banger", bridge_mac);
        frame_error(&frame, bridge_mac, mac, address, OUTSIDE_ADDRESS, no_port, about);
        lab_send_frame(guest, &frame);
        frame_head(&frame, bridge_mac, mac, ETHERTYPE_IP);
        frame_datagram(&frame, address, 99, OUTSIDE_ADDRESS, 9, "after");
        lab_send_frame(guest, &frame);
        lab_receives(outside, "after", NULL);
}

static void a_guest_with_nat_tells_of_errors_of_its_own_connections_only(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 7);
        struct sockaddr_in from;
        Frame about = {};

        lab->guests[0].nat = lab->guests[1].nat = true;
        lab_set(lab, 2, 0);
        lab_send(guest, OUTSIDE_ADDRESS, 7, "question");
        lab_receives(outside, "question", &from);
        assert_int_equal(lab_try_connect(outside, &from), 0);
        assert_int_equal(send(outside, "answer", 6, 0), 6);
        lab_receives(guest, "answer", NULL);
        frame_datagram(&about, OUTSIDE_ADDRESS, 7, FIRST_ADDRESS, 80, "answer");
        tell_of_error(lab, false, &about);
        assert_int_equal(error_of(outside), 0);
        tell_of_error(lab, true, &about);
        assert_int_equal(error_of(outside), ECONNREFUSED);
}

static void a_guest_tells_of_errors_of_its_own_forwards_only(void **state) {
        static char outer[] = HOST_OUTER_ADDRESS;
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 7);
        const struct sockaddr_in to = lab_at(HOST_OUTER_ADDRESS, 8080);
        Frame about = {};

        lab->guests[0].nat = lab->guests[1].nat = true;
        lab->forwards[0].address = outer;
        lab_set(lab, 2, 1);
        assert_int_equal(lab_try_connect(outside, &to), 0);
        assert_int_equal(send(outside, "question", 8, 0), 8);
        lab_receives(guest, "question", NULL);
        frame_datagram(&about, OUTSIDE_ADDRESS, 7, FIRST_ADDRESS, 80, "question");
        tell_of_error(lab, false, &about);
        assert_int_equal(error_of(outside), 0);
        tell_of_error(lab, true, &about);
        assert_int_equal(error_of(outside), ECONNREFUSED);
}

static void nat_that_is_taken_away_ends_at_once(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int other = lab_udp(lab, lab->second_ns, SECOND_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 7);

        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        assert_exchange(guest, OUTSIDE_ADDRESS, 7, outside, HOST_OUTER_ADDRESS);
        lab->guests[0].nat = false;
        lab->guests[1].nat = true;
        lab_set(lab, 2, 0);
        lab_send(guest, OUTSIDE_ADDRESS, 7, "after");
        lab_send(other, OUTSIDE_ADDRESS, 7, "other");
        lab_receives(outside, "other", NULL);
}

static void nobody_outside_reaches_a_guest_unasked(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 7);
        _cleanup_close_ int probe = lab_udp(lab, lab->host_ns, HOST_OUTER_ADDRESS, 7);

        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        lab_enter(lab->outside_ns);
        lab_run("ip route add 172.30.0.0/24 via " HOST_OUTER_ADDRESS);
        lab_enter(lab->host_ns);
        lab_send(outside, FIRST_ADDRESS, 80, "unasked");
        lab_send(outside, HOST_OUTER_ADDRESS, 7, "last");
        lab_receives(probe, "last", NULL);
        lab_send(probe, FIRST_ADDRESS, 80, "marker");
        lab_receives(guest, "marker", NULL);
}

/* ---- forwards ---- */

static void a_forward_of_the_loopback_address_leads_into_the_guest(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);

        lab_set(lab, 2, 1);
        assert_exchange(host, "127.0.0.1", 8080, guest, HOST_ADDRESS);
        assert_int_equal(lab_digit(IP_FORWARD), '0'); /* nothing is routed */
}

static void a_forward_of_an_outer_address_is_for_others_too(void **state) {
        static char address[] = HOST_OUTER_ADDRESS;
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 0);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);

        lab_set(lab, 2, 1);
        lab->forwards[0].address = address;
        lab_set(lab, 2, 1);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
        assert_int_equal(lab_digit(ROUTE_LOCALNET), '0');
        assert_exchange(outside, HOST_OUTER_ADDRESS, 8080, guest, OUTSIDE_ADDRESS);
        assert_exchange(host, HOST_OUTER_ADDRESS, 8080, guest, HOST_OUTER_ADDRESS);
}

static void a_forward_of_all_addresses_is_at_each_of_them(void **state) {
        static char everywhere[] = "0.0.0.0";
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 0);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);

        lab->forwards[0].address = everywhere;
        lab_set(lab, 2, 1);
        assert_exchange(outside, HOST_OUTER_ADDRESS, 8080, guest, OUTSIDE_ADDRESS);
        assert_exchange(host, "127.0.0.1", 8080, guest, HOST_ADDRESS);
        assert_exchange(host, HOST_OTHER_ADDRESS, 8080, guest, HOST_OTHER_ADDRESS);
}

static void a_forward_carries_tcp(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int server = lab_socket(lab, lab->first_ns, SOCK_STREAM, FIRST_ADDRESS, 80);
        _cleanup_close_ int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in to = lab_at("127.0.0.1", 8080);
        struct pollfd poller = {.fd = server, .events = POLLIN};

        lab->forwards[0].protocol = FORWARD_TCP;
        lab_set(lab, 2, 1);
        assert_int_equal(lab_try_connect(client, &to), 0);
        assert_int_equal(poll(&poller, 1, LAB_WAIT_MS), 1);

        lab_set(lab, 2, 0);
        close_fd(client);
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(lab_try_connect(client, &to), -1);
        assert_int_equal(errno, ECONNREFUSED);
}

static void a_forward_that_is_gone_carries_no_more_of_its_connections(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);
        _cleanup_close_ int marker = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);
        struct sockaddr_in to = lab_at("127.0.0.1", 8080);

        lab->forwards[1].guest_port = 81;
        lab_set(lab, 2, 2);
        assert_exchange(host, "127.0.0.1", 8080, guest, HOST_ADDRESS);
        lab->forwards[0] = lab->forwards[1]; /* loopback addresses are still routed */
        lab_set(lab, 2, 1);
        /* EPERM is how a drop on the way out reads. */
        (void) lab_try_send(host, &to, "late");
        lab_send(marker, FIRST_ADDRESS, 80, "marker");
        lab_receives(guest, "marker", NULL);
}

/* 127.0.0.1 as the destination of a packet from elsewhere is never local, but the redirection is
 * looked at before that. */
/* Whoever comes first in time: ours is set before it here. */
static void a_port_that_another_program_publishes_stays_its_own(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int theirs = lab_udp(lab, lab->host_ns, "127.0.0.1", 9);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "127.0.0.1", 0);
        static const char *const hooks[] = {"prerouting", "output"};

        lab_set(lab, 2, 1);
        for (size_t i = 0; i < ELEMENTSOF(hooks); i++)
                lab_run("nft 'table ip other { chain %s { type nat hook %s priority -100;"
                        " udp dport 8080 redirect to :9; }; }'",
                        hooks[i], hooks[i]);
        lab_send(host, "127.0.0.1", 8080, "theirs");
        lab_receives(theirs, "theirs", NULL);
        lab_has_nothing(guest);
}

/* How many connections the host's table has. */
static unsigned long count_connections(void) {
        FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
        char text[32] = "";

        assert_non_null(file);
        assert_non_null(fgets(text, sizeof(text), file));
        assert_int_equal(fclose(file), 0);
        return strtoul(text, NULL, 10);
}

static void a_guest_has_a_share_of_the_hosts_connections(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int greedy = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int modest = lab_udp(lab, lab->second_ns, SECOND_ADDRESS, 80);
        _cleanup_close_ int outside = lab_udp(lab, lab->outside_ns, OUTSIDE_ADDRESS, 7);
        unsigned long n;

        lab->guests[0].nat = lab->guests[1].nat = true;
        lab_set(lab, 2, 0);
        for (unsigned port = 10000; port < 20000; port++)
                lab_send(greedy, OUTSIDE_ADDRESS, port, "");
        n = count_connections();
        if (n < 8000 || n > 8300)
                fail_msg("%lu connections", n);
        lab_send(greedy, OUTSIDE_ADDRESS, 7, "greedy");
        lab_send(modest, OUTSIDE_ADDRESS, 7, "modest");
        lab_receives(outside, "modest", NULL);
        /* What it had already goes on. */
        lab_send(greedy, OUTSIDE_ADDRESS, 10000, "");
        assert_int_equal(count_connections(), n + 1);
}

static void a_loopback_forward_is_not_for_the_neighbours(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int outside = lab_packets(lab, lab->outside_ns, "eth0");
        _cleanup_close_ int probe = lab_udp(lab, lab->host_ns, HOST_OUTER_ADDRESS, 7);
        Frame frame = {};
        char mac[18];

        lab_mac("out0", mac);
        lab->guests[0].nat = true; /* so that there is routing */
        lab_set(lab, 2, 1);
        frame_head(&frame, mac, "02:00:00:00:00:01", ETHERTYPE_IP);
        frame_datagram(&frame, OUTSIDE_ADDRESS, 1, "127.0.0.1", 8080, "neighbour");
        lab_send_frame(outside, &frame);
        frame_head(&frame, mac, "02:00:00:00:00:01", ETHERTYPE_IP);
        frame_datagram(&frame, OUTSIDE_ADDRESS, 1, HOST_OUTER_ADDRESS, 7, "last");
        lab_send_frame(outside, &frame);
        lab_receives(probe, "last", NULL);
        lab_send(probe, FIRST_ADDRESS, 80, "marker");
        lab_receives(guest, "marker", NULL);
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_setup, lab_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(only_a_guest_with_nat_reaches_other_networks),
                TEST(a_guest_without_nat_is_told_so_whether_the_host_routes_or_not),
                TEST(guests_with_nat_do_not_reach_each_other_by_the_hosts_routing),
                TEST(a_guest_with_nat_tells_of_errors_of_its_own_connections_only),
                TEST(a_guest_tells_of_errors_of_its_own_forwards_only),
                TEST(nat_that_is_taken_away_ends_at_once),
                TEST(nobody_outside_reaches_a_guest_unasked),
                TEST(a_forward_of_the_loopback_address_leads_into_the_guest),
                TEST(a_forward_of_an_outer_address_is_for_others_too),
                TEST(a_forward_of_all_addresses_is_at_each_of_them),
                TEST(a_forward_carries_tcp),
                TEST(a_forward_that_is_gone_carries_no_more_of_its_connections),
                TEST(a_port_that_another_program_publishes_stays_its_own),
                TEST(a_guest_has_a_share_of_the_hosts_connections),
                TEST(a_loopback_forward_is_not_for_the_neighbours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
