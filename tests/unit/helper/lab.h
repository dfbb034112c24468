#pragma once
/* A host with a bridge, two guests on it and a network outside, each a network namespace of the
 * test's own; a guest's end of a veth pair stands for its virtio device. */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/forward.h"
#include "common/strings.h"
#include "helper/firewall.h"
#include "helper/netlink.h"
#include "helper/network.h"
#include "tests/unit/helper/fixture.h"

#define LAB_WAIT_MS 10000

#define HOST_ADDRESS "172.30.0.1"
#define HOST_OTHER_ADDRESS "192.0.2.1" /* on its loopback link */
#define HOST_OUTER_ADDRESS "198.51.100.1"
#define OUTSIDE_ADDRESS "198.51.100.2"
#define FIRST "0123456789"
#define FIRST_MAC "02:01:23:45:67:89"
#define FIRST_ADDRESS "172.30.0.2"
#define SECOND "abcdef0123"
#define SECOND_MAC "02:ab:cd:ef:01:23"
#define SECOND_ADDRESS "172.30.0.3"

typedef struct Lab {
        Fixture *fixture;
        HostPaths paths;
        Host host;
        Config settings;
        int host_ns, first_ns, second_ns, outside_ns; /* host_ns -1: no namespaces here */
        /* For what NetworkSet is given. */
        RootGuest guests[2];
        RootForward forwards[4];
        RootNetworkDone done;
} Lab;

