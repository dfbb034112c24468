#include <errno.h>
#include <string.h>

#include "common/schema-value.h"
#include "common/strings.h"

typedef struct Suffix {
        FieldUnit unit;
        char letter;
        int64_t factor;
} Suffix;

static const Suffix suffixes[] = {
        {UNIT_MIB, 'M', 1},
        {UNIT_MIB, 'G', 1024},
        {UNIT_MIB, 'T', INT64_C(1024) * 1024},
        {UNIT_SECONDS, 's', 1},
        {UNIT_SECONDS, 'm', 60},
        {UNIT_SECONDS, 'h', 3600},
};

typedef struct BoolWord {
        const char *word;
        bool value;
} BoolWord;

static const BoolWord bool_words[] = {
        {"true", true},
        {"yes", true},
        {"false", false},
        {"no", false},
};

static const Suffix *find_suffix(FieldUnit unit, char letter) {
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (suffixes[i].unit == unit && suffixes[i].letter == letter)
                        return &suffixes[i];
        return NULL;
}

static int set_bool(const char *word, bool *ret, Error *reterr) {
        if (!word) {
                *ret = true;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(bool_words); i++)
                if (strcmp(bool_words[i].word, word) == 0) {
                        *ret = bool_words[i].value;
                        return 0;
                }
        return error_set(reterr, ERROR_USAGE, EINVAL, "must be yes or no");
}

static int not_a_number(const Field *field, Error *reterr) {
        static const char *const reasons[] = {
                [UNIT_NONE] = "is not a whole number",
                [UNIT_MIB] = "is not a size such as 512, 512M or 2G (plain numbers are MiB)",
                [UNIT_SECONDS] = "is not a time such as 30, 30s or 5m (plain numbers are seconds)",
        };

        return error_set(reterr, ERROR_USAGE, EINVAL, "%s", reasons[field->unit]);
}

static int set_int(const Field *field, const char *word, int64_t *ret, Error *reterr) {
        _cleanup_free_ char *digits = NULL;
        const Suffix *suffix = NULL;
        bool negative = *word == '-';
        uint64_t magnitude;
        int64_t value;
        int r;

        digits = strdup(word + (negative ? 1 : 0));
        if (!digits)
                return -ENOMEM;
        if (*digits)
                suffix = find_suffix(field->unit, digits[strlen(digits) - 1]);
        if (suffix)
                digits[strlen(digits) - 1] = '\0';
        r = string_parse_u64(digits, INT64_MAX, &magnitude);
        if (r == -EINVAL)
                return not_a_number(field, reterr);
        value = r < 0 ? 0 : (int64_t) magnitude;
        if (r < 0 || __builtin_mul_overflow(value, suffix ? suffix->factor : 1, &value))
                return error_set(reterr, ERROR_USAGE, ERANGE, "is too large a number");
        value = negative ? -value : value;
        r = schema_value_check_int(field, value, reterr);
        if (r < 0)
                return r;
        *ret = value;
        return 0;
}

static int set_string(const Field *field, const char *word, char **string, Error *reterr) {
        char *copy;
        int r;

        r = schema_value_check_string(field, word, strlen(word), reterr);
        if (r < 0)
                return r;
        copy = strdup(word);
        if (!copy)
                return -ENOMEM;
        free(*string);
        *string = copy;
        return 0;
}

static int append_string(const Field *field, const char *word, char ***strings, Error *reterr) {
        size_t n = strv_length(*strings) + 1;
        int r;

        r = schema_value_check_string(field, word, strlen(word), reterr);
        /* Only the upper bound: the lower one is not reached word by word. */
        if (r >= 0 && (int64_t) n >= field->min)
                r = schema_value_check_count(field, n, reterr);
        return r < 0 ? r : strv_append(strings, word);
}

static int set_field(const Field *field, void *at, const char *word, Error *reterr) {
        if (field->type == FIELD_BOOL)
                return set_bool(word, at, reterr);
        if (!word)
                return error_set(reterr, ERROR_USAGE, EINVAL, "needs a value");
        switch (field->type) {
        case FIELD_INT:
                return set_int(field, word, at, reterr);
        case FIELD_STRING:
                return set_string(field, word, at, reterr);
        case FIELD_STRINGS:
                return append_string(field, word, at, reterr);
        case FIELD_ENUM:
                return schema_value_find_enum(field, word, at, reterr);
        case FIELD_BOOL:
        case FIELD_OBJECT:
        case FIELD_OBJECTS:
        case FIELD_ANY:
        default:
                return error_set(reterr, ERROR_USAGE, EINVAL, "cannot be given as a word");
        }
}

/* Says on the command line's terms which field it was. */
static int blame(const Field *field, int r, Error *reterr) {
        if (!reterr || r >= 0)
                return r;
        (void) error_prepend(reterr, r, "%s%s", field->option ? "--" : "",
                             field->option        ? field->option :
                             field->metavar       ? field->metavar :
                                                    field->name);
        if (r != -ENOMEM)
                reterr->kind = ERROR_USAGE;
        return error_set_field(reterr, r, field->name);
}

int schema_set_word(const Schema *schema _unused_, const Field *field, void *value,
                    const char *word, Error *reterr) {
        if (reterr)
                error_clear(reterr);
        return blame(field, set_field(field, schema_value_at(field, value), word, reterr), reterr);
}

static bool is_missing(const Field *field, const void *at) {
        switch (field->type) {
        case FIELD_STRING:
        case FIELD_STRINGS:
        case FIELD_OBJECT:
        case FIELD_ANY:
                return !schema_value_pointer(at);
        case FIELD_INT:
                return schema_value_check_int(field, *(const int64_t *) at, NULL) < 0;
        case FIELD_ENUM:
                return !schema_value_enum_valid(field, *(const int *) at);
        case FIELD_BOOL:
        case FIELD_OBJECTS:
        default:
                return false;
        }
}

int schema_check_required(const Schema *schema, const void *value, Error *reterr) {
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];

                if (field->required && is_missing(field, schema_value_at_const(field, value)))
                        return blame(field, error_set(reterr, ERROR_USAGE, EINVAL, "is missing"),
                                     reterr);
        }
        return 0;
}
