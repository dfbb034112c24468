#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/schema.h"
#include "common/strings.h"

typedef enum Mood { MOOD_CALM, MOOD_WILD } Mood;

typedef struct Part {
        char *name;
        int64_t weight;
} Part;

typedef struct Thing {
        bool live;
        int64_t memory_mib;
        int64_t port;
        int64_t any_number;
        char *label;
        char **words;
        int mood;
        Part *part;
        Objects parts;
        struct json_object *rest;
} Thing;

static int check_lower(const char *value, Error *reterr) {
        if (strspn(value, "abcdefghijklmnopqrstuvwxyz") == strlen(value))
                return 0;
        return error_set(reterr, ERROR_FAILED, EINVAL, "must be lowercase");
}

static const char *const moods[] = {[MOOD_CALM] = "calm", [MOOD_WILD] = "wild", NULL};

static const Field part_fields[] = {
        {.name = "name", .type = FIELD_STRING, .offset = offsetof(Part, name), .required = true,
         .min = 1, .max = 8, .check = check_lower},
        {.name = "weight", .type = FIELD_INT, .offset = offsetof(Part, weight), .min = 1, .max = 9,
         .absent = 5},
};

static const Schema part_schema = {"Part", sizeof(Part), part_fields,
                                   ELEMENTSOF(part_fields), false};

static const Field thing_fields[] = {
        {.name = "live", .type = FIELD_BOOL, .offset = offsetof(Thing, live), .option = "live"},
        {.name = "memory_mib", .type = FIELD_INT, .offset = offsetof(Thing, memory_mib), .min = 128,
         .max = 4096, .absent = 1024, .option = "memory", .unit = UNIT_MIB},
        {.name = "port", .type = FIELD_INT, .offset = offsetof(Thing, port), .required = true,
         .min = 1, .max = 65535, .metavar = "PORT", .positional = true},
        {.name = "any_number", .type = FIELD_INT, .offset = offsetof(Thing, any_number),
         .option = "any", .unit = UNIT_SECONDS},
        {.name = "label", .type = FIELD_STRING, .offset = offsetof(Thing, label),
         .option = "label"},
        {.name = "words", .type = FIELD_STRINGS, .offset = offsetof(Thing, words), .max = 3,
         .check = check_lower, .option = "word"},
        {.name = "mood", .type = FIELD_ENUM, .offset = offsetof(Thing, mood), .absent = -1,
         .values = moods, .option = "mood"},
        {.name = "part", .type = FIELD_OBJECT, .offset = offsetof(Thing, part),
         .nested = &part_schema},
        {.name = "parts", .type = FIELD_OBJECTS, .offset = offsetof(Thing, parts), .max = 2,
         .nested = &part_schema},
        {.name = "rest", .type = FIELD_ANY, .offset = offsetof(Thing, rest)},
};

static const Schema thing_schema = {"Thing", sizeof(Thing), thing_fields,
                                    ELEMENTSOF(thing_fields), false};

static struct json_object *parse(const char *text) {
        struct json_object *object = json_tokener_parse(text);

        assert_non_null(object);
        return object;
}

static void decode(const char *text, Thing *ret) {
        _cleanup_json_ struct json_object *object = parse(text);
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(schema_decode(&thing_schema, object, ret, &error), 0);
        assert_int_equal(error.kind, ERROR_NONE);
}

static void assert_zeroed(const void *value, size_t size) {
        const unsigned char *bytes = value;

        for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], 0);
}

static void assert_refused(const char *text, int r, const char *field, const char *reason) {
        _cleanup_json_ struct json_object *object = parse(text);
        _cleanup_error_ Error error = ERROR_INIT;
        Thing thing;

        memset(&thing, 0x5a, sizeof(thing));
        assert_int_equal(schema_decode(&thing_schema, object, &thing, &error), r);
        assert_int_equal(error.kind, ERROR_INVALID_PARAMETER);
        assert_string_equal(error.field, field);
        assert_non_null(strstr(error.message, reason));
        assert_non_null(strstr(error.message, field));
        assert_zeroed(&thing, sizeof(thing));
}

static void assert_encodes(const Thing *thing, const char *expected) {
        _cleanup_json_ struct json_object *object = NULL;

        assert_int_equal(schema_encode(&thing_schema, thing, &object), 0);
        assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                            expected);
}

