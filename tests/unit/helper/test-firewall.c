/* What guests can and cannot send, to each other and to the host, for real: a bridge, guests and a
 * network outside, each a network namespace of the test's own. A thing that must not arrive is sent before one that does. */
#include "tests/unit/helper/lab.h"

#define BROADCAST "ff:ff:ff:ff:ff:ff"

/* ---- frames that leave a guest ---- */

/* Does the bridge hand this frame, sent by the first guest, up to the host? */
static bool passes(Lab *lab, const Frame *frame) {
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int bridge = lab_packets(lab, lab->host_ns, "br-banger");
        Frame last = {};

        frame_head(&last, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&last, FIRST_ADDRESS, 1, "172.30.0.255", 9, "last");
        lab_send_frame(guest, frame);
        lab_send_frame(guest, &last);
        return lab_saw_before(bridge, frame, &last);
}

static void a_guest_sends_from_its_own_mac_and_address(void **state) {
        Lab *lab = lab_need(state);
        Frame frame = {};

        lab_set(lab, 2, 0);
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "own");
        assert_true(passes(lab, &frame));
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 1, FIRST_MAC, FIRST_ADDRESS, HOST_ADDRESS);
        assert_true(passes(lab, &frame));
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 2, FIRST_MAC, FIRST_ADDRESS, HOST_ADDRESS);
        assert_true(passes(lab, &frame));
}

static void a_mac_or_address_of_another_is_dropped(void **state) {
        Lab *lab = lab_need(state);
        Frame frame = {};

        lab_set(lab, 2, 0);
        frame_head(&frame, BROADCAST, SECOND_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "mac");
        assert_false(passes(lab, &frame));
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, SECOND_ADDRESS, 1, HOST_ADDRESS, 53, "address");
        assert_false(passes(lab, &frame));
        frame_head(&frame, BROADCAST, SECOND_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, SECOND_ADDRESS, 1, HOST_ADDRESS, 53, "both");
        assert_false(passes(lab, &frame));
}

static void arp_in_the_name_of_another_is_dropped(void **state) {
        Lab *lab = lab_need(state);
        Frame frame = {};

        lab_set(lab, 2, 0);
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 2, FIRST_MAC, HOST_ADDRESS, SECOND_ADDRESS);
        assert_false(passes(lab, &frame));
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 2, SECOND_MAC, FIRST_ADDRESS, HOST_ADDRESS);
        assert_false(passes(lab, &frame));
        frame_head(&frame, BROADCAST, SECOND_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 2, FIRST_MAC, FIRST_ADDRESS, HOST_ADDRESS);
        assert_false(passes(lab, &frame));
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 9, FIRST_MAC, FIRST_ADDRESS, HOST_ADDRESS); /* inverse ARP's reply */
        assert_false(passes(lab, &frame));
}

static void other_protocols_are_dropped(void **state) {
        static const unsigned types[] = {ETHERTYPE_IPV6, ETHERTYPE_REVARP, 0x88cc /* LLDP */, 46};
        Lab *lab = lab_need(state);
        Frame frame = {};

        lab_set(lab, 2, 0);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                frame_head(&frame, "33:33:00:00:00:01", FIRST_MAC, types[i]);
                frame_datagram(&frame, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "type");
                assert_false(passes(lab, &frame));
        }
}

