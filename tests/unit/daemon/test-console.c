#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "daemon/console.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

static void assert_tail(const Ring *ring, size_t n_lines, size_t max, const char *expected) {
        _cleanup_free_ char *tail = ring_tail(ring, n_lines, max);

        assert_string_equal(tail, expected);
}

static void a_ring_keeps_the_last_bytes(_unused_ void **state) {
        Ring ring;

        assert_int_equal(ring_new(8, &ring), 0);
        ring_add(&ring, "abcdef", 6);
        ring_add(&ring, "ghijk", 5);
        assert_tail(&ring, 1, 100, "defghijk");
        ring_clear(&ring);
}

static void a_ring_takes_more_than_it_holds(_unused_ void **state) {
        Ring ring;

        assert_int_equal(ring_new(4, &ring), 0);
        ring_add(&ring, "abcdefghij", 10);
        assert_tail(&ring, 1, 100, "ghij");
        ring_clear(&ring);
}

static void a_tail_has_the_last_lines_as_one(_unused_ void **state) {
        static const char text[] = "one\r\ntwo\r\n\033[31mthree\r\n\r\n";
        Ring ring;

        assert_int_equal(ring_new(64, &ring), 0);
        ring_add(&ring, text, strlen(text));
        assert_tail(&ring, 2, 100, "two | [31mthree");
        assert_tail(&ring, 1, 3, "ree");
        assert_tail(&ring, 9, 100, "one | two | [31mthree");
        ring_clear(&ring);
}

static void an_empty_ring_has_an_empty_tail(_unused_ void **state) {
        Ring ring;

        assert_int_equal(ring_new(4, &ring), 0);
        assert_tail(&ring, 3, 10, "");
        ring_clear(&ring);
}

static void on_ended(void *userdata) {
        ++*(int *) userdata;
}

static void the_end_of_the_log_is_told_once_after_the_last_words(_unused_ void **state) {
        int serial[2], log[2], n_ended = 0;
        const ConsoleConfig config = {.ended = on_ended, .userdata = &n_ended};
        sd_event *event = NULL;
        Console *console = NULL;

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial), 0);
        assert_int_equal(pipe2(log, O_CLOEXEC), 0);
        assert_int_equal(console_new(event, serial[0], log[0], &config, &console), 0);
        assert_int_equal(write(serial[1], "panic", 5), 5);
        assert_int_equal(write(log[1], "bye", 3), 3);
        close_fd(log[1]);
        while (n_ended == 0)
                assert_true(sd_event_run(event, PATIENCE_USEC) > 0);
        close_fd(serial[1]);
        while (sd_event_run(event, 0) > 0)
                ;
        assert_int_equal(n_ended, 1);
        assert_tail(console_serial(console), 1, 100, "panic");
        assert_tail(console_log(console), 1, 100, "bye");
        console_free(console);
        sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_ring_keeps_the_last_bytes),
                cmocka_unit_test(a_ring_takes_more_than_it_holds),
                cmocka_unit_test(a_tail_has_the_last_lines_as_one),
                cmocka_unit_test(an_empty_ring_has_an_empty_tail),
                cmocka_unit_test(the_end_of_the_log_is_told_once_after_the_last_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