static void every_type_is_decoded(void **state _unused_) {
        Thing thing;

        decode("{\"live\":true,\"memory_mib\":512,\"port\":80,\"any_number\":-9223372036854775808,"
               "\"label\":\"\xc3\xa4\",\"words\":[\"a\",\"b\"],\"mood\":\"wild\","
               "\"part\":{\"name\":\"x\"},\"parts\":[{\"name\":\"y\",\"weight\":9}],"
               "\"rest\":{\"deep\":[1.5]}}",
               &thing);
        assert_true(thing.live);
        assert_int_equal(thing.memory_mib, 512);
        assert_int_equal(thing.port, 80);
        assert_true(thing.any_number == INT64_MIN);
        assert_string_equal(thing.label, "\xc3\xa4");
        assert_int_equal(strv_length(thing.words), 2);
        assert_string_equal(thing.words[1], "b");
        assert_int_equal(thing.mood, MOOD_WILD);
        assert_string_equal(thing.part->name, "x");
        assert_int_equal(thing.part->weight, 5);
        assert_int_equal(thing.parts.n_items, 1);
        assert_int_equal(((Part *) thing.parts.items)->weight, 9);
        assert_string_equal(json_object_to_json_string_ext(thing.rest, JSON_C_TO_STRING_PLAIN),
                            "{\"deep\":[1.5]}");
        schema_clear(&thing_schema, &thing);
        assert_zeroed(&thing, sizeof(thing));
}

static void absent_members_take_their_absent_values(void **state _unused_) {
        Thing thing;

        decode("{\"port\":1}", &thing);
        assert_false(thing.live);
        assert_int_equal(thing.memory_mib, 1024);
        assert_int_equal(thing.mood, -1);
        assert_null(thing.label);
        assert_null(thing.words);
        assert_null(thing.part);
        assert_int_equal(thing.parts.n_items, 0);
        assert_null(thing.rest);
        schema_clear(&thing_schema, &thing);
}

static void null_counts_as_absent(void **state _unused_) {
        Thing thing;

        decode("{\"port\":1,\"live\":null,\"memory_mib\":null,\"mood\":null,\"label\":null,"
               "\"words\":null,\"part\":null,\"parts\":null,\"rest\":null}",
               &thing);
        assert_int_equal(thing.memory_mib, 1024);
        assert_null(thing.label);
        schema_clear(&thing_schema, &thing);
        assert_refused("{\"port\":null}", -EINVAL, "port", "is missing");
}

static void no_object_counts_as_an_empty_one(void **state _unused_) {
        static const Schema nothing = {.name = "Nothing"};
        _cleanup_error_ Error error = ERROR_INIT;
        Thing thing;

        assert_int_equal(schema_decode(&nothing, NULL, NULL, &error), 0);
        assert_int_equal(schema_decode(&thing_schema, NULL, &thing, &error), -EINVAL);
        assert_string_equal(error.field, "port");
        assert_string_equal(error.message, "\"port\": is missing");
}

static void what_is_no_object_is_refused(void **state _unused_) {
        _cleanup_json_ struct json_object *array = parse("[]");
        _cleanup_error_ Error error = ERROR_INIT;
        Thing thing;

        assert_int_equal(schema_decode(&thing_schema, array, &thing, &error), -EINVAL);
        assert_null(error.field);
        assert_string_equal(error.message, "parameters: must be an object");
}

static void unknown_members_are_refused(void **state _unused_) {
        assert_refused("{\"port\":1,\"bogus\":1}", -EINVAL, "bogus", "is not known");
        assert_refused("{\"port\":1,\"part\":{\"name\":\"x\",\"Name\":1}}", -EINVAL, "part.Name",
                       "is not known");
        assert_refused("{\"port\":1,\"live\":null,\"nul\":null}", -EINVAL, "nul", "is not known");
}

static void an_odd_member_name_is_not_repeated(void **state _unused_) {
        assert_refused("{\"port\":1,\"\\u001b[2J\":1}", -EINVAL, "(unprintable)", "is not known");
        assert_refused("{\"port\":1,\"\":1}", -EINVAL, "(unprintable)", "is not known");
        assert_refused("{\"port\":1,"
                       "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
                       -EINVAL, "(unprintable)", "is not known");
}

