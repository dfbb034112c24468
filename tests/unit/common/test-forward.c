#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/api-root.h"
#include "common/forward.h"
#include "common/ident.h"
#include "common/json.h"
#include "common/varlink-wire.h"

static Forward parse(const char *text) {
        Forward forward;

        assert_int_equal(forward_parse(text, &forward, NULL), 0);
        return forward;
}

static void assert_reads_as(const char *text, const char *expected) {
        const Forward forward = parse(text);
        char formatted[FORWARD_TEXT_SIZE];

        forward_format(&forward, formatted);
        assert_string_equal(formatted, expected);
}

static void a_forward_is_tcp_of_the_loopback_unless_told(void **state _unused_) {
        assert_reads_as("8080:80", "127.0.0.1:8080:80/tcp");
        assert_reads_as("8080:80/udp", "127.0.0.1:8080:80/udp");
        assert_reads_as("0.0.0.0:8080:80", "0.0.0.0:8080:80/tcp");
        assert_reads_as("192.0.2.7:1:65535/tcp", "192.0.2.7:1:65535/tcp");
}

static int read_first_port(const char *setting, unsigned *ret) {
        int fds[2], r;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], setting, strlen(setting)), strlen(setting));
        close_fd(fds[1]);
        r = forward_read_first_port(fds[0], ret);
        close_fd(fds[0]);
        return r;
}

static void the_first_port_that_is_not_roots_is_the_kernels_setting(void **state _unused_) {
        unsigned first = 7;

        assert_int_equal(read_first_port("1024\n", &first), 0);
        assert_int_equal(first, 1024);
        assert_int_equal(read_first_port("0\n", &first), 0);
        assert_int_equal(first, 0);
        assert_int_equal(read_first_port("65536\n", &first), 0);
        assert_int_equal(first, 65536);
        assert_true(read_first_port("65537\n", &first) < 0);
        assert_true(read_first_port("", &first) < 0);
        assert_true(read_first_port("none\n", &first) < 0);
        assert_int_equal(forward_read_first_port(-EACCES, &first), -EACCES);
        assert_int_equal(first, 65536);
        assert_int_equal(forward_read_first_port(-ENOENT, &first), 0);
        assert_int_equal(first, 1024);
}

static void what_is_formatted_is_read_again(void **state _unused_) {
        const Forward longest = {
                .protocol = FORWARD_UDP,
                .address = 0xdfffffff,
                .host_port = 65535,
                .guest_port = 65535,
        };
        char text[FORWARD_TEXT_SIZE];
        Forward again;

        forward_format(&longest, text);
        assert_string_equal(text, "223.255.255.255:65535:65535/udp");
        again = parse(text);
        assert_true(forward_equal(&longest, &again));
}

typedef struct Wrong {
        const char *text, *message;
} Wrong;

static void what_is_wrong_is_said(void **state _unused_) {
        static const Wrong wrong[] = {
                {"", "\"\" is not of the form [ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]"},
                {"80", "\"80\" is not of the form [ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]"},
                {"1:2:3:4", "\"1:2:3:4\" is not of the form "
                            "[ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]"},
                {"80:80/sctp", "\"sctp\" is neither tcp nor udp"},
                {"80:80/", "\"\" is neither tcp nor udp"},
                {"80:80/tcp/udp", "\"tcp/udp\" is neither tcp nor udp"},
                {"0:80", "\"0\" is not a port (1..65535)"},
                {"80:65536", "\"65536\" is not a port (1..65535)"},
                {"80:http", "\"http\" is not a port (1..65535)"},
                {"80:-1", "\"-1\" is not a port (1..65535)"},
                {"80:", "\"\" is not a port (1..65535)"},
                {" 80:80", "\" 80\" is not a port (1..65535)"},
                {":80:80", "\"\" is not an IPv4 address"},
                {"localhost:80:80", "\"localhost\" is not an IPv4 address"},
                {"127.1:80:80", "\"127.1\" is not an IPv4 address"},
                {"224.0.0.1:80:80", "\"224.0.0.1\" is no address that a host can have"},
                {"0.1.2.3:80:80", "\"0.1.2.3\" is no address that a host can have"},
                {"0.0.0.1:80:80", "\"0.0.0.1\" is no address that a host can have"},
                {"255.255.255.255:80:80", "\"255.255.255.255\" is no address that a host can have"},
                {"[::1]:80:80", "\"[::1]:80:80\" has an IPv6 address: guests have IPv4 only"},
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                Forward forward = {.host_port = 7};

                assert_true(forward_parse(wrong[i].text, &forward, &error) < 0);
                assert_string_equal(error.message, wrong[i].message);
                assert_int_equal(error.kind, ERROR_INVALID_PARAMETER);
                assert_int_equal(forward.host_port, 7);
                assert_true(forward_check(wrong[i].text, NULL) < 0);
        }
}