static void a_vlan_tag_hides_nothing(void **state) {
        static const unsigned tags[] = {0x8100, 0x88a8};
        Lab *lab = lab_need(state);
        Frame frame = {};

        lab_set(lab, 2, 0);
        for (size_t i = 0; i < ELEMENTSOF(tags); i++) {
                Frame untagged = {};
                _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");

                frame_head(&frame, BROADCAST, FIRST_MAC, tags[i]);
                frame_put_u16(&frame, 0); /* a priority only: some take it for untagged */
                frame_put_u16(&frame, ETHERTYPE_IP);
                frame_datagram(&frame, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "vlan");
                /* The kernel may have taken the tag off when the bridge shows the frame. */
                frame_head(&untagged, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
                frame_datagram(&untagged, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "vlan");
                assert_false(passes(lab, &frame));
                {
                        _cleanup_close_ int bridge = lab_packets(lab, lab->host_ns, "br-banger");
                        Frame last = {};

                        frame_head(&last, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
                        frame_datagram(&last, FIRST_ADDRESS, 1, "172.30.0.255", 9, "last");
                        lab_send_frame(guest, &frame);
                        lab_send_frame(guest, &last);
                        assert_false(lab_saw_before(bridge, &untagged, &last));
                }
        }
}

/* IPv6's pseudo header counts as well: RFC 8200, section 8.1. */
static uint16_t sum_of_icmp6(const unsigned char *header, const unsigned char *message,
                             size_t size) {
        unsigned char bytes[40 + 64] = {};

        assert_true(size <= 64);
        memcpy(bytes, header + 8, 32);
        bytes[35] = (unsigned char) size;
        bytes[39] = 58;
        memcpy(bytes + 40, message, size);
        return frame_sum(bytes, 40 + size);
}

/* A datagram or an ICMPv6 message after the head; from fe80::1 to ff02::1. */
static void frame_ipv6(Frame *frame, unsigned next, const void *message, size_t size) {
        unsigned char header[40] = {0x60, [7] = 255};

        header[5] = (unsigned char) size;
        header[6] = (unsigned char) next;
        header[8] = 0xfe;
        header[9] = 0x80;
        header[23] = 1;
        header[24] = 0xff;
        header[25] = 2;
        header[39] = 1;
        frame_put(frame, header, sizeof(header));
        frame_put(frame, message, size);
}

typedef struct Icmp6 {
        const char *what;
        unsigned char bytes[56];
        size_t size;
} Icmp6;

/* RFC 4861: 4.2 with the option of 4.6.2, a prefix that is on-link and for addresses; 4.1, 4.3, 4.4
 * and 4.5. */
static const Icmp6 icmp6[] = {
        {"router advertisement",
         {134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8,
          0, 0, 0, 0, 0x20, 1, 0xd, 0xb8},
         48},
        {"router solicitation", {133}, 8},
        {"neighbour solicitation", {135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, [23] = 1}, 24},
        {"neighbour advertisement", {136, 0, 0, 0, 0x60, 0, 0, 0, 0xfe, 0x80, [23] = 1}, 24},
        {"redirect", {137, [8] = 0xfe, 0x80, [23] = 1}, 40},
        {"echo request", {128}, 8},
};

static void frame_icmp6(Frame *frame, const char *to, const Icmp6 *from) {
        unsigned char message[56];

        memcpy(message, from->bytes, sizeof(message));
        frame_head(frame, to, FIRST_MAC, ETHERTYPE_IPV6);
        frame_ipv6(frame, 58, message, from->size);
        /* Valid, or it would be dropped for that. */
        memcpy(frame->bytes + 14 + 40 + 2,
               &(uint16_t) {sum_of_icmp6(frame->bytes + 14, message, from->size)}, 2);
}

static void ipv6_and_router_advertisements_are_dropped(void **state) {
        /* From port 547, as a DHCPv6 server says it. */
        static const unsigned char dhcp6[] = {2, 0x23, 2, 0x22, 0, 12, 0, 0, 7, 1, 2, 3};
        Lab *lab = lab_need(state);
        Frame frame = {};
        char mac[18];

        lab_mac("br-banger", mac);
        for (int isolated = 0; isolated < 2; isolated++) {
                const char *const to[] = {"33:33:00:00:00:01", BROADCAST, mac};

                lab->settings.isolated = isolated;
                lab_set(lab, 2, 0);
                for (size_t k = 0; k < ELEMENTSOF(to); k++) {
                        for (size_t i = 0; i < ELEMENTSOF(icmp6); i++) {
                                frame_icmp6(&frame, to[k], &icmp6[i]);
                                if (passes(lab, &frame))
                                        fail_msg("%s to %s", icmp6[i].what, to[k]);
                        }
                        frame_head(&frame, to[k], FIRST_MAC, ETHERTYPE_IPV6);
                        frame_ipv6(&frame, IPPROTO_UDP, dhcp6, sizeof(dhcp6));
                        assert_false(passes(lab, &frame));
                }
        }
        lab_run("! ip -6 address show dev br-banger | grep -q inet6");
        lab_run("! ip -6 route show | grep -q 2001:db8");
}

static void what_a_dhcp_server_says_is_dropped(void **state) {
        static const char *const to[] = {BROADCAST, SECOND_MAC};
        static const char *const addresses[] = {"255.255.255.255", SECOND_ADDRESS, HOST_ADDRESS};
        Lab *lab = lab_need(state);
        Frame frame = {};

        lab_set(lab, 2, 0);
        for (size_t i = 0; i < ELEMENTSOF(to); i++)
                for (size_t k = 0; k < ELEMENTSOF(addresses); k++) {
                        frame_head(&frame, to[i], FIRST_MAC, ETHERTYPE_IP);
                        frame_datagram(&frame, FIRST_ADDRESS, 67, addresses[k], 68, "offer");
                        assert_false(passes(lab, &frame));
                }
        /* In the name of the host, and of whoever has no address yet. */
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, HOST_ADDRESS, 67, "255.255.255.255", 68, "offer");
        assert_false(passes(lab, &frame));
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, "0.0.0.0", 68, "255.255.255.255", 67, "discover");
        assert_false(passes(lab, &frame));
}

