#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cli/parse.h"
#include "cli/suggest.h"
#include "common/strings.h"

typedef struct Parser {
        char *const *words;
        size_t n_words;
        size_t next;
        const Action *action;
        Invocation *into;
        uint64_t seen; /* bit i: fields[i] was set */
} Parser;

static int usage_error(const Action *action, Error *reterr, int r) {
        if (reterr)
                reterr->kind = ERROR_USAGE;
        return error_set_hint(reterr, r, "run: banger%s%s --help", action ? " " : "",
                              action ? action->words : "");
}

void invocation_clear(Invocation *invocation) {
        if (invocation->value)
                schema_clear(invocation->action->in, invocation->value);
        free(invocation->value);
        free(invocation->topic);
        *invocation = INVOCATION_INIT;
}

bool command_in_group(const Action *action, const char *group) {
        const char *rest = action->words ? string_after_prefix(action->words, group) : NULL;

        return rest && *rest == ' ';
}

/* ---- options ---- */

static const Field *find_long(const Schema *schema, const char *name, size_t length) {
        for (size_t i = 0; i < schema->n_fields; i++) {
                const char *option = schema->fields[i].option;

                if (option && strlen(option) == length && memcmp(option, name, length) == 0)
                        return &schema->fields[i];
        }
        return NULL;
}

static const Field *find_letter(const Schema *schema, char letter) {
        for (size_t i = 0; i < schema->n_fields; i++)
                if (schema->fields[i].letter != '\0' && schema->fields[i].letter == letter)
                        return &schema->fields[i];
        return NULL;
}

static const char *nearest_option(const Schema *schema, const char *name) {
        const char *nearest = NULL;
        size_t best = SIZE_MAX;

        for (size_t i = 0; i < schema->n_fields; i++) {
                const char *option = schema->fields[i].option;
                size_t distance = option ? suggest_distance(name, option) : SIZE_MAX;

                if (distance < best && distance <= suggest_distance_max(name)) {
                        best = distance;
                        nearest = option;
                }
        }
        return nearest;
}

static int unknown_option(const Parser *parser, const char *word, Error *reterr) {
        const char *nearest = string_after_prefix(word, "--") && parser->action
                                      ? nearest_option(parser->action->in, word + 2)
                                      : NULL;
        int r = error_set(reterr, ERROR_USAGE, EINVAL, "unknown option \"%s\"", word);

        if (nearest)
                return error_set_hint(reterr, r, "did you mean --%s?", nearest);
        return usage_error(parser->action, reterr, r);
}

/* As the user would have to write it, for messages. */
static char *field_label(const Field *field) {
        if (field->positional)
                return string_format("%s", field->metavar ? field->metavar : field->name);
        if (field->metavar)
                return string_format("--%s %s", field->option, field->metavar);
        return string_format("--%s", field->option);
}

static int set_field(Parser *parser, const Field *field, const char *word, Error *reterr) {
        const Schema *schema = parser->action->in;
        uint64_t bit = UINT64_C(1) << (size_t) (field - schema->fields);
        _cleanup_free_ char *label = field_label(field);
        int r;

        if (!label)
                return error_set_errno(reterr, ENOMEM, "cannot read the command line");
        if ((parser->seen & bit) != 0 && field->type != FIELD_STRINGS)
                return usage_error(parser->action, reterr,
                                   error_set(reterr, ERROR_USAGE, EINVAL, "%s is given twice",
                                             label));

        r = schema_set_word(schema, field, parser->into->value, word, reterr);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return usage_error(parser->action, reterr, -EINVAL);
        parser->seen |= bit;
        return 0;
}

