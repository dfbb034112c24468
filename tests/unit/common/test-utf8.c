#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/utf8.h"

typedef struct Row {
        const char *bytes;
        size_t length;
        uint32_t code;
} Row;

static void assert_rows(const Row *rows, size_t n_rows) {
        for (size_t i = 0; i < n_rows; i++) {
                uint32_t code = 0;

                assert_int_equal(utf8_sequence(rows[i].bytes, strlen(rows[i].bytes), &code),
                                 rows[i].length);
                assert_int_equal(code, rows[i].code);
        }
}

static void sequences_have_their_length_and_code(_unused_ void **state) {
        static const Row rows[] = {
                {"a", 1, 'a'},
                {"\x7f", 1, 0x7f},
                {"\xc2\x80", 2, 0x80},
                {"\xdf\xbf", 2, 0x7ff},
                {"\xe0\xa0\x80", 3, 0x800},
                {"\xed\x9f\xbf", 3, 0xd7ff},
                {"\xee\x80\x80", 3, 0xe000},
                {"\xef\xbf\xbf", 3, 0xffff},
                {"\xf0\x90\x80\x80", 4, 0x10000},
                {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
                {"\xc3\xa9 and more", 2, 0xe9},
        };

        assert_rows(rows, ELEMENTSOF(rows));
}

static void overlong_forms_are_none(_unused_ void **state) {
        static const Row rows[] = {
                {"\xc0\x80", 0, 0},
                {"\xc1\xbf", 0, 0},
                {"\xe0\x9f\xbf", 0, 0},
                {"\xf0\x8f\xbf\xbf", 0, 0},
        };

        assert_rows(rows, ELEMENTSOF(rows));
}

static void surrogates_are_none(_unused_ void **state) {
        static const Row rows[] = {
                {"\xed\xa0\x80", 0, 0},
                {"\xed\xbf\xbf", 0, 0},
        };

        assert_rows(rows, ELEMENTSOF(rows));
}

static void what_is_past_unicode_is_none(_unused_ void **state) {
        static const Row rows[] = {
                {"\xf4\x90\x80\x80", 0, 0},
                {"\xf5\x80\x80\x80", 0, 0},
                {"\xf8\x88\x80\x80\x80", 0, 0},
                {"\xff", 0, 0},
        };

        assert_rows(rows, ELEMENTSOF(rows));
}

static void broken_sequences_are_none(_unused_ void **state) {
        static const Row rows[] = {
                {"", 0, 0},
                {"\x80", 0, 0},
                {"\xc3", 0, 0},
                {"\xc3z", 0, 0},
                {"\xe2\x82", 0, 0},
                {"\xe2\x82z", 0, 0},
                {"\xf0\x9f\x98z", 0, 0},
        };

        assert_rows(rows, ELEMENTSOF(rows));
}

/* The bytes past the size would complete it. */
static void nothing_past_the_size_is_read(_unused_ void **state) {
        assert_int_equal(utf8_sequence("\xe2\x82\xac", 2, NULL), 0);
        assert_int_equal(utf8_sequence("\xe2\x82\xac", 3, NULL), 3);
        assert_int_equal(utf8_sequence("a", 0, NULL), 0);
}

static void a_nul_inside_the_size_is_a_character(_unused_ void **state) {
        uint32_t code = 1;

        assert_int_equal(utf8_sequence("\0", 1, &code), 1);
        assert_int_equal(code, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sequences_have_their_length_and_code),
                cmocka_unit_test(overlong_forms_are_none),
                cmocka_unit_test(surrogates_are_none),
                cmocka_unit_test(what_is_past_unicode_is_none),
                cmocka_unit_test(broken_sequences_are_none),
                cmocka_unit_test(nothing_past_the_size_is_read),
                cmocka_unit_test(a_nul_inside_the_size_is_a_character),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
