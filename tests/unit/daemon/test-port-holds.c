/* The sockets that hold ports: real ones, of the loopback address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "daemon/port-holds.h"

static const VmId vm = {"aaaaaaaaaa"};

static unsigned n_made;

/* Counts how often it is asked to. */
static int make(const Forward *forward, int *ret_fd, Error *reterr) {
        n_made++;
        return port_hold(forward, ret_fd, reterr);
}

/* As a program that insists. */
static int try_bind(const Forward *port) {
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(port->host_port),
                .sin_addr.s_addr = htonl(port->address),
        };
        int type = port->protocol == FORWARD_TCP ? SOCK_STREAM : SOCK_DGRAM;
        _cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        const int one = 1;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
        return bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

static bool is_taken(const Forward *forward) {
        return try_bind(forward) < 0;
}

static Forward free_port(ForwardProtocol protocol) {
        Forward forward = {.protocol = protocol, .address = INADDR_LOOPBACK, .guest_port = 80};
        _cleanup_close_ int fd = -1;
        struct sockaddr_in at;
        socklen_t size = sizeof(at);

        assert_int_equal(port_hold(&forward, &fd, NULL), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &size), 0);
        forward.host_port = ntohs(at.sin_port);
        return forward;
}

/* ---- one ---- */

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

/* ---- those of the forwards in force ---- */

static void what_is_added_is_held_until_it_is_released(_unused_ void **state) {
        PortHolds holds = {.items = NULL};

        for (int protocol = 0; protocol < _FORWARD_PROTOCOL_MAX; protocol++) {
                Forward forward = free_port((ForwardProtocol) protocol);

                port_holds_add(&holds, &vm, &forward, make);
                assert_true(is_taken(&forward));
                assert_true(port_holds_release(&holds, &forward));
                assert_false(is_taken(&forward));
                assert_false(port_holds_release(&holds, &forward));
        }
        port_holds_clear(&holds);
}

static void what_is_held_is_made_once(_unused_ void **state) {
        Forward forward = free_port(FORWARD_TCP);
        PortHolds holds = {.items = NULL};

        n_made = 0;
        port_holds_add(&holds, &vm, &forward, make);
        port_holds_add(&holds, &vm, &forward, make);
        assert_int_equal(n_made, 1);
        assert_int_equal(holds.n_items, 1);
        port_holds_clear(&holds);
}

static void what_is_wanted_no_more_is_closed_and_the_rest_is_not(_unused_ void **state) {
        Forward forwards[] = {free_port(FORWARD_TCP), free_port(FORWARD_UDP)}, third;
        PortHolds holds = {.items = NULL};

        for (size_t i = 0; i < ELEMENTSOF(forwards); i++)
                port_holds_add(&holds, &vm, &forwards[i], make);
        third = free_port(FORWARD_UDP);
        port_holds_add(&holds, &vm, &third, make);
        port_holds_retain(&holds, &(Forwards) {&forwards[1], 1});
        assert_false(is_taken(&forwards[0]));
        assert_true(is_taken(&forwards[1]));
        assert_false(is_taken(&third));
        port_holds_retain(&holds, &(Forwards) {NULL, 0});
        assert_false(is_taken(&forwards[1]));
        assert_int_equal(holds.n_items, 0);
        port_holds_clear(&holds);
}

/* To the helper it is another forward, whose port must be free. */
static void one_to_another_port_of_the_guest_is_another(_unused_ void **state) {
        Forward forward = free_port(FORWARD_UDP), other = forward;
        PortHolds holds = {.items = NULL};

        other.guest_port = 81;
        port_holds_add(&holds, &vm, &forward, make);
        port_holds_retain(&holds, &(Forwards) {&other, 1});
        assert_false(is_taken(&forward));
        port_holds_clear(&holds);
}

static void what_a_program_has_is_tried_again_and_is_none_that_was_held(_unused_ void **state) {
        Forward forward = free_port(FORWARD_TCP);
        PortHolds holds = {.items = NULL};
        int fd = -1;

        assert_int_equal(make(&forward, &fd, NULL), 0);
        n_made = 0;
        port_holds_add(&holds, &vm, &forward, make);
        assert_int_equal(holds.n_items, 1);
        assert_non_null(holds.items[0].reason);
        assert_false(port_holds_release(&holds, &forward));
        port_holds_add(&holds, &vm, &forward, make);
        close_fd(fd);
        port_holds_add(&holds, &vm, &forward, make);
        assert_int_equal(n_made, 3);
        assert_int_equal(holds.n_items, 1);
        assert_null(holds.items[0].reason);
        assert_true(is_taken(&forward));
        port_holds_clear(&holds);
}

static void clearing_closes_all(_unused_ void **state) {
        Forward forwards[] = {free_port(FORWARD_TCP), free_port(FORWARD_UDP)};
        PortHolds holds = {.items = NULL};

        for (size_t i = 0; i < ELEMENTSOF(forwards); i++)
                port_holds_add(&holds, &vm, &forwards[i], make);
        port_holds_clear(&holds);
        for (size_t i = 0; i < ELEMENTSOF(forwards); i++)
                assert_false(is_taken(&forwards[i]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nobody_can_bind_what_is_held),
                cmocka_unit_test(one_of_tcp_is_none_that_listens),
                cmocka_unit_test(a_port_that_a_program_has_is_refused),
                cmocka_unit_test(an_address_that_is_not_this_hosts_is_refused),
                cmocka_unit_test(what_is_added_is_held_until_it_is_released),
                cmocka_unit_test(what_is_held_is_made_once),
                cmocka_unit_test(what_is_wanted_no_more_is_closed_and_the_rest_is_not),
                cmocka_unit_test(one_to_another_port_of_the_guest_is_another),
                cmocka_unit_test(what_a_program_has_is_tried_again_and_is_none_that_was_held),
                cmocka_unit_test(clearing_closes_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