/* Sends it from that guest; returns once the host has had it. */
static void send_in_full(const Lab *lab, int guest, const char *mac, const char *from,
                         const Frame *frame) {
        _cleanup_close_ int at_dns = lab_udp(lab, lab->host_ns, HOST_ADDRESS, 53);
        Frame last = {};

        frame_head(&last, BROADCAST, mac, ETHERTYPE_IP);
        frame_datagram(&last, from, 1, HOST_ADDRESS, 53, "last");
        lab_send_frame(guest, frame);
        lab_send_frame(guest, &last);
        lab_receives(at_dns, "last", NULL);
}

/* Or a guest would set the size of what the host sends to anybody. */
static void an_error_about_what_the_host_sends_to_others_is_dropped(void **state) {
        /* An answer: of questions the kernel asks whose they are. */
        static const unsigned char echo[] = {0, 0, 0xff, 0xfd, 0, 1, 0, 1};
        static const unsigned char too_big[ICMP_HEADER] = {3, 4, 0, 0, 0, 0, 0x02, 0x58};
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        Frame frame = {}, about = {};

        lab_set(lab, 2, 0);
        frame_ip(&about, HOST_OUTER_ADDRESS, OUTSIDE_ADDRESS, sizeof(echo));
        frame_put(&about, echo, sizeof(echo));
        frame_error(&frame, BROADCAST, FIRST_MAC, FIRST_ADDRESS, HOST_ADDRESS, too_big, &about);
        send_in_full(lab, guest, FIRST_MAC, FIRST_ADDRESS, &frame);
        lab_run("! ip route get " OUTSIDE_ADDRESS " | grep -q mtu");
}

static void an_error_about_what_another_guest_is_sent_is_dropped(void **state) {
        static const unsigned char no_port[ICMP_HEADER] = {3, 3};
        Lab *lab = lab_need(state);
        _cleanup_close_ int first = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int second = lab_packets(lab, lab->second_ns, "eth0");
        _cleanup_close_ int at_first = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, HOST_ADDRESS, 1234);
        const struct sockaddr_in to = lab_at(FIRST_ADDRESS, 80);
        Frame frame = {}, about = {};

        lab_set(lab, 2, 0);
        assert_int_equal(lab_try_connect(host, &to), 0);
        assert_int_equal(send(host, "question", 8, 0), 8);
        lab_receives(at_first, "question", NULL);
        frame_datagram(&about, HOST_ADDRESS, 1234, FIRST_ADDRESS, 80, "question");
        frame_error(&frame, BROADCAST, SECOND_MAC, SECOND_ADDRESS, HOST_ADDRESS, no_port, &about);
        send_in_full(lab, second, SECOND_MAC, SECOND_ADDRESS, &frame);
        assert_int_equal(error_of(host), 0);
        frame_error(&frame, BROADCAST, FIRST_MAC, FIRST_ADDRESS, HOST_ADDRESS, no_port, &about);
        send_in_full(lab, first, FIRST_MAC, FIRST_ADDRESS, &frame);
        assert_int_equal(error_of(host), ECONNREFUSED);
}

