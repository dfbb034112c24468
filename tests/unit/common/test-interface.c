#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/action.h"
#include "common/api-root.h"
#include "common/strings.h"

typedef struct Leaf {
        char *name;
} Leaf;

typedef struct Branch {
        Leaf *leaf;
        Objects leaves;
        int mood;
} Branch;

typedef struct Request {
        bool now;
        int64_t count;
        char *name;
        char **words;
        struct json_object *rest;
} Request;

typedef struct Reply {
        Objects branches;
        Leaf *leaf;
} Reply;

static const char *const moods[] = {"calm", "wild", NULL};

static const Field leaf_fields[] = {
        {.name = "name", .type = FIELD_STRING, .offset = offsetof(Leaf, name), .required = true},
};

static const Schema leaf_schema = {"Leaf", sizeof(Leaf), leaf_fields,
                                   ELEMENTSOF(leaf_fields), false};

static const Field branch_fields[] = {
        {.name = "leaf", .type = FIELD_OBJECT, .offset = offsetof(Branch, leaf),
         .nested = &leaf_schema},
        {.name = "leaves", .type = FIELD_OBJECTS, .offset = offsetof(Branch, leaves),
         .nested = &leaf_schema},
        {.name = "mood", .type = FIELD_ENUM, .offset = offsetof(Branch, mood), .required = true,
         .values = moods},
};

static const Schema branch_schema = {"Branch", sizeof(Branch), branch_fields,
                                     ELEMENTSOF(branch_fields), false};

static const Field request_fields[] = {
        {.name = "now", .type = FIELD_BOOL, .offset = offsetof(Request, now),
         .summary = "Do not wait"},
        {.name = "count", .type = FIELD_INT, .offset = offsetof(Request, count), .required = true,
         .summary = "How many"},
        {.name = "name", .type = FIELD_STRING, .offset = offsetof(Request, name)},
        {.name = "words", .type = FIELD_STRINGS, .offset = offsetof(Request, words)},
        {.name = "rest", .type = FIELD_ANY, .offset = offsetof(Request, rest), .required = true},
};

static const Schema request_schema = {"Request", sizeof(Request), request_fields,
                                      ELEMENTSOF(request_fields), false};

static const Field reply_fields[] = {
        {.name = "branches", .type = FIELD_OBJECTS, .offset = offsetof(Reply, branches),
         .required = true, .nested = &branch_schema},
        {.name = "leaf", .type = FIELD_OBJECT, .offset = offsetof(Reply, leaf),
         .nested = &leaf_schema},
};

static const Schema reply_schema = {"Reply", sizeof(Reply), reply_fields,
                                    ELEMENTSOF(reply_fields), false};

static const Action actions[] = {
        {.method = "Grow", .words = "tree grow", .summary = "Grow a tree", .in = &request_schema,
         .out = &reply_schema},
        {.words = "tree climb", .summary = "Climb", .in = &branch_schema, .out = &schema_empty,
         .flags = ACTION_LOCAL},
        {.method = "Fell", .summary = "Fell it", .in = &schema_empty, .out = &schema_empty},
};

static const Interface tree = {"io.example.Tree", "Trees", actions, ELEMENTSOF(actions)};

/* The service's own interface has other errors than ours. */
static const Interface service = {"org.varlink.service", "The service", &actions[2], 1};

#define PARAMETERS                                                                                 \
        "(message: string, object: ?string, hint: ?string, field: ?string, operation: ?string)\n"

