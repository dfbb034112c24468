#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "daemon/console.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

typedef struct Memory {
        char bytes[64];
        uint64_t written;
} Memory;

static void assert_tail(const Ring *ring, size_t n_lines, size_t max, const char *expected) {
        _cleanup_free_ char *tail = ring_tail(ring, n_lines, max);

        assert_string_equal(tail, expected);
}

/* Through a pipe, as they come. */
static void feed(Ring *ring, const char *text) {
        size_t size = strlen(text);
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], text, size), size);
        close_fd(fds[1]);
        while (ring_read(ring, fds[0]) > 0)
                ;
        close_fd(fds[0]);
}

static void a_ring_keeps_the_last_bytes(_unused_ void **state) {
        Memory memory = {.written = 0};
        Ring ring;

        ring_attach(&ring, memory.bytes, 16, 4, &memory.written);
        feed(&ring, "abcdef");
        feed(&ring, "ghijk");
        assert_tail(&ring, 1, 100, "defghijk");
        feed(&ring, "0123456789012345678901234567890");
        assert_tail(&ring, 1, 100, "34567890");
        assert_int_equal(memory.written, 42);
}

static void a_tail_has_the_last_lines_as_one(_unused_ void **state) {
        Memory memory = {.written = 0};
        Ring ring;

        ring_attach(&ring, memory.bytes, 64, 8, &memory.written);
        feed(&ring, "one\r\ntwo\r\n\033[31mthree\r\n\r\n");
        assert_tail(&ring, 2, 100, "two | [31mthree");
        assert_tail(&ring, 1, 3, "ree");
        assert_tail(&ring, 9, 100, "one | two | [31mthree");
}

static void an_empty_ring_has_an_empty_tail(_unused_ void **state) {
        Memory memory = {.written = 0};
        Ring ring;

        ring_attach(&ring, memory.bytes, 16, 4, &memory.written);
        assert_tail(&ring, 3, 10, "");
}

static void what_landed_before_a_kill_counts(_unused_ void **state) {
        Memory memory = {.written = 0};
        Ring ring;

        ring_attach(&ring, memory.bytes, 16, 4, &memory.written);
        feed(&ring, "0123456789abcde"); /* the next goes around the end */
        memory.bytes[15] = 'f';         /* as a read does; then the reader is killed */
        memory.bytes[0] = 'g';
        ring_attach(&ring, memory.bytes, 16, 4, &memory.written);
        assert_int_equal(memory.written, 17);
        assert_tail(&ring, 1, 100, "9abcdefg");
        feed(&ring, "h");
        ring_attach(&ring, memory.bytes, 16, 4, &memory.written);
        assert_tail(&ring, 1, 100, "abcdefgh");
}

static void the_last_bytes_can_be_copied(_unused_ void **state) {
        Memory memory = {.written = 0};
        char last[8] = "";
        Ring ring;

        ring_attach(&ring, memory.bytes, 16, 4, &memory.written);
        feed(&ring, "abc");
        assert_int_equal(ring_copy_last(&ring, last, 2), 2);
        assert_memory_equal(last, "bc", 2);
        assert_int_equal(ring_copy_last(&ring, last, 8), 3);
}

static void rings_outlive_who_made_them(_unused_ void **state) {
        Rings first = RINGS_INIT, second = RINGS_INIT;
        int fd;

        assert_int_equal(rings_new(&first), 0);
        feed(&first.serial, "boot");
        feed(&first.log, "warning");
        fd = dup(first.fd);
        rings_close(&first);
        assert_int_equal(rings_open(fd, &second), 0);
        assert_tail(&second.serial, 1, 100, "boot");
        assert_tail(&second.log, 1, 100, "warning");
        rings_close(&second);
}

static void what_is_no_ring_is_refused(_unused_ void **state) {
        Rings rings = RINGS_INIT;
        int fd = memfd_create("other", MFD_CLOEXEC);

        assert_int_equal(ftruncate(fd, 4096), 0);
        assert_int_equal(rings_open(fd, &rings), -EUCLEAN);
        assert_int_equal(rings_open(open("/dev/null", O_RDWR | O_CLOEXEC), &rings), -EUCLEAN);
}

static void on_said(void *userdata) {
        (void) userdata;
}

static void on_ended(void *userdata) {
        ++*(int *) userdata;
}

static void the_end_of_the_log_is_told_once_after_the_last_words(_unused_ void **state) {
        int serial[2], log[2], n_ended = 0;
        const ConsoleConfig config = {.said = on_said, .ended = on_ended, .userdata = &n_ended};
        Rings rings = RINGS_INIT;
        sd_event *event = NULL;
        Console *console = NULL;

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial), 0);
        assert_int_equal(pipe2(log, O_CLOEXEC), 0);
        assert_int_equal(rings_new(&rings), 0);
        assert_int_equal(console_new(event, serial[0], log[0], &rings, &config, &console), 0);
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
                cmocka_unit_test(a_tail_has_the_last_lines_as_one),
                cmocka_unit_test(an_empty_ring_has_an_empty_tail),
                cmocka_unit_test(what_landed_before_a_kill_counts),
                cmocka_unit_test(the_last_bytes_can_be_copied),
                cmocka_unit_test(rings_outlive_who_made_them),
                cmocka_unit_test(what_is_no_ring_is_refused),
                cmocka_unit_test(the_end_of_the_log_is_told_once_after_the_last_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
