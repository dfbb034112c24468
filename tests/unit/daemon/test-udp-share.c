/* Sockets that share a UDP port: real ones, of the loopback address. */
#include "tests/unit/daemon/dns-query.h"

#include <errno.h>
#include <unistd.h>

#include "daemon/udp-share.h"

static struct sockaddr_in ours;
static int ours_fd;

/* As systemd passes it. */
static int setup(_unused_ void **state) {
        ours_fd = loopback_socket(SOCK_DGRAM, &ours);
        return setsockopt(ours_fd, SOL_SOCKET, SO_REUSEADDR, &(int) {1}, sizeof(int));
}

static int teardown(_unused_ void **state) {
        close_fd(ours_fd);
        return 0;
}

/* Of a program that wants to share. */
static int try_bind(int family, const char *address, bool ipv6_only, int *ret_fd) {
        struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = ours.sin_port};
        struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = ours.sin_port};
        bool is_ipv6 = family == AF_INET6;
        const void *to = is_ipv6 ? (const void *) &ipv6 : &ipv4;
        void *place = is_ipv6 ? (void *) &ipv6.sin6_addr : &ipv4.sin_addr;
        int only = ipv6_only, fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        *ret_fd = fd;
        if (fd < 0) /* IPv6, which this host has not */
                return -errno;
        assert_int_equal(inet_pton(family, address, place), 1);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) {1}, sizeof(int)), 0);
        if (is_ipv6)
                assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
        return bind(fd, to, is_ipv6 ? sizeof(ipv6) : sizeof(ipv4)) < 0 ? -errno : 0;
}

static bool host_has_no(int r) {
        return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL;
}

typedef struct Place {
        int family;
        const char *address;
} Place;

static const Place sharing[] = {
        {AF_INET, "127.0.0.1"},        {AF_INET, "0.0.0.0"},         {AF_INET6, "::"},
        {AF_INET6, "::ffff:127.0.0.1"}, {AF_INET6, "::ffff:0.0.0.0"}, {0, NULL},
};

static void assert_alone(void) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = udp_share_check(ours_fd, &error);

        if (r < 0)
                fail_msg("%s", error.message);
}

static void assert_shared(const char *by) {
        _cleanup_error_ Error error = ERROR_INIT;
        char uid[32];

        (void) snprintf(uid, sizeof(uid), "uid %u ", getuid());
        if (udp_share_check(ours_fd, &error) != -EADDRINUSE)
                fail_msg("%s is not seen", by);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_non_null(strstr(error.message, uid));
}

static void one_that_came_before_is_seen_until_it_goes(_unused_ void **state) {
        for (const Place *place = sharing; place->address; place++) {
                _cleanup_close_ int fd = -1;
                int r;

                /* As systemd passes it after a start anew. */
                teardown(NULL);
                setup(NULL);
                r = try_bind(place->family, place->address, false, &fd);
                if (host_has_no(r))
                        continue;
                assert_int_equal(r, 0);
                assert_int_equal(udp_share_end(ours_fd), 0);
                assert_shared(place->address);
                fd = close_fd(fd);
                assert_alone();
        }
}

static void one_of_all_addresses_is_seen_when_it_is_connected(_unused_ void **state) {
        const struct sockaddr_in peer = {.sin_family = AF_INET,
                                         .sin_port = htons(53),
                                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
        _cleanup_close_ int fd = -1;

        assert_int_equal(try_bind(AF_INET, "0.0.0.0", false, &fd), 0);
        assert_int_equal(connect(fd, (const struct sockaddr *) &peer, sizeof(peer)), 0);
        assert_int_equal(udp_share_end(ours_fd), 0);
        assert_shared("one that is connected");
}

static void nobody_comes_later(_unused_ void **state) {
        assert_int_equal(udp_share_end(ours_fd), 0);
        for (const Place *place = sharing; place->address; place++) {
                _cleanup_close_ int fd = -1;
                int r = try_bind(place->family, place->address, false, &fd);

                if (!host_has_no(r) && r != -EADDRINUSE)
                        fail_msg("%s: %d", place->address, r);
        }
        assert_alone();
}

/* Anybody may have them at any time, and gets nothing by that. */
static void those_that_do_not_share_are_no_trouble(_unused_ void **state) {
        _cleanup_close_ int other = -1, ipv6 = -1, one = -1;
        int r;

        assert_int_equal(udp_share_end(ours_fd), 0);
        assert_int_equal(try_bind(AF_INET, "127.0.0.2", false, &other), 0);
        r = try_bind(AF_INET6, "::", true, &ipv6);
        assert_true(r == 0 || host_has_no(r));
        r = try_bind(AF_INET6, "::1", true, &one);
        assert_true(r == 0 || host_has_no(r));
        assert_alone();
}

static void what_is_no_socket_is_an_error(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(udp_share_end(-1), -EBADF);
        assert_int_equal(udp_share_check(-1, &error), -EBADF);
        assert_non_null(error.message);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(one_that_came_before_is_seen_until_it_goes),
                TEST(one_of_all_addresses_is_seen_when_it_is_connected),
                TEST(nobody_comes_later),
                TEST(those_that_do_not_share_are_no_trouble),
                TEST(what_is_no_socket_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
