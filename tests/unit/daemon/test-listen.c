#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/listen.h"
#include "tests/unit/daemon/dns-query.h"

enum {
        FIRST_FD = 100, /* a place where a run of descriptors is free */
};

/* Autobound: listening needs no file then. */
static void put_listener(int fd) {
        const struct sockaddr_un address = {.sun_family = AF_UNIX};
        int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(made, (const struct sockaddr *) &address, sizeof(sa_family_t)), 0);
        assert_int_equal(listen(made, 1), 0);
        assert_int_equal(dup3(made, fd, O_CLOEXEC), fd);
        close_fd(made);
}

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static int take(int n_fds, const char *first, const char *second, DaemonSockets *ret,
                size_t *ret_n_unknown, Error *reterr) {
        char a[32], b[32];
        char *names[] = {a, b, NULL};

        (void) snprintf(a, sizeof(a), "%s", first);
        (void) snprintf(b, sizeof(b), "%s", second);
        return listen_take(FIRST_FD, n_fds, names, ret, ret_n_unknown, reterr);
}

static void the_socket_named_varlink_is_taken(_unused_ void **state) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 9;

        put_listener(FIRST_FD);
        assert_int_equal(take(1, "varlink", "", &sockets, &n_unknown, NULL), 0);
        assert_int_equal(sockets.varlink, FIRST_FD);
        assert_int_equal(n_unknown, 0);
        daemon_sockets_close(&sockets);
        assert_false(is_open(FIRST_FD));
}

static void a_descriptor_of_another_name_is_closed_and_counted(_unused_ void **state) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 0;

        put_listener(FIRST_FD);
        put_listener(FIRST_FD + 1);
        assert_int_equal(take(2, "stored", "varlink", &sockets, &n_unknown, NULL), 0);
        assert_int_equal(sockets.varlink, FIRST_FD + 1);
        assert_int_equal(n_unknown, 1);
        assert_false(is_open(FIRST_FD));
        daemon_sockets_close(&sockets);
}

static void a_second_socket_of_the_name_is_closed_too(_unused_ void **state) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 0;

        put_listener(FIRST_FD);
        put_listener(FIRST_FD + 1);
        assert_int_equal(take(2, "varlink", "varlink", &sockets, &n_unknown, NULL), 0);
        assert_int_equal(sockets.varlink, FIRST_FD);
        assert_int_equal(n_unknown, 1);
        daemon_sockets_close(&sockets);
}

static void put_names_socket(int fd, int type) {
        struct sockaddr_in address;
        int made = loopback_socket(type, &address);

        if (type == SOCK_STREAM)
                assert_int_equal(listen(made, 1), 0);
        assert_int_equal(dup3(made, fd, O_CLOEXEC), fd);
        close_fd(made);
}

static int take_three(const char *first, const char *second, const char *third,
                      DaemonSockets *ret, size_t *ret_n_unknown) {
        char a[32], b[32], c[32];
        char *names[] = {a, b, c, NULL};

        (void) snprintf(a, sizeof(a), "%s", first);
        (void) snprintf(b, sizeof(b), "%s", second);
        (void) snprintf(c, sizeof(c), "%s", third);
        return listen_take(FIRST_FD, 3, names, ret, ret_n_unknown, NULL);
}

static void the_sockets_named_dns_are_told_apart_by_type(_unused_ void **state) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 9;

        put_names_socket(FIRST_FD, SOCK_STREAM);
        put_listener(FIRST_FD + 1);
        put_names_socket(FIRST_FD + 2, SOCK_DGRAM);
        assert_int_equal(take_three("dns", "varlink", "dns", &sockets, &n_unknown), 0);
        assert_int_equal(sockets.names.tcp, FIRST_FD);
        assert_int_equal(sockets.names.udp, FIRST_FD + 2);
        assert_int_equal(n_unknown, 0);
        daemon_sockets_close(&sockets);
        assert_false(is_open(FIRST_FD) || is_open(FIRST_FD + 2));
}

static void without_sockets_for_dns_there_are_none(_unused_ void **state) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 9;

        put_listener(FIRST_FD);
        assert_int_equal(take(1, "varlink", "", &sockets, &n_unknown, NULL), 0);
        assert_int_equal(sockets.names.tcp, -1);
        assert_int_equal(sockets.names.udp, -1);
        daemon_sockets_close(&sockets);
}

static void sockets_named_dns_of_another_type_or_twice_are_closed(_unused_ void **state) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 0;

        put_listener(FIRST_FD);
        put_listener(FIRST_FD + 1);
        put_names_socket(FIRST_FD + 2, SOCK_DGRAM);
        assert_int_equal(take_three("varlink", "dns", "dns", &sockets, &n_unknown), 0);
        assert_int_equal(n_unknown, 1);
        assert_int_equal(sockets.names.udp, FIRST_FD + 2);
        assert_false(is_open(FIRST_FD + 1));
        daemon_sockets_close(&sockets);

        put_listener(FIRST_FD);
        put_names_socket(FIRST_FD + 1, SOCK_DGRAM);
        put_names_socket(FIRST_FD + 2, SOCK_DGRAM);
        assert_int_equal(take_three("varlink", "dns", "dns", &sockets, &n_unknown), 0);
        assert_int_equal(n_unknown, 1);
        assert_false(is_open(FIRST_FD + 2));
        daemon_sockets_close(&sockets);
}

static void without_a_socket_the_error_says_how_to_start(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 0;

        assert_int_equal(take(0, "", "", &sockets, &n_unknown, &error), -EINVAL);
        assert_non_null(strstr(error.hint, "bangerd.socket"));
        assert_int_equal(sockets.varlink, -1);
}

static void what_does_not_listen_is_refused_and_closed(_unused_ void **state) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;
        size_t n_unknown = 0;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(dup3(fds[0], FIRST_FD, O_CLOEXEC), FIRST_FD);
        assert_int_equal(take(1, "varlink", "", &sockets, &n_unknown, NULL), -EINVAL);
        assert_int_equal(sockets.varlink, -1);
        assert_false(is_open(FIRST_FD));
        close_fd(fds[0]);
        close_fd(fds[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_socket_named_varlink_is_taken),
                cmocka_unit_test(a_descriptor_of_another_name_is_closed_and_counted),
                cmocka_unit_test(a_second_socket_of_the_name_is_closed_too),
                cmocka_unit_test(the_sockets_named_dns_are_told_apart_by_type),
                cmocka_unit_test(without_sockets_for_dns_there_are_none),
                cmocka_unit_test(sockets_named_dns_of_another_type_or_twice_are_closed),
                cmocka_unit_test(without_a_socket_the_error_says_how_to_start),
                cmocka_unit_test(what_does_not_listen_is_refused_and_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
