#include "cli/help.h"
#include "cli/parse.h"
#include "cli/suggest.h"
#include "common/api-system.h"
#include "tests/unit/cli/fixture.h"

#define WORDS_MAX 16

static size_t split(char *line, char **words) {
        size_t n = 0;
        char *rest = NULL;

        for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                assert_true(n < WORDS_MAX);
                words[n++] = word;
        }
        return n;
}

static int parse(const char *line, Invocation *ret, Error *reterr) {
        char *copy = strdup(line), *words[WORDS_MAX];
        size_t n;
        int r;

        assert_non_null(copy);
        n = split(copy, words);
        r = parse_command_line(words, n, ret, reterr);
        free(copy);
        return r;
}

static void wrong_command_lines_say_what_and_what_to_do(void **state) {
        static const struct {
                const char *line, *message, *hint;
        } rows[] = {
                {"", "no command is given", "run: banger --help"},
                {"sytem install", "unknown command \"sytem install\"",
                 "did you mean \"system install\"?"},
                {"instal", "unknown command \"instal\"", "did you mean \"system install\"?"},
                {"statsu", "unknown command \"statsu\"", "did you mean \"status\"?"},
                {"frobnicate", "unknown command \"frobnicate\"", "run: banger help"},
                {"system", "\"system\" is a group of commands", "run: banger help system"},
                {"system --json", "\"system\" is a group of commands", "run: banger help system"},
                {"--frob", "unknown option \"--frob\"", "run: banger --help"},
                {"status extra", "\"status\" takes no argument \"extra\"",
                 "run: banger status --help"},
                {"status -x", "unknown option \"-x\"", "run: banger status --help"},
                {"system install", "--owner USER is missing", "run: banger system install --help"},
                {"system install --owner", "--owner USER: the value is missing",
                 "run: banger system install --help"},
                {"system install --owner=", "--owner: ", "run: banger system install --help"},
                {"system install --owner a --owner b", "--owner USER is given twice",
                 "run: banger system install --help"},
                {"system install --ownr a", "unknown option \"--ownr\"", "did you mean --owner?"},
                {"system install --yes=1 --owner a", "--yes takes no value",
                 "run: banger system install --help"},
                {"system install -yz --owner a", "unknown option \"-yz\"",
                 "run: banger system install --help"},
                {"api", "METHOD is missing", "run: banger api --help"},
                {"api a b c", "\"api\" takes no argument \"c\"", "run: banger api --help"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Invocation invocation = INVOCATION_INIT;
                _cleanup_error_ Error error = ERROR_INIT;
                size_t length = strlen(rows[i].message);

                assert_int_equal(parse(rows[i].line, &invocation, &error), -EINVAL);
                assert_int_equal(error.kind, ERROR_USAGE);
                assert_true(strlen(error.message) >= length);
                if (rows[i].message[length - 1] != ' ')
                        assert_string_equal(error.message, rows[i].message);
                else
                        assert_memory_equal(error.message, rows[i].message, length);
                assert_string_equal(error.hint, rows[i].hint);
                assert_null(invocation.value);
        }
}

static void an_error_still_says_that_json_is_wanted(void **state) {
        Invocation invocation = INVOCATION_INIT;

        (void) state;
        assert_int_equal(parse("status --frob --json", &invocation, NULL), -EINVAL);
        assert_true(invocation.json);
        invocation = INVOCATION_INIT;
        assert_int_equal(parse("status --frob -- --json", &invocation, NULL), -EINVAL);
        assert_false(invocation.json);
}

static void options_are_taken_in_every_form_and_place(void **state) {
        static const char *const lines[] = {
                "system install --owner alice --yes",
                "system install --owner=alice -y",
                "system install -y --owner alice",
                "system install --yes --owner=alice",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_invocation_ Invocation invocation = INVOCATION_INIT;
                const SystemInstall *install;

                assert_int_equal(parse(lines[i], &invocation, NULL), 0);
                assert_string_equal(invocation.action->words, "system install");
                install = invocation.value;
                assert_string_equal(install->owner, "alice");
                assert_true(install->yes);
                assert_false(invocation.json);
        }
}

static void json_is_taken_before_and_after_the_command(void **state) {
        static const char *const lines[] = {"--json status", "status --json"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_invocation_ Invocation invocation = INVOCATION_INIT;

                assert_int_equal(parse(lines[i], &invocation, NULL), 0);
                assert_true(invocation.json);
                assert_string_equal(invocation.action->words, "status");
        }
}

static void positionals_fill_in_order_and_follow_two_dashes(void **state) {
        _cleanup_invocation_ Invocation invocation = INVOCATION_INIT;
        const ApiCall *call;

        (void) state;
        assert_int_equal(parse("api --more a.B -- --json", &invocation, NULL), 0);
        call = invocation.value;
        assert_string_equal(call->method, "a.B");
        assert_string_equal(call->parameters, "--json");
        assert_true(call->more);
        assert_false(invocation.json);
}

static void help_needs_no_arguments(void **state) {
        static const struct {
                const char *line, *words, *topic;
        } rows[] = {
                {"help", NULL, NULL},
                {"--help", NULL, NULL},
                {"-h", NULL, NULL},
                {"help system install", "system install", NULL},
                {"system install --help", "system install", NULL},
                {"system install -yh", "system install", NULL},
                {"--help status", "status", NULL},
                {"help system", NULL, "system"},
                {"system --help", NULL, "system"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_invocation_ Invocation invocation = INVOCATION_INIT;

                assert_int_equal(parse(rows[i].line, &invocation, NULL), 0);
                assert_true(invocation.help);
                if (rows[i].words)
                        assert_string_equal(invocation.action->words, rows[i].words);
                else
                        assert_null(invocation.action);
                assert_true(string_equal(invocation.topic, rows[i].topic));
        }
}

static void version_is_a_command_and_an_option(void **state) {
        _cleanup_invocation_ Invocation invocation = INVOCATION_INIT;

        (void) state;
        assert_int_equal(parse("--version", &invocation, NULL), 0);
        assert_string_equal(invocation.action->words, "version");
}

static void distance_counts_single_slips(void **state) {
        (void) state;
        assert_int_equal(suggest_distance("status", "status"), 0);
        assert_int_equal(suggest_distance("statsu", "status"), 1);
        assert_int_equal(suggest_distance("stats", "status"), 1);
        assert_int_equal(suggest_distance("", "abc"), 3);
        assert_int_equal(suggest_distance("abc", ""), 3);
}

static void a_word_of_any_length_is_survived(void **state) {
        char line[4096];
        Invocation invocation = INVOCATION_INIT;

        (void) state;
        memset(line, 'a', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        assert_int_equal(parse(line, &invocation, NULL), -EINVAL);
}

static void help_of_a_command_is_as_pinned(void **state) {
        char install[] = "system install";
        char *words[WORDS_MAX];
        size_t n = split(install, words), taken;
        Capture capture;

        (void) state;
        capture_open(&capture);
        assert_int_equal(help_command(capture.out, action_find_words(words, n, &taken)), 0);
        assert_string_equal(capture_text(&capture),
                            "Usage: banger system install --owner USER [OPTIONS]\n"
                            "\n"
                            "Set banger up on this host for one user. Needs root.\n"
                            "\n"
                            "Options:\n"
                            "      --owner USER  The user that the VMs belong to\n"
                            "  -y, --yes         Do not ask\n"
                            "      --json        Print JSON, errors too\n"
                            "  -h, --help        Show this\n");
        capture_close(&capture);
}

static void help_tells_ranges_units_and_choices(void **state) {
        static const char *const colours[] = {"red", "blue", NULL};
        static const Field fields[] = {
                {.name = "names", .type = FIELD_STRINGS, .positional = true, .metavar = "NAME",
                 .summary = "Whom", .required = true},
                {.name = "memory", .type = FIELD_INT, .min = 128, .max = 4096, .absent = 512,
                 .unit = UNIT_MIB, .option = "memory", .letter = 'm', .metavar = "SIZE",
                 .summary = "How much"},
                {.name = "colour", .type = FIELD_ENUM, .values = colours, .option = "colour",
                 .summary = "Which"},
        };
        static const Schema schema = {.name = "In", .fields = fields,
                                      .n_fields = ELEMENTSOF(fields)};
        static const Action action = {.words = "paint", .summary = "Paint it", .in = &schema,
                                      .out = &schema_empty};
        Capture capture;

        (void) state;
        capture_open(&capture);
        assert_int_equal(help_command(capture.out, &action), 0);
        assert_string_equal(capture_text(&capture),
                            "Usage: banger paint [OPTIONS] NAME...\n"
                            "\n"
                            "Paint it.\n"
                            "\n"
                            "Arguments:\n"
                            "  NAME  Whom\n"
                            "\n"
                            "Options:\n"
                            "  -m, --memory SIZE   How much (128..4096 MiB), default 512 MiB\n"
                            "      --colour VALUE  Which (one of: red, blue)\n"
                            "      --json          Print JSON, errors too\n"
                            "  -h, --help          Show this\n");
        capture_close(&capture);
}

static void every_command_of_the_table_is_in_the_overview(void **state) {
        Capture capture;

        (void) state;
        capture_open(&capture);
        assert_int_equal(help_overview(capture.out, NULL), 0);
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++)
                        if (action_interfaces[i]->actions[j].words)
                                assert_non_null(strstr(capture_text(&capture),
                                                       action_interfaces[i]->actions[j].words));
        capture_close(&capture);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(wrong_command_lines_say_what_and_what_to_do),
                cmocka_unit_test(an_error_still_says_that_json_is_wanted),
                cmocka_unit_test(options_are_taken_in_every_form_and_place),
                cmocka_unit_test(json_is_taken_before_and_after_the_command),
                cmocka_unit_test(positionals_fill_in_order_and_follow_two_dashes),
                cmocka_unit_test(help_needs_no_arguments),
                cmocka_unit_test(version_is_a_command_and_an_option),
                cmocka_unit_test(distance_counts_single_slips),
                cmocka_unit_test(a_word_of_any_length_is_survived),
                cmocka_unit_test(help_of_a_command_is_as_pinned),
                cmocka_unit_test(help_tells_ranges_units_and_choices),
                cmocka_unit_test(every_command_of_the_table_is_in_the_overview),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
