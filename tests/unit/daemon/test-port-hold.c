/* The sockets that hold ports of forwards: the kernel's, of the loopback address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "daemon/port-hold.h"

static struct sockaddr_in at(const Forward *port) {
        return (struct sockaddr_in) {
                .sin_family = AF_INET,
                .sin_port = htons(port->host_port),
                .sin_addr.s_addr = htonl(port->address),
        };
}

static int type_of(const Forward *port) {
        return (port->protocol == FORWARD_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
}

/* As a program that insists. */
static int try_bind(const Forward *port) {
        _cleanup_close_ int fd = socket(AF_INET, type_of(port), 0);
        const struct sockaddr_in address = at(port);
        const int one = 1;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
        return bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

static Forward free_port(ForwardProtocol protocol) {
        Forward port = {.protocol = protocol, .address = INADDR_LOOPBACK, .guest_port = 80};
        _cleanup_close_ int fd = socket(AF_INET, type_of(&port), 0);
        struct sockaddr_in address = at(&port);
        socklen_t size = sizeof(address);

        assert_int_equal(bind(fd, (const struct sockaddr *) &address, size), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &size), 0);
        port.host_port = ntohs(address.sin_port);
        return port;
}

static int hold(const Forward *port) {
        int fd = -1;

        assert_int_equal(port_hold(port, &fd, NULL), 0);
        return fd;
}

static void nobody_can_bind_what_is_held(_unused_ void **state) {
        for (int protocol = 0; protocol < _FORWARD_PROTOCOL_MAX; protocol++) {
                Forward port = free_port((ForwardProtocol) protocol), everywhere = port;
                int fd = hold(&port);

                everywhere.address = INADDR_ANY;
                assert_int_equal(try_bind(&port), -EADDRINUSE);
                assert_int_equal(try_bind(&everywhere), -EADDRINUSE);
                close_fd(fd);
                assert_int_equal(try_bind(&port), 0);
                fd = hold(&everywhere);
                assert_int_equal(try_bind(&port), -EADDRINUSE);
                close_fd(fd);
        }
}

/* NetworkSet would take it for a program's. */
static void one_of_tcp_is_none_that_listens(_unused_ void **state) {
        Forward port = free_port(FORWARD_TCP);
        _cleanup_close_ int fd = hold(&port);
        _cleanup_free_ char *table = NULL;
        char entry[32];

        assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/net/tcp", 1 << 24, &table, NULL), 0);
        (void) snprintf(entry, sizeof(entry), "0100007F:%04X 00000000:0000", port.host_port);
        assert_null(strstr(table, entry));
}

static void a_port_that_a_program_has_is_refused(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        Forward port = free_port(FORWARD_TCP);
        _cleanup_close_ _unused_ int program = hold(&port);
        int fd = -1;

        assert_int_equal(port_hold(&port, &fd, &error), -EADDRINUSE);
        assert_int_equal(fd, -1);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_non_null(error.hint);
}

static void an_address_that_is_not_this_hosts_is_refused(_unused_ void **state) {
        Forward port = {.protocol = FORWARD_UDP,
                        .address = 0xc0000201, /* TEST-NET-1, RFC 5737 */
                        .host_port = 50000};
        int fd = -1;

        assert_int_equal(port_hold(&port, &fd, NULL), -EADDRNOTAVAIL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nobody_can_bind_what_is_held),
                cmocka_unit_test(one_of_tcp_is_none_that_listens),
                cmocka_unit_test(a_port_that_a_program_has_is_refused),
                cmocka_unit_test(an_address_that_is_not_this_hosts_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