static void wrong_types_are_refused(void **state _unused_) {
        assert_refused("{\"port\":\"80\"}", -EINVAL, "port", "a whole number");
        assert_refused("{\"port\":80.0}", -EINVAL, "port", "a whole number");
        assert_refused("{\"port\":true}", -EINVAL, "port", "a whole number");
        assert_refused("{\"port\":1,\"live\":1}", -EINVAL, "live", "true or false");
        assert_refused("{\"port\":1,\"label\":1}", -EINVAL, "label", "a string");
        assert_refused("{\"port\":1,\"words\":\"a\"}", -EINVAL, "words", "an array of strings");
        assert_refused("{\"port\":1,\"mood\":1}", -EINVAL, "mood", "a string");
        assert_refused("{\"port\":1,\"part\":[]}", -EINVAL, "part", "an object");
        assert_refused("{\"port\":1,\"parts\":{}}", -EINVAL, "parts", "an array of objects");
        assert_refused("{\"port\":1,\"rest\":\"x\"}", -EINVAL, "rest", "an object");
}

static void numbers_outside_their_bounds_are_refused(void **state _unused_) {
        assert_refused("{\"port\":0}", -ERANGE, "port", "must be 1 to 65535");
        assert_refused("{\"port\":65536}", -ERANGE, "port", "must be 1 to 65535");
        assert_refused("{\"port\":1,\"memory_mib\":127}", -ERANGE, "memory_mib", "128 to 4096 MiB");
}

static void numbers_past_int64_are_refused_rather_than_clamped(void **state _unused_) {
        assert_refused("{\"port\":1,\"any_number\":9223372036854775808}", -ERANGE, "any_number",
                       "too large");
        assert_refused("{\"port\":1,\"any_number\":99999999999999999999999}", -ERANGE, "any_number",
                       "too large");
}

static void strings_outside_their_bounds_are_refused(void **state _unused_) {
        _cleanup_free_ char *text = string_format("{\"port\":1,\"label\":\"%04097d\"}", 0);

        assert_refused("{\"port\":1,\"part\":{\"name\":\"\"}}", -ERANGE, "part.name",
                       "must not be empty");
        assert_refused("{\"port\":1,\"part\":{\"name\":\"aaaaaaaaa\"}}", -ERANGE, "part.name",
                       "at most 8 bytes");
        assert_refused(text, -ERANGE, "label", "at most 4096 bytes");
}

static void strings_with_a_nul_are_refused(void **state _unused_) {
        assert_refused("{\"port\":1,\"label\":\"a\\u0000b\"}", -EINVAL, "label", "NUL");
        assert_refused("{\"port\":1,\"mood\":\"calm\\u0000\"}", -EINVAL, "mood", "NUL");
}

static void strings_that_are_not_utf8_are_refused(void **state _unused_) {
        static const char *const wrong[] = {"\xff",         "\xc3",         "\xc0\xaf",
                                            "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                            "\xf4\x90\x80\x80", "\x80", "\xe2\x82", "\xc3z"};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ char *text =
                        string_format("{\"port\":1,\"label\":\"%s\"}", wrong[i]);

                assert_refused(text, -EINVAL, "label", "UTF-8");
        }
}

static void what_the_check_refuses_is_refused(void **state _unused_) {
        assert_refused("{\"port\":1,\"part\":{\"name\":\"Up\"}}", -EINVAL, "part.name",
                       "must be lowercase");
        assert_refused("{\"port\":1,\"words\":[\"a\",\"B\"]}", -EINVAL, "words[1]",
                       "must be lowercase");
}

static void an_open_schema_leaves_unknown_members_to_newer_peers(void **state _unused_) {
        _cleanup_json_ struct json_object *object = parse("{\"name\": \"abc\", \"new\": [1]}");
        Schema open_schema = part_schema;
        Part part;

        open_schema.open = true;
        assert_int_equal(schema_decode(&open_schema, object, &part, NULL), 0);
        assert_string_equal(part.name, "abc");
        schema_clear(&open_schema, &part);
}

static void unknown_enum_names_are_refused_with_the_known_ones(void **state _unused_) {
        assert_refused("{\"port\":1,\"mood\":\"Calm\"}", -EINVAL, "mood", "one of: calm, wild");
}

static void too_many_items_are_refused(void **state _unused_) {
        assert_refused("{\"port\":1,\"words\":[\"a\",\"a\",\"a\",\"a\"]}", -ERANGE, "words",
                       "at most 3 items");
        assert_refused("{\"port\":1,\"parts\":[{},{},{}]}", -ERANGE, "parts", "at most 2 items");
}