static const char tree_text[] =
        "# Trees\n"
        "interface io.example.Tree\n"
        "\n"
        "type Leaf (\n"
        "  name: string\n"
        ")\n"
        "\n"
        "type Branch (\n"
        "  leaf: ?Leaf,\n"
        "  leaves: ?[]Leaf,\n"
        "  mood: (calm, wild)\n"
        ")\n"
        "\n"
        "# Grow a tree\n"
        "method Grow(\n"
        "  # Do not wait\n"
        "  now: ?bool,\n"
        "  # How many\n"
        "  count: int,\n"
        "  name: ?string,\n"
        "  words: ?[]string,\n"
        "  rest: object\n"
        ") -> (\n"
        "  branches: []Branch,\n"
        "  leaf: ?Leaf\n"
        ")\n"
        "\n"
        "# Fell it\n"
        "method Fell() -> ()\n"
        "\n"
        "# It did not work; the message says why\n"
        "error Failed " PARAMETERS
        "\n"
        "# There is no such object\n"
        "error NotFound " PARAMETERS
        "\n"
        "# banger is not installed on this host\n"
        "error NotInstalled " PARAMETERS
        "\n"
        "# An object of that name exists\n"
        "error AlreadyExists " PARAMETERS
        "\n"
        "# The object is in use or in a state that does not allow it\n"
        "error Busy " PARAMETERS
        "\n"
        "# Something that the request needs is not there\n"
        "error Unavailable " PARAMETERS
        "\n"
        "# The caller may not do that\n"
        "error NotPermitted " PARAMETERS
        "\n"
        "# Not enough room is left\n"
        "error NoSpace " PARAMETERS
        "\n"
        "# It works, but not as it should\n"
        "error Degraded " PARAMETERS
        "\n"
        "# Somebody cancelled the operation\n"
        "error Canceled " PARAMETERS
        "\n"
        "# A daemon or a guest does not answer\n"
        "error Unreachable " PARAMETERS
        "\n"
        "# A peer does not speak as agreed\n"
        "error Protocol " PARAMETERS
        "\n"
        "# It took too long\n"
        "error TimedOut " PARAMETERS;

static const char service_text[] =
        "# The service\n"
        "interface org.varlink.service\n"
        "\n"
        "# Fell it\n"
        "method Fell() -> ()\n"
        "\n"
        "# No such interface\n"
        "error InterfaceNotFound (interface: string)\n"
        "\n"
        "# The interface has no such method\n"
        "error MethodNotFound (method: string)\n"
        "\n"
        "# The method exists, but not here\n"
        "error MethodNotImplemented (method: string)\n"
        "\n"
        "# A parameter is wrong\n"
        "error InvalidParameter (parameter: string)\n"
        "\n"
        "# The caller may not do that\n"
        "error PermissionDenied ()\n"
        "\n"
        "# The method must be called with `more`\n"
        "error ExpectedMore ()\n";

static void assert_described(const Interface *interface, const char *expected) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(interface_describe(interface, &text), 0);
        assert_string_equal(text, expected);
}

static void a_description_has_types_before_methods_before_errors(void **state _unused_) {
        assert_described(&tree, tree_text);
}

static void the_service_interface_has_the_specified_errors(void **state _unused_) {
        assert_described(&service, service_text);
}

static const Schema node_schema;

static const Field node_fields[] = {
        {.name = "children", .type = FIELD_OBJECTS, .required = true, .nested = &node_schema},
};

static const Schema node_schema = {"Node", sizeof(Objects), node_fields,
                                   ELEMENTSOF(node_fields), false};

static void a_type_that_contains_itself_is_described_once(void **state _unused_) {
        static const Action action = {.method = "Walk", .in = &schema_empty, .out = &node_schema};
        static const Interface interface = {"io.example.Node", NULL, &action, 1};
        _cleanup_free_ char *text = NULL;
        const char *type;

        assert_int_equal(interface_describe(&interface, &text), 0);
        type = strstr(text, "\ntype Node (\n  children: []Node\n)\n");
        assert_non_null(type);
        assert_null(strstr(type + 1, "\ntype Node"));
}

/* Types and methods: [A-Z][A-Za-z0-9]*. */
static bool member_name_valid(const char *name) {
        if (!isupper((unsigned char) name[0]))
                return false;
        for (; *name; name++)
                if (!isalnum((unsigned char) *name))
                        return false;
        return true;
}