/* The value after "=" or in the next word. */
static int take_value(Parser *parser, const Field *field, const char *attached, Error *reterr) {
        _cleanup_free_ char *label = NULL;

        if (field->type == FIELD_BOOL) {
                if (attached)
                        return usage_error(parser->action, reterr,
                                           error_set(reterr, ERROR_USAGE, EINVAL,
                                                     "--%s takes no value", field->option));
                return set_field(parser, field, NULL, reterr);
        }
        if (attached)
                return set_field(parser, field, attached, reterr);
        if (parser->next < parser->n_words)
                return set_field(parser, field, parser->words[parser->next++], reterr);

        label = field_label(field);
        return usage_error(parser->action, reterr,
                           error_set(reterr, ERROR_USAGE, EINVAL, "%s: the value is missing",
                                     label ? label : field->name));
}

static int parse_long(Parser *parser, const char *word, Error *reterr) {
        const char *name = word + 2, *equals = strchr(name, '=');
        size_t length = equals ? (size_t) (equals - name) : strlen(name);
        const Field *field = find_long(parser->action->in, name, length);

        if (field)
                return take_value(parser, field, equals ? equals + 1 : NULL, reterr);
        if (string_equal(word, "--help")) {
                parser->into->help = true;
                return 0;
        }
        if (string_equal(word, "--json")) {
                parser->into->json = true;
                return 0;
        }
        return unknown_option(parser, word, reterr);
}

static int parse_letters(Parser *parser, const char *word, Error *reterr) {
        for (const char *letter = word + 1; *letter; letter++) {
                const Field *field = find_letter(parser->action->in, *letter);
                int r;

                if (!field) {
                        if (*letter != 'h')
                                return unknown_option(parser, word, reterr);
                        parser->into->help = true;
                        continue;
                }
                if (field->type != FIELD_BOOL)
                        return take_value(parser, field, letter[1] ? letter + 1 : NULL, reterr);
                r = take_value(parser, field, NULL, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- positionals ---- */

/* The field that the next positional word belongs to: a list takes all that are left. */
static const Field *next_positional(const Parser *parser) {
        const Schema *schema = parser->action->in;

        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];

                if (!field->positional)
                        continue;
                if (field->type == FIELD_STRINGS || (parser->seen & UINT64_C(1) << i) == 0)
                        return field;
        }
        return NULL;
}

static int parse_positional(Parser *parser, const char *word, Error *reterr) {
        const Field *field = next_positional(parser);

        if (!field)
                return usage_error(parser->action, reterr,
                                   error_set(reterr, ERROR_USAGE, EINVAL,
                                             "\"%s\" takes no argument \"%s\"",
                                             parser->action->words, word));
        return set_field(parser, field, word, reterr);
}

static int check_required(const Parser *parser, Error *reterr) {
        const Schema *schema = parser->action->in;

        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];
                _cleanup_free_ char *label = NULL;

                if (!field->required || (parser->seen & UINT64_C(1) << i) != 0)
                        continue;
                if (!field->option && !field->positional)
                        continue;
                label = field_label(field);
                return usage_error(parser->action, reterr,
                                   error_set(reterr, ERROR_USAGE, EINVAL, "%s is missing",
                                             label ? label : field->name));
        }
        return 0;
}

static int parse_arguments(Parser *parser, Error *reterr) {
        bool literal = false;
        int r = 0;

        assert(parser->action->in->n_fields <= 64);

        while (parser->next < parser->n_words && r >= 0) {
                const char *word = parser->words[parser->next++];

                if (literal || word[0] != '-' || word[1] == '\0')
                        r = parse_positional(parser, word, reterr);
                else if (string_equal(word, "--"))
                        literal = true;
                else if (word[1] == '-')
                        r = parse_long(parser, word, reterr);
                else
                        r = parse_letters(parser, word, reterr);
        }
        if (r < 0 || parser->into->help)
                return r;
        return check_required(parser, reterr);
}

/* ---- the command's words ---- */

static bool group_exists(const char *group) {
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++)
                        if (command_in_group(&action_interfaces[i]->actions[j], group))
                                return true;
        return false;
}