static void arrays_without_bounds_have_at_most_4096_items(void **state _unused_) {
        static const Field field = {.name = "words", .type = FIELD_STRINGS,
                                    .offset = offsetof(Thing, words)};
        static const Schema schema = {"Words", sizeof(Thing), &field, 1, false};
        _cleanup_json_ struct json_object *object = parse("{\"words\":[]}");
        struct json_object *words = json_object_object_get(object, "words");
        Thing thing;

        for (size_t i = 0; i < 4096; i++)
                assert_int_equal(json_object_array_add(words, json_object_new_string("x")), 0);
        assert_int_equal(schema_decode(&schema, object, &thing, NULL), 0);
        assert_int_equal(strv_length(thing.words), 4096);
        schema_clear(&schema, &thing);
        assert_int_equal(json_object_array_add(words, json_object_new_string("x")), 0);
        assert_int_equal(schema_decode(&schema, object, &thing, NULL), -ERANGE);
}

static void the_path_of_a_nested_member_is_told(void **state _unused_) {
        assert_refused("{\"port\":1,\"parts\":[{\"name\":\"a\"},{\"name\":\"b\",\"weight\":0}]}",
                       -ERANGE, "parts[1].weight", "1 to 9");
        assert_refused("{\"port\":1,\"parts\":[{\"name\":\"a\"},7]}", -EINVAL, "parts[1]",
                       "an object");
        assert_refused("{\"port\":1,\"words\":[null]}", -EINVAL, "words[0]", "a string");
}

static void a_later_failure_frees_what_was_decoded(void **state _unused_) {
        assert_refused("{\"port\":1,\"label\":\"x\",\"words\":[\"a\"],\"part\":{\"name\":\"a\"},"
                       "\"parts\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"rest\":[]}",
                       -EINVAL, "rest", "an object");
}

static void failing_without_an_error_to_fill_works(void **state _unused_) {
        _cleanup_json_ struct json_object *object = parse("{\"port\":1,\"parts\":[{}]}");
        Thing thing;

        assert_int_equal(schema_decode(&thing_schema, object, &thing, NULL), -EINVAL);
}

static void a_decoded_foreign_object_outlives_its_source(void **state _unused_) {
        struct json_object *object = parse("{\"port\":1,\"rest\":{\"a\":{\"b\":[true]}}}");
        Thing thing;

        assert_int_equal(schema_decode(&thing_schema, object, &thing, NULL), 0);
        json_object_put(object);
        assert_encodes(&thing, "{\"port\":1,\"rest\":{\"a\":{\"b\":[true]}}}");
        schema_clear(&thing_schema, &thing);
}

static void encoding_gives_back_what_was_decoded(void **state _unused_) {
        static const char text[] =
                "{\"live\":true,\"memory_mib\":512,\"port\":80,\"any_number\":-1,\"label\":\"\","
                "\"words\":[\"a\"],\"mood\":\"calm\",\"part\":{\"name\":\"x\",\"weight\":1},"
                "\"parts\":[{\"name\":\"y\"}],\"rest\":{}}";
        Thing thing;

        decode(text, &thing);
        assert_encodes(&thing, text);
        schema_clear(&thing_schema, &thing);
}

static void absent_members_are_not_encoded(void **state _unused_) {
        Thing thing;

        schema_init(&thing_schema, &thing);
        thing.port = 7;
        assert_encodes(&thing, "{\"port\":7}");
}

static void required_but_empty_members_are_encoded(void **state _unused_) {
        static const Field fields[] = {
                {.name = "live", .type = FIELD_BOOL, .offset = offsetof(Thing, live),
                 .required = true},
                {.name = "words", .type = FIELD_STRINGS, .offset = offsetof(Thing, words),
                 .required = true},
                {.name = "parts", .type = FIELD_OBJECTS, .offset = offsetof(Thing, parts),
                 .required = true, .nested = &part_schema},
        };
        static const Schema schema = {"Empty", sizeof(Thing), fields, ELEMENTSOF(fields), false};
        _cleanup_json_ struct json_object *object = NULL;
        Thing thing;

        schema_init(&schema, &thing);
        assert_int_equal(schema_encode(&schema, &thing, &object), 0);
        assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                            "{\"live\":false,\"words\":[],\"parts\":[]}");
}