static inline void lab_enter(int ns) {
        assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

static inline int lab_namespace(void) {
        int fd;

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(system("ip link set lo up"), 0); /* NOLINT */
        return fd;
}

_printf_(1, 2) static inline void lab_run(const char *format, ...) {
        char command[512];
        va_list arguments;

        va_start(arguments, format);
        assert_true(vsnprintf(command, sizeof(command), format, arguments) < (int) sizeof(command));
        va_end(arguments);
        if (system(command) != 0) /* NOLINT */
                fail_msg("%s", command);
}

/* All of nftables' rules in this namespace; for the caller to free. */
static inline char *lab_listing(void) {
        FILE *out = popen("nft list ruleset", "re"); /* NOLINT */
        char *text = calloc(1, 1 << 16);

        assert_non_null(text);
        assert_non_null(out);
        assert_true(fread(text, 1, (1 << 16) - 1, out) < (1 << 16) - 1);
        (void) pclose(out);
        return text;
}

/* A link of the host with its other end, eth0, in that namespace. */
static inline void lab_link(const Lab *lab, const char *name, int ns, const char *address) {
        lab_enter(lab->host_ns);
        lab_run("ip link add %s type veth peer name eth0 netns /proc/%d/fd/%d", name, getpid(), ns);
        lab_run("ip link set %s up", name);
        lab_enter(ns);
        /* What IPv6 says by itself would be counted as refused. */
        lab_run("f=/proc/sys/net/ipv6/conf/eth0/disable_ipv6; [ ! -e $f ] || echo 1 >$f");
        lab_run("ip address add %s/24 dev eth0; ip link set eth0 up", address);
        lab_enter(lab->host_ns);
}

static inline void lab_guest(const Lab *lab, const char *id, int ns, const char *mac,
                             const char *address) {
        _cleanup_free_ char *tap = string_format("bgr-%s", id);

        lab_link(lab, tap, ns, address);
        lab_run("ip link set %s master br-banger", tap);
        lab_run("ip link set %s type bridge_slave isolated on", tap);
        lab_enter(ns);
        lab_run("ip link set eth0 address %s && ip route add default via " HOST_ADDRESS, mac);
        lab_enter(lab->host_ns);
}

static inline void lab_write(const char *path, const char *text) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static inline char lab_digit(const char *path) {
        FILE *file = fopen(path, "re");
        int digit;

        assert_non_null(file);
        digit = fgetc(file);
        assert_int_equal(fclose(file), 0);
        return (char) digit;
}

#define IP_FORWARD "/proc/sys/net/ipv4/ip_forward"
#define ACCEPT_REDIRECTS "/proc/sys/net/ipv4/conf/all/accept_redirects"
#define FORWARDING(link) "/proc/sys/net/ipv4/conf/" link "/forwarding"
#define ROUTE_LOCALNET "/proc/sys/net/ipv4/conf/br-banger/route_localnet"

static inline void lab_fill(Lab *lab) {
        static char first[] = FIRST, second[] = SECOND;

        lab->guests[0] = (RootGuest) {.vm = first, .slot = 1};
        lab->guests[1] = (RootGuest) {.vm = second, .slot = 2};
        for (size_t i = 0; i < ELEMENTSOF(lab->forwards); i++)
                lab->forwards[i] = (RootForward) {.vm = first,
                                                  .protocol = FORWARD_UDP,
                                                  .host_port = 8080 + (int64_t) i,
                                                  .guest_port = 80};
}

static inline void lab_build(Lab *lab) {
        lab->host_ns = lab_namespace();
        lab->first_ns = lab_namespace();
        lab->second_ns = lab_namespace();
        lab->outside_ns = lab_namespace();
        lab_enter(lab->host_ns);
        lab_write(IP_FORWARD, "0\n");
        /* Bridged frames are not to meet the rules about routed packets as well (br_netfilter). */
        lab_run("f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo 0 >$f");
        lab_run("ip address add " HOST_OTHER_ADDRESS "/32 dev lo");
        lab_run("ip link add probe0 type dummy 2>/dev/null && ip link del probe0 || "
                "ip link add bgr-carrier type ifb");
        if (system("ip link show bgr-carrier >/dev/null 2>&1") == 0) /* NOLINT */
                lab->paths.carrier_kind = "ifb";
        assert_int_equal(bridge_ensure(&lab->host, &lab->settings, NULL), 0);
        lab_link(lab, "out0", lab->outside_ns, OUTSIDE_ADDRESS);
        lab_run("ip address add " HOST_OUTER_ADDRESS "/24 dev out0");
        lab_guest(lab, FIRST, lab->first_ns, FIRST_MAC, FIRST_ADDRESS);
        lab_guest(lab, SECOND, lab->second_ns, SECOND_MAC, SECOND_ADDRESS);
}

static inline int lab_setup(void **state) {
        Lab *lab = calloc(1, sizeof(*lab));
        void *fixture = NULL;

        assert_non_null(lab);
        assert_int_equal(fixture_setup(&fixture), 0);
        lab->fixture = fixture;
        lab->host = HOST_INIT;
        lab->settings = config_default;
        lab->host_ns = lab->first_ns = lab->second_ns = lab->outside_ns = -1;
        lab->paths = lab->fixture->paths;
        lab->paths.proc = "/proc";
        assert_int_equal(host_open(&lab->paths, &lab->host, NULL), 0);
        lab_fill(lab);
        *state = lab;
        if (geteuid() == 0)
                lab_build(lab);
        return 0;
}

static inline int lab_teardown(void **state) {
        Lab *lab = *state;
        void *fixture = lab->fixture;

        close_fd(lab->host_ns);
        close_fd(lab->first_ns);
        close_fd(lab->second_ns);
        close_fd(lab->outside_ns);
        schema_clear(&root_network_done_schema, &lab->done);
        host_close(&lab->host);
        free(lab);
        return fixture_teardown(&fixture);
}

/* For tests that need the namespaces. */
static inline Lab *lab_need(void **state) {
        Lab *lab = *state;

        if (lab->host_ns < 0)
                skip();
        return lab;
}

static inline int lab_try(Lab *lab, size_t n_guests, size_t n_forwards) {
        const RootNetwork network = {{lab->guests, n_guests}, {lab->forwards, n_forwards}, NULL};

        error_clear(&lab->fixture->error);
        schema_clear(&root_network_done_schema, &lab->done);
        return firewall_set(&lab->host, &lab->settings, &network, &lab->done, &lab->fixture->error);
}

static inline void lab_set(Lab *lab, size_t n_guests, size_t n_forwards) {
        if (lab_try(lab, n_guests, n_forwards) < 0)
                fail_msg("%s", lab->fixture->error.message);
}

/* ---- talking ---- */

static inline struct sockaddr_in lab_at(const char *address, unsigned port) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};

        assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
        return at;
}

/* A socket in that namespace, bound to that port; port 0: any. */
static inline int lab_socket(const Lab *lab, int ns, int type, const char *address, unsigned port) {
        struct sockaddr_in at = lab_at(address, port);
        int fd;

        lab_enter(ns);
        fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        lab_enter(lab->host_ns);
        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) {1}, sizeof(int)), 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) (const void *) &at, sizeof(at)), 0);
        if (type == SOCK_STREAM)
                assert_int_equal(listen(fd, 8), 0);
        return fd;
}

static inline int lab_udp(const Lab *lab, int ns, const char *address, unsigned port) {
        return lab_socket(lab, ns, SOCK_DGRAM, address, port);
}