/* Fields and enum values: [A-Za-z]([_]?[A-Za-z0-9])*. */
static bool field_name_valid(const char *name) {
        if (!isalpha((unsigned char) name[0]))
                return false;
        for (size_t i = 1; name[i]; i++)
                if (!isalnum((unsigned char) name[i]) &&
                    (name[i] != '_' || !isalnum((unsigned char) name[i + 1])))
                        return false;
        return true;
}

static void check_values(const Field *field) {
        /* One name alone in parentheses cannot be told from a struct's first member by all. */
        assert_non_null(field->values[0]);
        assert_non_null(field->values[1]);
        for (size_t i = 0; field->values[i]; i++)
                assert_true(field_name_valid(field->values[i]));
}

static size_t type_size(FieldType type) {
        static const size_t sizes[] = {
                [FIELD_BOOL] = sizeof(bool),        [FIELD_INT] = sizeof(int64_t),
                [FIELD_STRING] = sizeof(char *),    [FIELD_STRINGS] = sizeof(char **),
                [FIELD_ENUM] = sizeof(int),         [FIELD_OBJECT] = sizeof(void *),
                [FIELD_OBJECTS] = sizeof(Objects),  [FIELD_ANY] = sizeof(void *),
        };

        return sizes[type];
}

static void check_schema(const Schema *schema, bool needs_name) {
        if (needs_name)
                assert_true(member_name_valid(schema->name));
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];

                assert_true(field_name_valid(field->name));
                assert_ptr_equal(schema_find(schema, field->name), field);
                assert_true(field->min <= field->max);
                assert_true(field->offset + type_size(field->type) <= schema->size);
                assert_int_equal(field->type == FIELD_ENUM, field->values != NULL);
                assert_int_equal(field->type == FIELD_OBJECT || field->type == FIELD_OBJECTS,
                                 field->nested != NULL);
                assert_false(field->summary && strchr(field->summary, '\n'));
                if (field->positional)
                        assert_non_null(field->metavar);
                if (field->values)
                        check_values(field);
                if (field->nested && field->nested != schema)
                        check_schema(field->nested, true);
        }
}

static void check_interface(const Interface *interface) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(interface_describe(interface, &text), 0);
        for (size_t i = 0; i < interface->n_actions; i++) {
                const Action *action = &interface->actions[i];

                assert_non_null(action->summary);
                assert_int_equal(!action->method, (action->flags & ACTION_LOCAL) != 0);
                assert_true(action->method || action->words);
                check_schema(action->in, false);
                check_schema(action->out, false);
                if (!action->method)
                        continue;
                assert_true(member_name_valid(action->method));
        }
}

/* Types, methods and errors share one name space. */
static void check_names_unique(const Interface *interface) {
        static const char *const keywords[] = {"\ntype ", "\nmethod ", "\nerror "};
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(interface_describe(interface, &text), 0);
        for (size_t i = 0; i < ELEMENTSOF(keywords); i++)
                for (const char *at = text; (at = strstr(at, keywords[i]));) {
                        _cleanup_free_ char *name = NULL;

                        at += strlen(keywords[i]);
                        name = strndup(at, strcspn(at, " ("));
                        for (size_t j = 0; j < strv_length(names); j++)
                                assert_string_not_equal(names[j], name);
                        assert_int_equal(strv_append(&names, name), 0);
                }
}

static void the_tables_keep_to_varlinks_grammar(void **state _unused_) {
        for (size_t i = 0; action_interfaces[i]; i++) {
                check_interface(action_interfaces[i]);
                check_names_unique(action_interfaces[i]);
        }
        check_interface(&interface_root);
        check_names_unique(&interface_root);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_description_has_types_before_methods_before_errors),
                cmocka_unit_test(the_service_interface_has_the_specified_errors),
                cmocka_unit_test(a_type_that_contains_itself_is_described_once),
                cmocka_unit_test(the_tables_keep_to_varlinks_grammar),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