static void encoding_refuses_what_decoding_would(void **state _unused_) {
        struct json_object *object = NULL;
        char bad[] = "\xff";
        Part part = {0};
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(schema_encode(&thing_schema, &thing, &object), -ERANGE);
        thing.port = 7;
        thing.mood = 2;
        assert_int_equal(schema_encode(&thing_schema, &thing, &object), -EINVAL);
        thing.mood = MOOD_CALM;
        thing.label = bad;
        assert_int_equal(schema_encode(&thing_schema, &thing, &object), -EINVAL);
        thing.label = NULL;
        thing.part = &part;
        assert_int_equal(schema_encode(&thing_schema, &thing, &object), -EINVAL);
        thing.part = NULL;
        thing.parts = (Objects) {.items = &part, .n_items = 1};
        assert_int_equal(schema_encode(&thing_schema, &thing, &object), -EINVAL);
        assert_null(object);
}

static int set(Thing *thing, const char *name, const char *word, Error *reterr) {
        const Field *field = schema_find(&thing_schema, name);

        return schema_set_word(&thing_schema, field, thing, word, reterr);
}

static void assert_word_refused(const char *name, const char *word, int r, const char *message) {
        _cleanup_error_ Error error = ERROR_INIT;
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(set(&thing, name, word, &error), r);
        assert_int_equal(error.kind, ERROR_USAGE);
        assert_string_equal(error.field, name);
        assert_string_equal(error.message, message);
        schema_clear(&thing_schema, &thing);
}

static void assert_word_number(const char *name, const char *word, int64_t expected) {
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(set(&thing, name, word, NULL), 0);
        assert_true(*(int64_t *) (void *) ((char *) &thing +
                                           schema_find(&thing_schema, name)->offset) == expected);
}

static void sizes_take_suffixes(void **state _unused_) {
        assert_word_number("memory_mib", "512", 512);
        assert_word_number("memory_mib", "512M", 512);
        assert_word_number("memory_mib", "2G", 2048);
}

static void times_take_suffixes(void **state _unused_) {
        assert_word_number("any_number", "30", 30);
        assert_word_number("any_number", "30s", 30);
        assert_word_number("any_number", "5m", 300);
        assert_word_number("any_number", "1h", 3600);
        assert_word_number("any_number", "-5", -5);
        assert_word_number("any_number", "9223372036854775807", INT64_MAX);
}

static void words_that_are_no_numbers_are_refused(void **state _unused_) {
        static const char *const wrong[] = {"",   " 1", "1 ",  "+1",  "1.0", "0x1", "M",
                                            "-G", "G2", "2GB", "--1", "2m"};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_word_refused("memory_mib", wrong[i], -EINVAL,
                                    "--memory: is not a size such as 512, 512M or 2G (plain "
                                    "numbers are MiB)");
        assert_word_refused("port", "80s", -EINVAL, "PORT: is not a whole number");
}

static void numbers_given_as_words_have_the_same_bounds(void **state _unused_) {
        assert_word_refused("memory_mib", "5G", -ERANGE, "--memory: must be 128 to 4096 MiB");
        assert_word_refused("memory_mib", "127", -ERANGE, "--memory: must be 128 to 4096 MiB");
        assert_word_refused("any_number", "9223372036854775808", -ERANGE,
                            "--any: is too large a number");
        assert_word_refused("any_number", "9223372036854775807h", -ERANGE,
                            "--any: is too large a number");
        assert_word_refused("memory_mib", "99999999999999999999G", -ERANGE,
                            "--memory: is too large a number");
}

static void bools_take_no_word_or_yes_and_no(void **state _unused_) {
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(set(&thing, "live", NULL, NULL), 0);
        assert_true(thing.live);
        assert_int_equal(set(&thing, "live", "no", NULL), 0);
        assert_false(thing.live);
        assert_int_equal(set(&thing, "live", "true", NULL), 0);
        assert_true(thing.live);
        assert_word_refused("live", "1", -EINVAL, "--live: must be yes or no");
}

static void enums_are_set_by_name(void **state _unused_) {
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(set(&thing, "mood", "wild", NULL), 0);
        assert_int_equal(thing.mood, MOOD_WILD);
        assert_word_refused("mood", "sad", -EINVAL, "--mood: must be one of: calm, wild");
}

static void a_string_given_twice_replaces_the_first(void **state _unused_) {
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(set(&thing, "label", "one", NULL), 0);
        assert_int_equal(set(&thing, "label", "two", NULL), 0);
        assert_string_equal(thing.label, "two");
        schema_clear(&thing_schema, &thing);
        assert_word_refused("label", "\xff", -EINVAL, "--label: is not valid UTF-8");
}