static unsigned refused_so_far(void) {
        FILE *out = popen("nft list counter bridge banger refused", "re"); /* NOLINT */
        char line[128];
        unsigned packets = 0;

        assert_non_null(out);
        while (fgets(line, sizeof(line), out))
                (void) sscanf(line, " packets %u", &packets); /* NOLINT */
        (void) pclose(out);
        return packets;
}

/* The beginning of a datagram whose rest does not come. */
static void frame_fragment(Frame *frame, const char *mac, const char *from, unsigned id) {
        struct iphdr header;

        frame_head(frame, BROADCAST, mac, ETHERTYPE_IP);
        frame_datagram(frame, from, 1, HOST_ADDRESS, 53, "1234");
        memcpy(&header, frame->bytes + 14, sizeof(header));
        header.id = htons((uint16_t) id);
        header.frag_off = htons(0x2000);
        header.check = 0;
        header.check = frame_sum((const unsigned char *) &header, sizeof(header));
        memcpy(frame->bytes + 14, &header, sizeof(header));
}

/* The memory in which a host puts datagrams together is for all. */
static void a_guest_may_send_a_few_fragments(void **state) {
        enum { SENT = 1000, BURST = 64 };
        Lab *lab = lab_need(state);
        _cleanup_close_ int first = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int second = lab_packets(lab, lab->second_ns, "eth0");
        unsigned refused;
        Frame frame = {};

        lab_set(lab, 2, 0);
        for (unsigned i = 0; i < BURST; i++) {
                frame_fragment(&frame, FIRST_MAC, FIRST_ADDRESS, i);
                lab_send_frame(first, &frame);
        }
        send_in_full(lab, first, FIRST_MAC, FIRST_ADDRESS, &frame);
        assert_true(refused_so_far() <= 1);
        for (unsigned i = BURST; i < SENT; i++) {
                frame_fragment(&frame, FIRST_MAC, FIRST_ADDRESS, i);
                lab_send_frame(first, &frame);
        }
        /* What is whole goes on. */
        send_in_full(lab, first, FIRST_MAC, FIRST_ADDRESS, &frame);
        refused = refused_so_far();
        /* Half of them, if this took a minute. */
        if (refused < (SENT - BURST) / 2)
                fail_msg("%u of %d fragments were refused", refused, SENT);
        frame_fragment(&frame, SECOND_MAC, SECOND_ADDRESS, 0);
        send_in_full(lab, second, SECOND_MAC, SECOND_ADDRESS, &frame);
        assert_int_equal(refused_so_far(), refused);
}

/* Its padding is no part of the datagram, and is kept with it. */
static void a_fragment_larger_than_a_link_carries_is_dropped(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        unsigned char padded[3000] = {0};
        Frame frame = {};

        lab_run("ip link set bgr-" FIRST " mtu 9000");
        lab_enter(lab->first_ns);
        lab_run("ip link set eth0 mtu 9000");
        lab_enter(lab->host_ns);
        lab_set(lab, 2, 0);
        frame_fragment(&frame, FIRST_MAC, FIRST_ADDRESS, 1);
        memcpy(padded, frame.bytes, frame.size);
        assert_int_equal(send(guest, padded, sizeof(padded), 0), sizeof(padded));
        send_in_full(lab, guest, FIRST_MAC, FIRST_ADDRESS, &frame);
        assert_int_equal(refused_so_far(), 1);
}