/* As sendto(2) and connect(2). */
static inline ssize_t lab_try_send(int fd, const struct sockaddr_in *to, const char *text) {
        return sendto(fd, text, strlen(text), 0, (const struct sockaddr *) (const void *) to,
                      sizeof(*to));
}

static inline int lab_try_connect(int fd, const struct sockaddr_in *to) {
        return connect(fd, (const struct sockaddr *) (const void *) to, sizeof(*to));
}

static inline void lab_send(int fd, const char *address, unsigned port, const char *text) {
        const struct sockaddr_in to = lab_at(address, port);

        assert_int_equal(lab_try_send(fd, &to, text), strlen(text));
}

/* The next datagram must be this one. from may be NULL. */
static inline void lab_receives(int fd, const char *text, struct sockaddr_in *from) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        char buffer[64] = "";
        socklen_t size = sizeof(*from);
        ssize_t n;

        if (poll(&poller, 1, LAB_WAIT_MS) != 1)
                fail_msg("\"%s\" has not come", text);
        n = recvfrom(fd, buffer, sizeof(buffer) - 1, 0, (struct sockaddr *) (void *) from,
                     from ? &size : NULL);
        assert_true(n >= 0);
        assert_string_equal(buffer, text);
}

/* What was sent before something that has arrived has not. */
static inline void lab_has_nothing(int fd) {
        char buffer[64];

        assert_int_equal(recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), -1);
        assert_int_equal(errno, EAGAIN);
}

static inline void assert_address(const struct sockaddr_in *at, const char *expected) {
        char text[INET_ADDRSTRLEN];

        assert_non_null(inet_ntop(AF_INET, &at->sin_addr, text, sizeof(text)));
        assert_string_equal(text, expected);
}

/* ---- frames ---- */

typedef struct Frame {
        unsigned char bytes[128];
        size_t size;
} Frame;

static inline void frame_put(Frame *frame, const void *bytes, size_t size) {
        assert_true(frame->size + size <= sizeof(frame->bytes));
        memcpy(frame->bytes + frame->size, bytes, size);
        frame->size += size;
}

static inline void frame_put_u16(Frame *frame, unsigned value) {
        frame_put(frame, &(uint16_t) {htons((uint16_t) value)}, 2);
}

static inline void frame_put_mac(Frame *frame, const char *text) {
        unsigned mac[ETH_ALEN];

        assert_int_equal(sscanf(text, "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3],
                                &mac[4], &mac[5]), /* NOLINT */
                         ETH_ALEN);
        for (size_t i = 0; i < ETH_ALEN; i++)
                frame_put(frame, &(unsigned char) {(unsigned char) mac[i]}, 1);
}

static inline void frame_put_address(Frame *frame, const char *text) {
        const struct sockaddr_in at = lab_at(text, 0);

        frame_put(frame, &at.sin_addr, 4);
}

static inline uint16_t frame_sum(const unsigned char *bytes, size_t size) {
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < size; i += 2)
                sum += (uint32_t) bytes[i] << 8 | bytes[i + 1];
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t) ~sum);
}

static inline void frame_head(Frame *frame, const char *to, const char *from, unsigned type) {
        frame->size = 0;
        frame_put_mac(frame, to);
        frame_put_mac(frame, from);
        frame_put_u16(frame, type);
}

/* A datagram after the head; without a checksum of its own, as UDP allows. */
static inline void frame_datagram(Frame *frame, const char *from, unsigned from_port,
                                  const char *to, unsigned to_port, const char *text) {
        struct iphdr header = {.version = 4,
                               .ihl = 5,
                               .ttl = 64,
                               .protocol = IPPROTO_UDP,
                               .tot_len = htons((uint16_t) (28 + strlen(text)))};

        header.saddr = lab_at(from, 0).sin_addr.s_addr;
        header.daddr = lab_at(to, 0).sin_addr.s_addr;
        header.check = frame_sum((const unsigned char *) &header, sizeof(header));
        frame_put(frame, &header, sizeof(header));
        frame_put_u16(frame, from_port);
        frame_put_u16(frame, to_port);
        frame_put_u16(frame, (unsigned) (8 + strlen(text)));
        frame_put_u16(frame, 0);
        frame_put(frame, text, strlen(text));
}

static inline void frame_ip(Frame *frame, const char *from, const char *to, size_t size) {
        struct iphdr header = {.version = 4,
                               .ihl = 5,
                               .ttl = 64,
                               .protocol = IPPROTO_ICMP,
                               .tot_len = htons((uint16_t) (sizeof(header) + size))};

        header.saddr = lab_at(from, 0).sin_addr.s_addr;
        header.daddr = lab_at(to, 0).sin_addr.s_addr;
        header.check = frame_sum((const unsigned char *) &header, sizeof(header));
        frame_put(frame, &header, sizeof(header));
}

