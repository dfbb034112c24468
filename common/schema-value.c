#include "common/schema-value.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/strings.h"
#include "common/utf8.h"

static bool utf8_valid(const char *text, size_t size) {
        for (size_t i = 0; i < size;) {
                size_t length = utf8_sequence(text + i, size - i, NULL);

                if (length == 0)
                        return false;
                i += length;
        }
        return true;
}

static bool has_bounds(const Field *field) {
        return field->min != 0 || field->max != 0;
}

static const char *unit_text(FieldUnit unit) {
        switch (unit) {
        case UNIT_MIB:
                return " MiB";
        case UNIT_SECONDS:
                return " seconds";
        case UNIT_NONE:
        default:
                return "";
        }
}

int schema_value_check_int(const Field *field, int64_t value, Error *reterr) {
        if (!has_bounds(field) || (value >= field->min && value <= field->max))
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, ERANGE,
                         "must be %" PRId64 " to %" PRId64 "%s", field->min, field->max,
                         unit_text(field->unit));
}

static int check_size(size_t size, int64_t min, int64_t max, const char *what, Error *reterr) {
        if ((int64_t) size > max)
                return error_set(reterr, ERROR_INVALID_PARAMETER, ERANGE,
                                 "must have at most %" PRId64 " %s", max, what);
        if ((int64_t) size < min && size == 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, ERANGE, "must not be empty");
        if ((int64_t) size < min)
                return error_set(reterr, ERROR_INVALID_PARAMETER, ERANGE,
                                 "must have at least %" PRId64 " %s", min, what);
        return 0;
}

int schema_value_check_count(const Field *field, size_t n_items, Error *reterr) {
        return check_size(n_items, field->min, has_bounds(field) ? field->max : SCHEMA_ITEMS_MAX,
                          "items", reterr);
}

int schema_value_check_string(const Field *field, const char *text, size_t length, Error *reterr) {
        bool own = field->type != FIELD_STRING || !has_bounds(field);
        int r;

        r = check_size(length, own ? 0 : field->min, own ? SCHEMA_STRING_MAX : field->max, "bytes",
                       reterr);
        if (r < 0)
                return r;
        if (strnlen(text, length) != length)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must not have a NUL");
        if (!utf8_valid(text, length))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "is not valid UTF-8");
        if (!field->check)
                return 0;
        r = field->check(text, reterr);
        if (r < 0 && reterr && r != -ENOMEM)
                reterr->kind = ERROR_INVALID_PARAMETER;
        return r < 0 ? r : 0;
}

bool schema_value_enum_valid(const Field *field, int value) {
        for (int i = 0; value >= 0 && field->values[i]; i++)
                if (i == value)
                        return true;
        return false;
}

static char *enum_names(const Field *field) {
        _cleanup_free_ char *text = strdup(field->values[0] ? field->values[0] : "");

        for (size_t i = 1; text && field->values[i - 1] && field->values[i]; i++) {
                char *longer = string_format("%s, %s", text, field->values[i]);

                free(text);
                text = longer;
        }
        return steal_ptr(text);
}

int schema_value_find_enum(const Field *field, const char *name, int *ret, Error *reterr) {
        _cleanup_free_ char *names = NULL;

        for (int i = 0; field->values[i]; i++)
                if (strcmp(field->values[i], name) == 0) {
                        *ret = i;
                        return 0;
                }
        names = enum_names(field);
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be one of: %s",
                         names ? names : "");
}
