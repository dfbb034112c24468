#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

static int parse_bytes(const char *text, size_t size, const char *expected) {
        _cleanup_json_ struct json_object *object = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = json_parse_object(text, size, &object, &error);
        if (r < 0) {
                assert_null(object);
                assert_non_null(error.message);
                assert_int_equal(error.kind, ERROR_INVALID_PARAMETER);
                return r;
        }
        if (expected)
                assert_string_equal(json_object_to_json_string_ext(
                                            object, JSON_C_TO_STRING_PLAIN |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE),
                                    expected);
        return r;
}

static int parse(const char *text) {
        return parse_bytes(text, strlen(text), NULL);
}

static void accept(const char *text, const char *expected) {
        assert_int_equal(parse_bytes(text, strlen(text), expected), 0);
}

static void refuse_all(const char *const *texts, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (parse(texts[i]) != -EINVAL)
                        fail_msg("accepted: %s", texts[i]);
}

static void objects_are_built(void **state) {
        (void) state;
        accept("{}", "{}");
        accept(" \t\r\n{ \"a\" : [ 1 , 2.5 , true , false , null , { } ] } \n",
               "{\"a\":[1,2.5,true,false,null,{}]}");
        accept("{\"a\":-0,\"b\":1E3,\"c\":1e-3,\"d\":0.5}", NULL);
        accept("{\"\\u00e9\\ud83d\\ude00\\n\\/\":\"\xc3\xa9\x7f\"}", NULL);
}

static void the_whole_range_of_int64_is_taken(void **state) {
        (void) state;
        accept("{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
               "{\"a\":9223372036854775807,\"b\":-9223372036854775808}");
}

static void integers_past_int64_are_refused(void **state) {
        static const char *const texts[] = {
                "{\"a\":9223372036854775808}",
                "{\"a\":18446744073709551616}",
                "{\"a\":-9223372036854775809}",
                "{\"a\":99999999999999999999999999}",
        };

        (void) state;
        refuse_all(texts, ELEMENTSOF(texts));
}

static void numbers_that_become_infinite_are_refused(void **state) {
        (void) state;
        assert_int_equal(parse("{\"a\":1e999}"), -EINVAL);
        assert_int_equal(parse("{\"a\":[-1e999]}"), -EINVAL);
}

static void loose_syntax_is_refused(void **state) {
        static const char *const texts[] = {
                "", " ", "[]", "1", "null", "\"a\"", "{", "}", "{]", "{\"a\"}", "{\"a\":}",
                "{\"a\":1,}",
                "{,\"a\":1}", "{'a':1}", "{a:1}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}",
                "{\"a\":+1}", "{\"a\":-}", "{\"a\":1e}", "{\"a\":0x1}", "{\"a\":12abc}",
                "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":True}", "{\"a\":nul}", "{\"a\":[1,]}",
                "{\"a\":[1 2]}", "{\"a\":1}/**/", "{}{}", "{} x", "\xef\xbb\xbf{}", "{\"a\":\"",
                "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\",
        };

        (void) state;
        refuse_all(texts, ELEMENTSOF(texts));
}

static void duplicate_members_are_refused(void **state) {
        static const char *const texts[] = {
                "{\"a\":1,\"a\":1}",
                "{\"a\":1,\"b\":{},\"a\":{\"c\":1}}",
                "{\"x\":[{\"a\":null,\"a\":null}]}",
                "{\"\":1,\"\":2}",
        };

        (void) state;
        refuse_all(texts, ELEMENTSOF(texts));
}

static void duplicates_are_found_however_they_are_escaped(void **state) {
        (void) state;
        assert_int_equal(parse("{\"a\":1,\"\\u0061\":2}"), -EINVAL);
        assert_int_equal(parse("{\"/\":1,\"\\/\":2}"), -EINVAL);
}

static void the_same_name_in_different_objects_is_no_duplicate(void **state) {
        (void) state;
        accept("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}", NULL);
}

static void control_characters_and_nul_are_refused(void **state) {
        static const char *const texts[] = {
                "{\"a\":\"\n\"}", "{\"a\":\"\t\"}", "{\"a\":\"\x1f\"}", "{\"a\":\"\\u0000\"}",
                "{\"\\u0000\":1}",
        };

        (void) state;
        refuse_all(texts, ELEMENTSOF(texts));
        assert_int_equal(parse_bytes("{\"a\0\":1}", 8, NULL), -EINVAL);
        assert_int_equal(parse_bytes("{}\0", 3, NULL), -EINVAL);
}

