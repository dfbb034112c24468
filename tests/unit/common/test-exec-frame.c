#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "common/exec-frame.h"

static ExecReader reader;

static int setup(_unused_ void **state) {
        reader = (ExecReader) {.used = 0};
        return 0;
}

static void feed(const void *bytes, size_t size) {
        size_t room;
        uint8_t *at = exec_reader_space(&reader, &room);

        assert_true(size <= room);
        memcpy(at, bytes, size);
        exec_reader_add(&reader, size);
}

static void feed_frame(ExecFrameType type, const void *payload, size_t size) {
        uint8_t header[EXEC_HEADER_SIZE];

        exec_header_write(type, size, header);
        feed(header, sizeof(header));
        if (size > 0)
                feed(payload, size);
}

static void a_header_is_type_three_zeroes_and_a_little_endian_size(_unused_ void **state) {
        static const uint8_t wanted[] = {4, 0, 0, 0, 0x34, 0x12, 0, 0};
        uint8_t header[EXEC_HEADER_SIZE];

        exec_header_write(EXEC_STDOUT, 0x1234, header);
        assert_memory_equal(header, wanted, sizeof(wanted));
}

static void a_frame_that_comes_byte_by_byte_is_one_frame(_unused_ void **state) {
        static const uint8_t bytes[] = {5, 0, 0, 0, 2, 0, 0, 0, 'h', 'i'};
        ExecFrame frame;

        for (size_t i = 0; i < sizeof(bytes); i++) {
                assert_int_equal(exec_reader_next(&reader, &frame), 0);
                feed(&bytes[i], 1);
        }
        assert_int_equal(exec_reader_next(&reader, &frame), 1);
        assert_int_equal(frame.type, EXEC_STDERR);
        assert_int_equal(frame.size, 2);
        assert_memory_equal(frame.payload, "hi", 2);
        assert_int_equal(exec_reader_next(&reader, &frame), 0);
}

static void frames_that_come_together_are_taken_in_order(_unused_ void **state) {
        static const uint8_t status = 7;
        ExecFrame frame;

        feed_frame(EXEC_STDOUT, "one", 3);
        feed_frame(EXEC_STDOUT, NULL, 0);
        feed_frame(EXEC_EXIT, &status, 1);
        assert_int_equal(exec_reader_next(&reader, &frame), 1);
        assert_memory_equal(frame.payload, "one", 3);
        assert_int_equal(exec_reader_next(&reader, &frame), 1);
        assert_int_equal(frame.size, 0);
        assert_int_equal(exec_reader_next(&reader, &frame), 1);
        assert_int_equal(frame.type, EXEC_EXIT);
        assert_int_equal(frame.payload[0], 7);
}

static void the_largest_frame_fits_behind_others(_unused_ void **state) {
        static uint8_t payload[EXEC_PAYLOAD_MAX];
        ExecFrame frame;

        payload[EXEC_PAYLOAD_MAX - 1] = 9;
        feed_frame(EXEC_STDOUT, "x", 1);
        assert_int_equal(exec_reader_next(&reader, &frame), 1);
        feed_frame(EXEC_STDIN, payload, sizeof(payload));
        assert_int_equal(exec_reader_next(&reader, &frame), 1);
        assert_int_equal(frame.size, EXEC_PAYLOAD_MAX);
        assert_int_equal(frame.payload[EXEC_PAYLOAD_MAX - 1], 9);
}

static void refuse(const uint8_t *header) {
        ExecFrame frame;

        setup(NULL);
        feed(header, EXEC_HEADER_SIZE);
        assert_int_equal(exec_reader_next(&reader, &frame), -EPROTO);
}

static void an_unknown_type_is_refused(_unused_ void **state) {
        refuse((const uint8_t[]) {0, 0, 0, 0, 0, 0, 0, 0});
        refuse((const uint8_t[]) {8, 0, 0, 0, 0, 0, 0, 0});
}

static void reserved_bytes_must_be_zero(_unused_ void **state) {
        refuse((const uint8_t[]) {1, 0, 1, 0, 0, 0, 0, 0});
}

static void an_impossible_size_is_refused_before_its_payload_comes(_unused_ void **state) {
        refuse((const uint8_t[]) {EXEC_STDIN, 0, 0, 0, 1, 0, 1, 0});
        refuse((const uint8_t[]) {EXEC_SIGNAL, 0, 0, 0, 0, 0, 0, 0});
        refuse((const uint8_t[]) {EXEC_EXIT, 0, 0, 0, 2, 0, 0, 0});
        refuse((const uint8_t[]) {EXEC_CREDIT, 0, 0, 0, 3, 0, 0, 0});
        refuse((const uint8_t[]) {EXEC_RESIZE, 0, 0, 0, 5, 0, 0, 0});
        refuse((const uint8_t[]) {EXEC_STDOUT, 0, 0, 0, 0xff, 0xff, 0xff, 0xff});
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_header_is_type_three_zeroes_and_a_little_endian_size),
                TEST(a_frame_that_comes_byte_by_byte_is_one_frame),
                TEST(frames_that_come_together_are_taken_in_order),
                TEST(the_largest_frame_fits_behind_others),
                TEST(an_unknown_type_is_refused),
                TEST(reserved_bytes_must_be_zero),
                TEST(an_impossible_size_is_refused_before_its_payload_comes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