static void a_tap_that_is_not_among_the_guests_is_mute(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->second_ns, "eth0");
        _cleanup_close_ int other = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int bridge = lab_packets(lab, lab->host_ns, "br-banger");
        Frame frame = {}, last = {};

        lab_set(lab, 1, 0);
        frame_head(&frame, BROADCAST, SECOND_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, SECOND_ADDRESS, 1, HOST_ADDRESS, 53, "mute");
        frame_head(&last, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&last, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "last");
        lab_send_frame(guest, &frame);
        lab_send_frame(other, &last);
        assert_false(lab_saw_before(bridge, &frame, &last));
}

static void before_any_guest_is_set_all_taps_are_mute(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int tap = lab_packets(lab, lab->host_ns, "bgr-" FIRST);
        _cleanup_close_ int bridge = lab_packets(lab, lab->host_ns, "br-banger");
        Frame frame = {};
        char byte;

        assert_int_equal(firewall_ensure(&lab->settings, NULL), 0);
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "mute");
        lab_send_frame(guest, &frame);
        (void) lab_saw_before(tap, &frame, &frame);
        assert_int_equal(recv(bridge, &byte, 1, MSG_DONTWAIT), -1);
}

static void a_guest_does_not_reach_another_by_the_bridge(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int from = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int to = lab_packets(lab, lab->second_ns, "eth0");
        _cleanup_close_ int bridge = lab_packets(lab, lab->host_ns, "br-banger");
        Frame frame = {}, last = {};

        /* Whatever the ports say. */
        lab_run("for i in " FIRST " " SECOND
                "; do ip link set bgr-$i type bridge_slave isolated off; done");
        lab_set(lab, 2, 0);
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, SECOND_ADDRESS, 80, "isolated");
        frame_head(&last, SECOND_MAC, "02:00:00:00:00:01", ETHERTYPE_IP);
        frame_datagram(&last, HOST_ADDRESS, 1, SECOND_ADDRESS, 80, "last");
        lab_send_frame(from, &frame);
        (void) lab_saw_before(bridge, &frame, &frame);
        lab_send_frame(bridge, &last);
        assert_false(lab_saw_before(to, &frame, &last));

        lab->settings.isolated = false;
        lab_set(lab, 2, 0);
        lab_send_frame(from, &frame);
        (void) lab_saw_before(to, &frame, &frame);
}

/* Does this frame of the first guest's arrive at the second? */
static bool arrives(Lab *lab, const Frame *frame) {
        _cleanup_close_ int from = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int to = lab_packets(lab, lab->second_ns, "eth0");
        _cleanup_close_ int bridge = lab_packets(lab, lab->host_ns, "br-banger");
        Frame passed = {}, last = {};

        frame_head(&passed, BROADCAST, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&passed, FIRST_ADDRESS, 1, "172.30.0.255", 9, "passed");
        frame_head(&last, SECOND_MAC, "02:00:00:00:00:01", ETHERTYPE_IP);
        frame_datagram(&last, HOST_ADDRESS, 1, SECOND_ADDRESS, 80, "last");
        lab_send_frame(from, frame);
        lab_send_frame(from, &passed);
        (void) lab_saw_before(bridge, &passed, &passed);
        lab_send_frame(bridge, &last);
        return lab_saw_before(to, frame, &last);
}

