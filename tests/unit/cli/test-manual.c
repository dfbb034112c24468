/* The manual page and the README name every command; what the README quotes of other files is as it
 * is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

#include "common/action.h"
#include "common/api-vm.h"
#include "common/io.h"
#include "common/strings.h"

static void check_document(const char *path, const char *before) {
        _cleanup_free_ char *text = NULL;
        bool missing = false;

        assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++) {
                        const char *words = action_interfaces[i]->actions[j].words;
                        _cleanup_free_ char *wanted = words ? string_format("%s%s", before, words)
                                                            : NULL;

                        if (!wanted || strstr(text, wanted))
                                continue;
                        print_error("%s does not have: %s\n", path, wanted);
                        missing = true;
                }
        assert_false(missing);
}

static void the_manual_has_every_command(void **state) {
        (void) state;
        check_document(TEST_SOURCE_DIR "/doc/banger.1", ".B ");
}

/* The line after .TP, where a command's synopsis is. */
static char *synopsis(const char *manual, const char *words) {
        _cleanup_free_ char *wanted = string_format("\n.B %s", words);
        const char *at = strstr(manual, wanted);

        assert_non_null(at);
        return strndup(at + 1, strcspn(at + 1, "\n"));
}

/* As troff wants it: every "-" is a minus. */
static char *manual_option(const char *option) {
        char *text = string_format("--%s", option);
        char *escaped = text ? calloc(2, strlen(text) + 1) : NULL, *to = escaped;

        assert_non_null(escaped);
        for (const char *from = text; *from; from++) {
                if (*from == '-')
                        *to++ = '\\';
                *to++ = *from;
        }
        free(text);
        return escaped;
}

static bool has_option(const char *line, const Field *field) {
        _cleanup_free_ char *name = manual_option(field->option);
        char letter[] = {'\\', '-', field->letter, '\\', '\0'};

        return strstr(line, name) || (field->letter && strstr(line, letter));
}

static void the_manual_has_every_option_of_vm_commands(void **state) {
        _cleanup_free_ char *text = NULL;
        bool missing = false;

        (void) state;
        assert_int_equal(io_read_file(AT_FDCWD, TEST_SOURCE_DIR "/doc/banger.1", 1 << 20, &text,
                                      NULL),
                         0);
        for (size_t i = 0; i < interface_vm.n_actions; i++) {
                const Action *action = &interface_vm.actions[i];
                _cleanup_free_ char *line = action->words ? synopsis(text, action->words) : NULL;

                for (size_t j = 0; line && j < action->in->n_fields; j++)
                        if (action->in->fields[j].option &&
                            !has_option(line, &action->in->fields[j])) {
                                print_error("%s: no %s\n", action->words,
                                            action->in->fields[j].option);
                                missing = true;
                        }
        }
        assert_false(missing);
}

static void the_readme_has_every_command(void **state) {
        (void) state;
        check_document(TEST_SOURCE_DIR "/README.md", "`banger ");
}

static void the_readme_shows_the_console_as_it_is(void **state) {
        _cleanup_free_ char *readme = NULL, *screen = NULL;

        (void) state;
        assert_int_equal(io_read_file(AT_FDCWD, TEST_SOURCE_DIR "/README.md", 1 << 20, &readme,
                                      NULL),
                         0);
        assert_int_equal(io_read_file(AT_FDCWD, TEST_SOURCE_DIR "/tests/golden/tui/vms-80x24",
                                      1 << 20, &screen, NULL),
                         0);
        if (!strstr(readme, screen))
                fail_msg("README.md does not show tests/golden/tui/vms-80x24 as it is now");
}

/* As a word of its own, that one name is not found within another. */
static bool has_word(const char *text, const char *word) {
        size_t length = strlen(word);

        for (const char *at = text; (at = strstr(at, word)); at += length)
                if ((at == text || strchr(" \n", at[-1])) && strchr(" \n", at[length]))
                        return true;
        return false;
}

static void the_readme_installs_what_the_build_needs(void **state) {
        _cleanup_free_ char *readme = NULL, *packages = NULL;
        char *line, *left = NULL;
        size_t n = 0;

        (void) state;
        assert_int_equal(io_read_file(AT_FDCWD, TEST_SOURCE_DIR "/README.md", 1 << 20, &readme,
                                      NULL),
                         0);
        assert_int_equal(io_read_file(AT_FDCWD, TEST_SOURCE_DIR "/tests/packages", 1 << 20,
                                      &packages, NULL),
                         0);
        line = strstr(packages, "\n# build:");
        assert_non_null(line);
        for (line = strtok_r(line + 1, "\n", &left); (line = strtok_r(NULL, "\n", &left));) {
                if (*line == '#')
                        break;
                line[strcspn(line, " ")] = '\0';
                if (!has_word(readme, line))
                        fail_msg("README.md does not install %s", line);
                n++;
        }
        assert_true(n > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_manual_has_every_command),
                cmocka_unit_test(the_manual_has_every_option_of_vm_commands),
                cmocka_unit_test(the_readme_has_every_command),
                cmocka_unit_test(the_readme_shows_the_console_as_it_is),
                cmocka_unit_test(the_readme_installs_what_the_build_needs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