#define ICMP_HEADER 8

/* What from says to to, at those MACs, about this that to has sent. */
static inline void frame_error(Frame *frame, const char *to_mac, const char *mac, const char *from,
                               const char *to, const unsigned char header[static ICMP_HEADER],
                               const Frame *about) {
        size_t at;
        uint16_t sum;

        frame_head(frame, to_mac, mac, ETHERTYPE_IP);
        frame_ip(frame, from, to, ICMP_HEADER + about->size);
        at = frame->size;
        frame_put(frame, header, ICMP_HEADER);
        frame_put(frame, about->bytes, about->size);
        sum = frame_sum(frame->bytes + at, frame->size - at);
        memcpy(frame->bytes + at + 2, &sum, sizeof(sum));
}

/* Of a connected socket, as ICMP told it. */
static inline int error_of(int fd) {
        socklen_t size = sizeof(int);
        int error = 0;

        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
        return error;
}

static inline void frame_arp(Frame *frame, unsigned operation, const char *mac, const char *address,
                             const char *target) {
        frame_put_u16(frame, 1);
        frame_put_u16(frame, ETHERTYPE_IP);
        frame_put(frame, "\6\4", 2);
        frame_put_u16(frame, operation);
        frame_put_mac(frame, mac);
        frame_put_address(frame, address);
        frame_put_mac(frame, "00:00:00:00:00:00");
        frame_put_address(frame, target);
}

/* All frames that a link of that namespace takes in and gives out. */
static inline int lab_packets(const Lab *lab, int ns, const char *link) {
        struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
        int fd;

        lab_enter(ns);
        fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
        at.sll_ifindex = (int) if_nametoindex(link);
        lab_enter(lab->host_ns);
        assert_true(fd >= 0);
        assert_true(at.sll_ifindex > 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) (const void *) &at, sizeof(at)), 0);
        return fd;
}

static inline void lab_send_frame(int fd, const Frame *frame) {
        assert_int_equal(send(fd, frame->bytes, frame->size, 0), frame->size);
}

/* Reads frames until the last of these comes: was the first of them among those before? */
static inline bool lab_saw_before(int fd, const Frame *wanted, const Frame *last) {
        bool saw = false;

        for (;;) {
                struct pollfd poller = {.fd = fd, .events = POLLIN};
                unsigned char buffer[2048];
                ssize_t n;

                if (poll(&poller, 1, LAB_WAIT_MS) != 1)
                        fail_msg("the last frame has not come");
                n = recv(fd, buffer, sizeof(buffer), 0);
                assert_true(n >= 0);
                if ((size_t) n >= last->size && memcmp(buffer, last->bytes, last->size) == 0)
                        return saw;
                saw = saw || ((size_t) n >= wanted->size &&
                              memcmp(buffer, wanted->bytes, wanted->size) == 0);
        }
}

/* As text. */
static inline void lab_mac(const char *link, char ret[static 18]) {
        _cleanup_free_ char *command =
                string_format("ip -o link show %s | sed 's|.*ether ||; s| .*||'", link);
        FILE *out = popen(command, "re"); /* NOLINT */

        assert_non_null(out);
        assert_int_equal(fread(ret, 1, 17, out), 17);
        ret[17] = '\0';
        (void) pclose(out);
}

/* Does the first guest's datagram reach a program that listens on all of the host's addresses? What
 * comes after it is for the host's DNS server, which a guest may ask. */
static inline bool lab_reaches_host(Lab *lab, const char *mac, const char *address, unsigned port) {
        _cleanup_close_ int guest = lab_packets(lab, lab->first_ns, "eth0");
        _cleanup_close_ int service = lab_udp(lab, lab->host_ns, "0.0.0.0", port);
        _cleanup_close_ int dns = lab_udp(lab, lab->host_ns, HOST_ADDRESS, 53);
        Frame frame = {};
        char buffer[16];

        frame_head(&frame, mac, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, address, port, "first");
        lab_send_frame(guest, &frame);
        frame_head(&frame, mac, FIRST_MAC, ETHERTYPE_IP);
        frame_datagram(&frame, FIRST_ADDRESS, 1, HOST_ADDRESS, 53, "last");
        lab_send_frame(guest, &frame);
        lab_receives(dns, "last", NULL);
        return recv(service, buffer, sizeof(buffer), MSG_DONTWAIT) >= 0;
}