/* What it may say to all, what it may not, and to whom; where guests may talk, and where not. */
static void of_a_guest_only_what_is_its_own_arrives_at_another_that_may_hear_it(void **state) {
        static const char *const to[] = {BROADCAST, SECOND_MAC, "33:33:00:00:00:01"};
        Lab *lab = lab_need(state);
        Frame frame = {};

        lab_run("for i in " FIRST " " SECOND
                "; do ip link set bgr-$i type bridge_slave isolated off; done");
        for (int isolated = 0; isolated < 2; isolated++) {
                lab->settings.isolated = isolated;
                lab_set(lab, 2, 0);
                for (size_t i = 0; i < ELEMENTSOF(to); i++) {
                        frame_head(&frame, to[i], FIRST_MAC, ETHERTYPE_IP);
                        frame_datagram(&frame, FIRST_ADDRESS, 1, SECOND_ADDRESS, 80, "own");
                        assert_int_equal(arrives(lab, &frame), !isolated);
                        frame_head(&frame, to[i], FIRST_MAC, ETHERTYPE_ARP);
                        frame_arp(&frame, 1, FIRST_MAC, FIRST_ADDRESS, SECOND_ADDRESS);
                        assert_int_equal(arrives(lab, &frame), !isolated);
                        frame_head(&frame, to[i], FIRST_MAC, ETHERTYPE_ARP);
                        frame_arp(&frame, 2, FIRST_MAC, HOST_ADDRESS, SECOND_ADDRESS);
                        assert_false(arrives(lab, &frame));
                        frame_head(&frame, to[i], FIRST_MAC, ETHERTYPE_IP);
                        frame_datagram(&frame, HOST_ADDRESS, 53, SECOND_ADDRESS, 80, "answer");
                        assert_false(arrives(lab, &frame));
                        frame_head(&frame, to[i], FIRST_MAC, ETHERTYPE_IP);
                        frame_datagram(&frame, FIRST_ADDRESS, 67, "255.255.255.255", 68, "offer");
                        assert_false(arrives(lab, &frame));
                        frame_icmp6(&frame, to[i], &icmp6[0]);
                        assert_false(arrives(lab, &frame));
                }
        }
}

/* ---- the host ---- */

static void the_hosts_services_are_out_of_reach(void **state) {
        Lab *lab = lab_need(state);
        char mac[18];

        lab_mac("br-banger", mac);
        lab_set(lab, 2, 1); /* with a forward of a loopback address: those are routed now */
        assert_int_equal(lab_digit(ROUTE_LOCALNET), '1');
        assert_false(lab_reaches_host(lab, mac, HOST_ADDRESS, 9999));
        assert_false(lab_reaches_host(lab, mac, HOST_OTHER_ADDRESS, 9999));
        assert_false(lab_reaches_host(lab, mac, HOST_OUTER_ADDRESS, 9999));
        assert_false(lab_reaches_host(lab, mac, "127.0.0.1", 9999));
}

static void a_guest_reaches_no_forward_of_the_host(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int target = lab_udp(lab, lab->second_ns, SECOND_ADDRESS, 80);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);
        static const char *const addresses[] = {"127.0.0.1", HOST_ADDRESS, HOST_OTHER_ADDRESS};
        static char everywhere[] = "0.0.0.0";
        Frame frame = {};
        char mac[18];

        lab_mac("br-banger", mac);
        lab->forwards[0].vm = lab->guests[1].vm;
        lab->forwards[0].address = everywhere;
        for (int isolated = 0; isolated < 2; isolated++) {
                lab->settings.isolated = isolated;
                lab_set(lab, 2, 1);
                for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
                        frame_head(&frame, mac, FIRST_MAC, ETHERTYPE_IP);
                        frame_datagram(&frame, FIRST_ADDRESS, 1, addresses[i], 8080, "forward");
                        lab_send_frame(guest, &frame);
                }
                assert_false(lab_reaches_host(lab, mac, HOST_ADDRESS, 9999));
                lab_send(host, SECOND_ADDRESS, 80, "marker");
                lab_receives(target, "marker", NULL);
        }
}

/* Loopback addresses are routed once there is a forward of one, and port 53 is open to guests. */
static void a_resolver_of_the_host_alone_is_out_of_reach(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int resolver = lab_udp(lab, lab->host_ns, "127.0.0.1", 53);
        Frame frame = {};
        char mac[18];

        lab_mac("br-banger", mac);
        lab_set(lab, 2, 1);
        frame_head(&frame, mac, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, "127.0.0.1", 53, "loopback");
        lab_send_frame(guest, &frame);
        assert_false(lab_reaches_host(lab, mac, HOST_ADDRESS, 9999));
        lab_has_nothing(resolver);
}