static void lone_surrogates_are_refused(void **state) {
        static const char *const texts[] = {
                "{\"a\":\"\\ud800\"}",
                "{\"a\":\"\\ud800x\"}",
                "{\"a\":\"\\ud800\\n\"}",
                "{\"a\":\"\\udc00\"}",
                "{\"a\":\"\\ud800\\ud800\"}",
                "{\"a\":\"\\ud800\\u0041\"}",
        };

        (void) state;
        refuse_all(texts, ELEMENTSOF(texts));
}

static void malformed_utf8_is_refused(void **state) {
        static const char *const texts[] = {
                "{\"a\":\"\x80\"}", "{\"a\":\"\xc3\"}", "{\"a\":\"\xc0\xaf\"}",
                "{\"a\":\"\xe0\x80\xaf\"}", "{\"a\":\"\xed\xa0\x80\"}",
                "{\"a\":\"\xf4\x90\x80\x80\"}",
                "{\"a\":\"\xf0\x80\x80\x80\"}", "{\"a\":\"\xff\"}", "{\"\xc3\":1}",
                "{\"a\":\"\xe2\x82",
        };

        (void) state;
        refuse_all(texts, ELEMENTSOF(texts));
}

/* `depth` containers: an object around arrays. */
static int parse_nested(size_t depth) {
        char text[128] = "{\"a\":";
        size_t at = strlen(text);

        for (size_t i = 1; i < depth; i++)
                text[at++] = '[';
        if (depth == 1)
                text[at++] = '1';
        for (size_t i = 1; i < depth; i++)
                text[at++] = ']';
        text[at++] = '}';
        return parse_bytes(text, at, NULL);
}

static void the_deepest_nesting_is_taken_and_one_more_refused(void **state) {
        (void) state;
        assert_int_equal(parse_nested(1), 0);
        assert_int_equal(parse_nested(JSON_DEPTH_MAX), 0);
        assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1), -E2BIG);
}

static void scalars_at_the_deepest_level_are_taken(void **state) {
        (void) state;
        accept("{\"a\":[[[[[[[[[[[[[[[7]]]]]]]]]]]]]]]}",
               "{\"a\":[[[[[[[[[[[[[[[7]]]]]]]]]]]]]]]}");
}

/* {"a":[[],[],...]} */
static int parse_many(size_t n_containers) {
        _cleanup_free_ char *text = malloc(3 * n_containers + 16);
        size_t at;

        assert_non_null(text);
        memcpy(text, "{\"a\":[", 6);
        at = 6;
        for (size_t i = 2; i < n_containers; i++) {
                memcpy(text + at, i == 2 ? "[]" : ",[]", i == 2 ? 2 : 3);
                at += i == 2 ? 2 : 3;
        }
        memcpy(text + at, "]}", 2);
        return parse_bytes(text, at + 2, NULL);
}

static void too_many_containers_are_refused(void **state) {
        (void) state;
        assert_int_equal(parse_many(JSON_CONTAINERS_MAX), 0);
        assert_int_equal(parse_many(JSON_CONTAINERS_MAX + 1), -E2BIG);
}

static void the_reason_tells_the_position(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        struct json_object *object = NULL;

        (void) state;
        assert_int_equal(json_parse_object("{\"a\":x}", 7, &object, &error), -EINVAL);
        assert_non_null(strstr(error.message, "byte 5"));
}

static void the_error_may_be_left_out(void **state) {
        struct json_object *object = NULL;

        (void) state;
        assert_int_equal(json_parse_object("{", 1, &object, NULL), -EINVAL);
        assert_null(object);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(objects_are_built),
                cmocka_unit_test(the_whole_range_of_int64_is_taken),
                cmocka_unit_test(integers_past_int64_are_refused),
                cmocka_unit_test(numbers_that_become_infinite_are_refused),
                cmocka_unit_test(loose_syntax_is_refused),
                cmocka_unit_test(duplicate_members_are_refused),
                cmocka_unit_test(duplicates_are_found_however_they_are_escaped),
                cmocka_unit_test(the_same_name_in_different_objects_is_no_duplicate),
                cmocka_unit_test(control_characters_and_nul_are_refused),
                cmocka_unit_test(lone_surrogates_are_refused),
                cmocka_unit_test(malformed_utf8_is_refused),
                cmocka_unit_test(the_deepest_nesting_is_taken_and_one_more_refused),
                cmocka_unit_test(scalars_at_the_deepest_level_are_taken),
                cmocka_unit_test(too_many_containers_are_refused),
                cmocka_unit_test(the_reason_tells_the_position),
                cmocka_unit_test(the_error_may_be_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