static void a_stored_forward_is_checked_again(void **state _unused_) {
        Forward forward, wanted = parse("192.0.2.7:53:5353/udp");

        assert_int_equal(forward_make(FORWARD_UDP, "192.0.2.7", 53, 5353, &forward), 0);
        assert_true(forward_equal(&forward, &wanted));
        assert_int_equal(forward_make(2, "192.0.2.7", 53, 5353, &forward), -EINVAL);
        assert_int_equal(forward_make(-1, "192.0.2.7", 53, 5353, &forward), -EINVAL);
        assert_int_equal(forward_make(FORWARD_TCP, "here", 53, 5353, &forward), -EINVAL);
        assert_int_equal(forward_make(FORWARD_TCP, NULL, 53, 5353, &forward), -EINVAL);
        assert_int_equal(forward_make(FORWARD_TCP, "192.0.2.7", 0, 5353, &forward), -EINVAL);
        assert_int_equal(forward_make(FORWARD_TCP, "192.0.2.7", 53, 65536, &forward), -EINVAL);
}

static void ports_below_the_first_are_roots(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;
        const Forward forward = parse("1023:80");

        assert_int_equal(forward_check_port(&forward, 1023, &error), 0);
        assert_int_equal(forward_check_port(&forward, 0, &error), 0);
        assert_int_equal(forward_check_port(&forward, 1024, &error), -EACCES);
        assert_int_equal(error.kind, ERROR_NOT_PERMITTED);
        assert_string_equal(error.message, "ports below 1024 are root's on this host");
}

static bool clash(const char *a, const char *b) {
        const Forward first = parse(a), second = parse(b);

        assert_int_equal(forward_clashes(&first, &second), forward_clashes(&second, &first));
        return forward_clashes(&first, &second);
}

static void two_forwards_clash_where_both_would_take_a_packet(void **state _unused_) {
        assert_true(clash("8080:80", "8080:81"));
        assert_true(clash("0.0.0.0:8080:80", "8080:80"));
        assert_false(clash("8080:80", "8081:80"));
        assert_false(clash("8080:80/tcp", "8080:80/udp"));
        assert_false(clash("127.0.0.1:8080:80", "192.0.2.7:8080:80"));
}

static void a_list_is_added_to_copied_and_removed_from(void **state _unused_) {
        const Forward web = parse("8080:80"), dns = parse("53:53/udp"), other = parse("8080:81");
        Forwards forwards = {}, copy = {};

        assert_int_equal(forwards_add(&forwards, &web), 0);
        assert_int_equal(forwards_add(&forwards, &dns), 0);
        assert_int_equal(forwards_copy(&forwards, &copy), 0);
        assert_ptr_equal(forwards_find_clash(&forwards, &other), &forwards.items[0]);
        assert_false(forwards_remove(&forwards, &other)); /* only its very self */
        assert_true(forwards_remove(&forwards, &web));
        assert_null(forwards_find_clash(&forwards, &other));
        assert_int_equal(forwards.n_items, 1);
        assert_true(forward_equal(&forwards.items[0], &dns));
        assert_int_equal(copy.n_items, 2);
        forwards_clear(&forwards);
        forwards_clear(&copy);
        assert_int_equal(forwards_copy(&forwards, &copy), 0);
        assert_null(copy.items);
}

/* As many as there can be, each as long as it can be. */
static void the_largest_set_fits_into_one_request(void **state _unused_) {
        static RootGuest guests[VM_SLOT_MAX];
        static RootForward forwards[FORWARDS_MAX];
        static char vm[] = "0123456789", address[] = "223.255.255.255";
        const RootNetwork network = {
                .guests = {.items = guests, .n_items = VM_SLOT_MAX},
                .forwards = {.items = forwards, .n_items = FORWARDS_MAX},
                .operation = vm,
        };
        struct json_object *object = NULL;
        size_t length;

        for (size_t i = 0; i < VM_SLOT_MAX; i++)
                guests[i] = (RootGuest) {.vm = vm, .slot = VM_SLOT_MAX, .nat = true};
        for (size_t i = 0; i < FORWARDS_MAX; i++)
                forwards[i] = (RootForward) {.vm = vm, .protocol = FORWARD_UDP,
                                             .address = address, .host_port = 65535,
                                             .guest_port = 65535, .optional = true};
        assert_int_equal(schema_encode(&root_network_schema, &network, &object), 0);
        length = strlen(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        json_object_put(object);
        assert_true(length + 128 < varlink_limits_helper.message_max);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_forward_is_tcp_of_the_loopback_unless_told),
                cmocka_unit_test(the_first_port_that_is_not_roots_is_the_kernels_setting),
                cmocka_unit_test(what_is_formatted_is_read_again),
                cmocka_unit_test(what_is_wrong_is_said),
                cmocka_unit_test(a_stored_forward_is_checked_again),
                cmocka_unit_test(ports_below_the_first_are_roots),
                cmocka_unit_test(two_forwards_clash_where_both_would_take_a_packet),
                cmocka_unit_test(a_list_is_added_to_copied_and_removed_from),
                cmocka_unit_test(the_largest_set_fits_into_one_request),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
