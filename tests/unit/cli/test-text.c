#include "cli/table.h"
#include "common/text.h"
#include "tests/unit/cli/fixture.h"

#include <locale.h>

static void assert_escaped(const char *text, EscapeStyle style, const char *expected) {
        char *escaped = text_escape(text, style);

        assert_non_null(escaped);
        assert_string_equal(escaped, expected);
        free(escaped);
}

static void control_characters_are_shown_and_not_obeyed(void **state) {
        (void) state;
        assert_escaped("a\033[31mb\r\n\t\177", ESCAPE_TEXT, "a\\x1b[31mb\\x0d\\n\\t\\x7f");
        assert_escaped("c1: \xc2\x9b", ESCAPE_TEXT, "c1: \\x9b");
}

static void text_that_runs_backwards_is_shown(void **state) {
        (void) state;
        assert_escaped("a\xe2\x80\xae" "b\xe2\x81\xa6", ESCAPE_TEXT, "a\\u202eb\\u2066");
}

static void bytes_that_are_not_utf8_are_shown(void **state) {
        (void) state;
        assert_escaped("\xff\xc0\x80\xed\xa0\x80\xe2\x82", ESCAPE_TEXT,
                       "\\xff\\xc0\\x80\\xed\\xa0\\x80\\xe2\\x82");
}

static void ordinary_text_stays(void **state) {
        (void) state;
        assert_escaped("ä € 語 \\", ESCAPE_TEXT, "ä € 語 \\");
}

static void json_keeps_its_lines_and_gets_json_escapes(void **state) {
        (void) state;
        assert_escaped("{\n\"a\": \"\xc2\x9b\177\"}", ESCAPE_JSON, "{\n\"a\": \"\\u009b\\u007f\"}");
        assert_escaped("\xff", ESCAPE_JSON, "\\ufffd");
}

static void width_is_of_columns_not_bytes(void **state) {
        (void) state;
        assert_int_equal(text_width("abc"), 3);
        assert_int_equal(text_width("äöü"), 3);
        assert_int_equal(text_width("語"), 2);
        assert_int_equal(text_width("a\xcc\x88"), 1);
        assert_int_equal(text_width(""), 0);
}

static void assert_table(const TableColumn *columns, size_t n_columns, const char *const *cells,
                         size_t n_rows, const char *expected) {
        Table *table = NULL;
        Capture capture;

        capture_open(&capture);
        assert_int_equal(table_new(columns, n_columns, &table), 0);
        for (size_t i = 0; i < n_rows; i++)
                assert_int_equal(table_add(table, cells + i * n_columns), 0);
        table_print(table, capture.out);
        assert_string_equal(capture_text(&capture), expected);
        capture_close(&capture);
        table_free(table);
}

static void columns_align_by_display_width(void **state) {
        static const TableColumn columns[] = {{.title = "NAME"}, {.title = "N", .right = true},
                                              {.title = "END"}};
        static const char *const cells[] = {"語語語", "5", "x", "a", "1000", "y"};

        (void) state;
        assert_table(columns, 3, cells, 2,
                     "NAME       N  END\n"
                     "語語語     5  x\n"
                     "a       1000  y\n");
}

static void no_line_ends_in_blanks_and_null_is_a_dash(void **state) {
        static const TableColumn columns[] = {{.title = "A"}, {.title = "LONG"}};
        static const char *const cells[] = {"abcdef", "", NULL, "x"};

        (void) state;
        assert_table(columns, 2, cells, 2, "A       LONG\nabcdef\n-       x\n");
}

static void without_titles_there_is_no_line_of_them(void **state) {
        static const TableColumn columns[2];
        static const char *const cells[] = {"a", "b"};

        (void) state;
        assert_table(columns, 2, cells, 1, "a  b\n");
}

static void cells_are_escaped_before_they_are_measured(void **state) {
        static const TableColumn columns[2];
        static const char *const cells[] = {"\033", "b", "abcdef", "c"};

        (void) state;
        assert_table(columns, 2, cells, 2, "\\x1b    b\nabcdef  c\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(control_characters_are_shown_and_not_obeyed),
                cmocka_unit_test(text_that_runs_backwards_is_shown),
                cmocka_unit_test(bytes_that_are_not_utf8_are_shown),
                cmocka_unit_test(ordinary_text_stays),
                cmocka_unit_test(json_keeps_its_lines_and_gets_json_escapes),
                cmocka_unit_test(width_is_of_columns_not_bytes),
                cmocka_unit_test(columns_align_by_display_width),
                cmocka_unit_test(no_line_ends_in_blanks_and_null_is_a_dash),
                cmocka_unit_test(without_titles_there_is_no_line_of_them),
                cmocka_unit_test(cells_are_escaped_before_they_are_measured),
        };

        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        return cmocka_run_group_tests(tests, NULL, NULL);
}