static void strings_append_up_to_their_bound(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(set(&thing, "words", "a", NULL), 0);
        assert_int_equal(set(&thing, "words", "b", NULL), 0);
        assert_int_equal(set(&thing, "words", "c", NULL), 0);
        assert_int_equal(set(&thing, "words", "d", &error), -ERANGE);
        assert_string_equal(error.message, "--word: must have at most 3 items");
        assert_int_equal(strv_length(thing.words), 3);
        assert_string_equal(thing.words[2], "c");
        schema_clear(&thing_schema, &thing);
        assert_word_refused("words", "B", -EINVAL, "--word: must be lowercase");
}

static void structs_cannot_be_set_by_a_word(void **state _unused_) {
        assert_word_refused("part", "x", -EINVAL, "part: cannot be given as a word");
        assert_word_refused("rest", "{}", -EINVAL, "rest: cannot be given as a word");
}

static void a_value_that_is_not_given_is_asked_for(void **state _unused_) {
        assert_word_refused("label", NULL, -EINVAL, "--label: needs a value");
}

static void a_missing_required_word_is_found(void **state _unused_) {
        _cleanup_error_ Error error = ERROR_INIT;
        Part part;
        Thing thing;

        schema_init(&thing_schema, &thing);
        assert_int_equal(schema_check_required(&thing_schema, &thing, &error), -EINVAL);
        assert_int_equal(error.kind, ERROR_USAGE);
        assert_string_equal(error.message, "PORT: is missing");
        assert_int_equal(set(&thing, "port", "80", NULL), 0);
        assert_int_equal(schema_check_required(&thing_schema, &thing, &error), 0);
        schema_init(&part_schema, &part);
        assert_int_equal(schema_check_required(&part_schema, &part, NULL), -EINVAL);
}

static void fields_are_found_by_their_whole_name(void **state _unused_) {
        assert_ptr_equal(schema_find(&thing_schema, "port"), &thing_fields[2]);
        assert_null(schema_find(&thing_schema, "por"));
        assert_null(schema_find(&thing_schema, "ports"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_is_decoded),
                cmocka_unit_test(absent_members_take_their_absent_values),
                cmocka_unit_test(null_counts_as_absent),
                cmocka_unit_test(no_object_counts_as_an_empty_one),
                cmocka_unit_test(what_is_no_object_is_refused),
                cmocka_unit_test(unknown_members_are_refused),
                cmocka_unit_test(an_odd_member_name_is_not_repeated),
                cmocka_unit_test(wrong_types_are_refused),
                cmocka_unit_test(numbers_outside_their_bounds_are_refused),
                cmocka_unit_test(numbers_past_int64_are_refused_rather_than_clamped),
                cmocka_unit_test(strings_outside_their_bounds_are_refused),
                cmocka_unit_test(strings_with_a_nul_are_refused),
                cmocka_unit_test(strings_that_are_not_utf8_are_refused),
                cmocka_unit_test(what_the_check_refuses_is_refused),
                cmocka_unit_test(an_open_schema_leaves_unknown_members_to_newer_peers),
                cmocka_unit_test(unknown_enum_names_are_refused_with_the_known_ones),
                cmocka_unit_test(too_many_items_are_refused),
                cmocka_unit_test(arrays_without_bounds_have_at_most_4096_items),
                cmocka_unit_test(the_path_of_a_nested_member_is_told),
                cmocka_unit_test(a_later_failure_frees_what_was_decoded),
                cmocka_unit_test(failing_without_an_error_to_fill_works),
                cmocka_unit_test(a_decoded_foreign_object_outlives_its_source),
                cmocka_unit_test(encoding_gives_back_what_was_decoded),
                cmocka_unit_test(absent_members_are_not_encoded),
                cmocka_unit_test(required_but_empty_members_are_encoded),
                cmocka_unit_test(encoding_refuses_what_decoding_would),
                cmocka_unit_test(sizes_take_suffixes),
                cmocka_unit_test(times_take_suffixes),
                cmocka_unit_test(words_that_are_no_numbers_are_refused),
                cmocka_unit_test(numbers_given_as_words_have_the_same_bounds),
                cmocka_unit_test(bools_take_no_word_or_yes_and_no),
                cmocka_unit_test(enums_are_set_by_name),
                cmocka_unit_test(a_string_given_twice_replaces_the_first),
                cmocka_unit_test(strings_append_up_to_their_bound),
                cmocka_unit_test(structs_cannot_be_set_by_a_word),
                cmocka_unit_test(a_value_that_is_not_given_is_asked_for),
                cmocka_unit_test(a_missing_required_word_is_found),
                cmocka_unit_test(fields_are_found_by_their_whole_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