/* The kernel hands such frames to the tap itself, past the bridge: it would answer from there. */
static void arp_to_a_link_local_group_is_not_answered(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        Frame frame = {}, answer = {}, last = {};
        char mac[18], tap_mac[18];

        lab_mac("br-banger", mac);
        lab_mac("bgr-" FIRST, tap_mac);
        lab_set(lab, 2, 0);
        frame_head(&frame, "01:80:c2:00:00:03", FIRST_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 1, FIRST_MAC, SECOND_ADDRESS, HOST_ADDRESS);
        lab_send_frame(guest, &frame);
        frame_head(&frame, BROADCAST, FIRST_MAC, ETHERTYPE_ARP);
        frame_arp(&frame, 1, FIRST_MAC, FIRST_ADDRESS, HOST_ADDRESS);
        lab_send_frame(guest, &frame);
        /* Up to the sender's address: what follows is the same in both. */
        frame_head(&answer, FIRST_MAC, tap_mac, ETHERTYPE_ARP);
        frame_head(&last, FIRST_MAC, mac, ETHERTYPE_ARP);
        assert_false(lab_saw_before(guest, &answer, &last));
}

/* Likewise. */
static void a_link_local_group_is_no_way_past_the_bridge(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int service = lab_udp(lab, lab->host_ns, "0.0.0.0", 9999);
        char mac[18];
        Frame frame = {};

        lab_mac("br-banger", mac);
        lab_set(lab, 2, 0);
        frame_head(&frame, "01:80:c2:00:00:03", FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, HOST_ADDRESS, 9999, "past");
        lab_send_frame(guest, &frame);
        assert_false(lab_reaches_host(lab, mac, HOST_ADDRESS, 9998));
        lab_has_nothing(service);
}

static void the_host_reaches_a_guest_and_hears_its_answer(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);
        struct sockaddr_in from;

        lab_set(lab, 2, 0);
        lab_send(host, FIRST_ADDRESS, 80, "question");
        lab_receives(guest, "question", &from);
        assert_int_equal(lab_try_send(guest, &from, "answer"), 6);
        lab_receives(host, "answer", NULL);
        lab_enter(lab->first_ns);
        lab_run("ping -c 1 -W 5 " HOST_ADDRESS " >/dev/null 2>&1 || ! command -v ping >/dev/null");
        lab_enter(lab->host_ns);
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_setup, lab_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_guest_sends_from_its_own_mac_and_address),
                TEST(a_mac_or_address_of_another_is_dropped),
                TEST(arp_in_the_name_of_another_is_dropped),
                TEST(other_protocols_are_dropped),
                TEST(a_vlan_tag_hides_nothing),
                TEST(what_a_dhcp_server_says_is_dropped),
                TEST(ipv6_and_router_advertisements_are_dropped),
                TEST(an_error_about_what_the_host_sends_to_others_is_dropped),
                TEST(an_error_about_what_another_guest_is_sent_is_dropped),
                TEST(a_guest_may_send_a_few_fragments),
                TEST(a_fragment_larger_than_a_link_carries_is_dropped),
                TEST(a_tap_that_is_not_among_the_guests_is_mute),
                TEST(before_any_guest_is_set_all_taps_are_mute),
                TEST(a_guest_does_not_reach_another_by_the_bridge),
                TEST(of_a_guest_only_what_is_its_own_arrives_at_another_that_may_hear_it),
                TEST(the_hosts_services_are_out_of_reach),
                TEST(a_guest_reaches_no_forward_of_the_host),
                TEST(a_resolver_of_the_host_alone_is_out_of_reach),
                TEST(arp_to_a_link_local_group_is_not_answered),
                TEST(a_link_local_group_is_no_way_past_the_bridge),
                TEST(the_host_reaches_a_guest_and_hears_its_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
