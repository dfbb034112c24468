#include "common/io.h"
#include "common/strings.h"
#include "common/api-root.h"
#include "helper/dispatch.h"
#include "tests/unit/helper/fixture.h"

/* Beside this source: the compiler is given its full path. */
static char *read_document(void) {
        static const char here[] = __FILE__;
        _cleanup_free_ char *path = strdup(here);
        char *slash, *text = NULL;

        for (int level = 0; level < 4; level++) {
                slash = strrchr(path, '/');
                assert_non_null(slash);
                *slash = '\0';
        }
        slash = string_format("%s/doc/privileges.md", path);
        assert_non_null(slash);
        assert_int_equal(io_read_file(AT_FDCWD, slash, 1 << 20, &text, NULL), 0);
        free(slash);
        return text;
}

static void the_document_has_one_section_for_every_verb_and_no_other(_unused_ void **state) {
        _cleanup_free_ char *text = read_document();
        _cleanup_free_ size_t *sections = calloc(root_n_methods, sizeof(*sections));
        char *rest = NULL;

        assert_non_null(sections);
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                const char *name = string_after_prefix(line, "### ");
                size_t i = 0;

                if (!name)
                        continue;
                while (i < root_n_methods && !string_equal(root_methods[i].name, name))
                        i++;
                if (i == root_n_methods)
                        fail_msg("doc/privileges.md tells of %s, which is no verb", name);
                sections[i]++;
        }
        for (size_t i = 0; i < root_n_methods; i++)
                if (sections[i] != 1)
                        fail_msg("doc/privileges.md has %zu sections of %s", sections[i],
                                 root_methods[i].name);
}

static void every_verb_has_a_handler_and_someone_who_may_call_it(_unused_ void **state) {
        for (size_t i = 0; i < root_n_methods; i++) {
                assert_non_null(root_methods[i].handler);
                assert_true(root_methods[i].policy & (ROOT_POLICY_OWNER | ROOT_POLICY_ROOT));
        }
}

static void every_verb_is_in_the_interface(_unused_ void **state) {
        for (size_t i = 0; i < root_n_methods; i++)
                assert_non_null(action_find_method(root_interfaces, root_methods[i].name, NULL));
        assert_int_equal(interface_root.n_actions, root_n_methods);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_document_has_one_section_for_every_verb_and_no_other),
                TEST(every_verb_has_a_handler_and_someone_who_may_call_it),
                TEST(every_verb_is_in_the_interface),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