/* No action has these words: they begin some, or are wrong. */
static int parse_group(Parser *parser, Error *reterr) {
        char *const *words = parser->words + parser->next;
        size_t n_words = parser->n_words - parser->next;
        const char *nearest;
        int r;

        if (group_exists(words[0])) {
                bool asks_help = n_words == 1 && parser->into->help;

                for (size_t i = 1; i < n_words && words[i][0] == '-'; i++)
                        asks_help |= string_equal(words[i], "--help") ||
                                     string_equal(words[i], "-h");
                if (asks_help) {
                        parser->into->help = true;
                        parser->into->topic = strdup(words[0]);
                        return parser->into->topic ? 0 : error_set_errno(reterr, ENOMEM, "help");
                }
        }

        nearest = suggest_command(words, n_words);
        if (n_words > 1 && words[1][0] != '-')
                r = error_set(reterr, ERROR_USAGE, EINVAL, "unknown command \"%s %s\"", words[0],
                              words[1]);
        else if (group_exists(words[0]))
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_USAGE, EINVAL,
                                                "\"%s\" is a group of commands", words[0]),
                                      "run: banger help %s", words[0]);
        else
                r = error_set(reterr, ERROR_USAGE, EINVAL, "unknown command \"%s\"", words[0]);

        if (nearest)
                return error_set_hint(reterr, r, "did you mean \"%s\"?", nearest);
        return error_set_hint(reterr, r, "run: banger help");
}

/* Options before the command. Sets *ret_version for --version. */
static int parse_leading(Parser *parser, bool *ret_version, Error *reterr) {
        for (; parser->next < parser->n_words; parser->next++) {
                const char *word = parser->words[parser->next];

                if (word[0] != '-')
                        break;
                if (string_equal(word, "--json"))
                        parser->into->json = true;
                else if (string_equal(word, "--help") || string_equal(word, "-h"))
                        parser->into->help = true;
                else if (string_equal(word, "--version"))
                        *ret_version = true;
                else
                        return unknown_option(parser, word, reterr);
        }
        if (parser->next < parser->n_words && string_equal(parser->words[parser->next], "help")) {
                parser->into->help = true;
                parser->next++;
        }
        return 0;
}

static int parse_words(Parser *parser, Error *reterr) {
        static char version[] = "version";
        char *const version_words[] = {version};
        bool asks_version = false;
        size_t taken = 0;
        int r;

        r = parse_leading(parser, &asks_version, reterr);
        if (r < 0)
                return r;
        if (asks_version)
                parser->action = action_find_words(version_words, 1, &taken);
        else if (parser->next == parser->n_words)
                return parser->into->help
                               ? 0
                               : usage_error(NULL, reterr,
                                             error_set(reterr, ERROR_USAGE, EINVAL,
                                                       "no command is given"));
        else {
                parser->action = action_find_words(parser->words + parser->next,
                                                   parser->n_words - parser->next, &taken);
                if (!parser->action)
                        return parse_group(parser, reterr);
                parser->next += taken;
        }
        if (!parser->action)
                return usage_error(NULL, reterr,
                                   error_set(reterr, ERROR_USAGE, EINVAL, "unknown option"));

        parser->into->action = parser->action;
        if (parser->into->help)
                return 0;
        parser->into->value = calloc(1, parser->action->in->size ? parser->action->in->size : 1);
        if (!parser->into->value)
                return error_set_errno(reterr, ENOMEM, "cannot read the command line");
        schema_init(parser->action->in, parser->into->value);
        return parse_arguments(parser, reterr);
}

/* An error that stops the reading must still be printed as asked further on. */
static bool asks_json(char *const *words, size_t n_words) {
        for (size_t i = 0; i < n_words && !string_equal(words[i], "--"); i++)
                if (string_equal(words[i], "--json"))
                        return true;
        return false;
}

int parse_command_line(char *const *words, size_t n_words, Invocation *ret, Error *reterr) {
        Invocation invocation = INVOCATION_INIT;
        Parser parser = {.words = words, .n_words = n_words, .into = &invocation};
        int r = parse_words(&parser, reterr);

        if (r < 0) {
                invocation_clear(&invocation);
                ret->json = asks_json(words, n_words);
                return r;
        }
        *ret = invocation;
        return 0;
}
