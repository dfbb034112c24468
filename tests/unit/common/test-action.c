#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/action.h"
#include "common/api-root.h"
#include "common/api-system.h"
#include "common/strings.h"

static void a_method_is_found_by_its_full_name(void **state _unused_) {
        const Interface *interface = NULL;
        const Action *action;

        action = action_find_method(action_interfaces, "io.banger.System.GetStatus", &interface);
        assert_non_null(action);
        assert_ptr_equal(action->out, &system_status_schema);
        assert_ptr_equal(interface, &interface_system);
}

static void a_method_is_searched_in_the_given_interfaces_only(void **state _unused_) {
        static const Interface *const root[] = {&interface_root, NULL};

        assert_non_null(action_find_method(root, "io.banger.Root.Ping", NULL));
        assert_null(action_find_method(root, "io.banger.System.GetStatus", NULL));
        assert_null(action_find_method(action_interfaces, "io.banger.Root.Ping", NULL));
}

static void what_is_no_method_is_not_found(void **state _unused_) {
        static const char *const wrong[] = {"",
                                            ".",
                                            "GetStatus",
                                            ".GetStatus",
                                            "io.banger.System",
                                            "io.banger.System.",
                                            "io.banger.System.Get",
                                            "io.banger.System.getStatus",
                                            "io.banger.Syste.GetStatus",
                                            "io.banger.System.GetStatus.x"};
        const Interface *interface = &interface_root;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_null(action_find_method(action_interfaces, wrong[i], &interface));
        assert_ptr_equal(interface, &interface_root);
}

static const Action *find(const char *text, size_t *ret_n_words) {
        _cleanup_free_ char *copy = strdup(text);
        _cleanup_strv_ char **words = NULL;
        char *rest = copy;

        for (char *word; (word = strsep(&rest, " "));)
                assert_int_equal(strv_append(&words, word), 0);
        return action_find_words(words, strv_length(words), ret_n_words);
}

static void words_find_an_action_and_leave_the_rest(void **state _unused_) {
        size_t n = 0;

        assert_ptr_equal(find("status", &n)->in, &status_show_schema);
        assert_int_equal(n, 1);
        assert_string_equal(find("system status", &n)->words, "system status");
        assert_int_equal(n, 2);
        assert_string_equal(find("api io.x.Y {}", &n)->words, "api");
        assert_int_equal(n, 1);
        assert_string_equal(find("system install --owner me", &n)->words, "system install");
        assert_int_equal(n, 2);
}

static void words_that_name_no_action_are_not_found(void **state _unused_) {
        static const char *const wrong[] = {"", "stat", "statusx", "system", "system statu",
                                            "systemstatus", "install", "x status"};
        size_t n = 77;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_null(find(wrong[i], &n));
        assert_null(action_find_words(NULL, 0, &n));
        assert_int_equal(n, 77);
}

static void only_an_empty_struct_has_no_fields(void **state _unused_) {
        assert_int_equal(schema_empty.n_fields, 0);
        assert_int_equal(schema_empty.size, 0);
}

static void no_two_actions_have_the_same_words(void **state _unused_) {
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++) {
                        const Action *action = &action_interfaces[i]->actions[j];

                        if (action->words)
                                assert_ptr_equal(find(action->words, NULL), action);
                }
}

static void check_options(const Schema *schema) {
        for (size_t i = 0; i < schema->n_fields; i++)
                for (size_t j = 0; j < i; j++) {
                        const Field *a = &schema->fields[i], *b = &schema->fields[j];

                        assert_false(a->option && string_equal(a->option, b->option));
                        assert_false(a->letter && a->letter == b->letter);
                        /* A positional list takes the rest: none can follow it. */
                        assert_false(a->positional && b->positional && b->type == FIELD_STRINGS);
                        /* An optional positional leaves no place for a required one. */
                        assert_false(a->positional && b->positional && a->required && !b->required);
                }
}

static void every_required_field_of_a_command_can_be_given(void **state _unused_) {
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++) {
                        const Action *action = &action_interfaces[i]->actions[j];

                        if (!action->words)
                                continue;
                        check_options(action->in);
                        for (size_t k = 0; k < action->in->n_fields; k++) {
                                const Field *field = &action->in->fields[k];

                                assert_true(!field->required || field->option || field->positional);
                        }
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_method_is_found_by_its_full_name),
                cmocka_unit_test(a_method_is_searched_in_the_given_interfaces_only),
                cmocka_unit_test(what_is_no_method_is_not_found),
                cmocka_unit_test(words_find_an_action_and_leave_the_rest),
                cmocka_unit_test(words_that_name_no_action_are_not_found),
                cmocka_unit_test(only_an_empty_struct_has_no_fields),
                cmocka_unit_test(no_two_actions_have_the_same_words),
                cmocka_unit_test(every_required_field_of_a_command_can_be_given),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
