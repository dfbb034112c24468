#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "common/schema-value.h"
#include "common/strings.h"

#define MEMBER_NAME_SHOWN_MAX 64

/* On failure these leave the path of the wrong member in reterr->field, below `value`, and only the
 * reason in the message; schema_decode() puts them together. */
static int decode_members(const Schema *schema, struct json_object *object, void *value,
                          Error *reterr);

/* Puts an outer step before the path of a failure within it: "components[2]" and "name". */
static int step_out(int r, const char *step, Error *reterr) {
        _cleanup_free_ char *path = NULL;

        if (!reterr || r >= 0)
                return r;
        if (!reterr->field)
                return error_set_field(reterr, r, step);
        path = string_format("%s%s%s", step, *reterr->field == '[' ? "" : ".", reterr->field);
        return path ? error_set_field(reterr, r, path) : r;
}

static int step_out_item(int r, size_t i, Error *reterr) {
        char step[32];

        (void) snprintf(step, sizeof(step), "[%zu]", i);
        return step_out(r, step, reterr);
}

static int wrong_type(const char *expected, Error *reterr) {
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be %s", expected);
}

static int decode_bool(struct json_object *member, bool *ret, Error *reterr) {
        if (!json_object_is_type(member, json_type_boolean))
                return wrong_type("true or false", reterr);
        *ret = json_object_get_boolean(member);
        return 0;
}

static int decode_int(const Field *field, struct json_object *member, int64_t *ret, Error *reterr) {
        int64_t value;
        int r;

        if (!json_object_is_type(member, json_type_int))
                return wrong_type("a whole number", reterr);
        /* json-c keeps numbers up to UINT64_MAX and clamps them in json_object_get_int64(). */
        if (json_object_get_uint64(member) > INT64_MAX)
                return error_set(reterr, ERROR_INVALID_PARAMETER, ERANGE, "is too large a number");
        value = json_object_get_int64(member);
        r = schema_value_check_int(field, value, reterr);
        if (r < 0)
                return r;
        *ret = value;
        return 0;
}

static int decode_string(const Field *field, struct json_object *member, char **ret,
                         Error *reterr) {
        const char *text;
        size_t length;
        int r;

        if (!json_object_is_type(member, json_type_string))
                return wrong_type("a string", reterr);
        text = json_object_get_string(member);
        length = (size_t) json_object_get_string_len(member);
        r = schema_value_check_string(field, text, length, reterr);
        if (r < 0)
                return r;
        *ret = strndup(text, length);
        return *ret ? 0 : -ENOMEM;
}

static int decode_strings(const Field *field, struct json_object *member, char ***ret,
                          Error *reterr) {
        _cleanup_strv_ char **strings = NULL;
        size_t n;
        int r;

        if (!json_object_is_type(member, json_type_array))
                return wrong_type("an array of strings", reterr);
        n = json_object_array_length(member);
        r = schema_value_check_count(field, n, reterr);
        if (r < 0)
                return r;
        strings = calloc(n + 1, sizeof(char *));
        if (!strings)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = decode_string(field, json_object_array_get_idx(member, i), &strings[i], reterr);
                if (r < 0)
                        return step_out_item(r, i, reterr);
        }
        *ret = steal_ptr(strings);
        return 0;
}

static int decode_enum(const Field *field, struct json_object *member, int *ret, Error *reterr) {
        const char *text;

        if (!json_object_is_type(member, json_type_string))
                return wrong_type("a string", reterr);
        text = json_object_get_string(member);
        /* With a NUL inside, a known name could be only the beginning of it. */
        if (strlen(text) != (size_t) json_object_get_string_len(member))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must not have a NUL");
        return schema_value_find_enum(field, text, ret, reterr);
}

static int decode_object(const Field *field, struct json_object *member, void *at,
                         Error *reterr) {
        _cleanup_free_ void *object = NULL;
        int r;

        object = malloc(field->nested->size);
        if (!object)
                return -ENOMEM;
        r = decode_members(field->nested, member, object, reterr);
        if (r < 0)
                return r;
        memcpy(at, &object, sizeof(object));
        object = NULL;
        return 0;
}

static int decode_objects(const Field *field, struct json_object *member, Objects *ret,
                          Error *reterr) {
        size_t n, size = field->nested->size;
        int r;

        if (!json_object_is_type(member, json_type_array))
                return wrong_type("an array of objects", reterr);
        n = json_object_array_length(member);
        r = schema_value_check_count(field, n, reterr);
        if (r < 0 || n == 0)
                return r;
        ret->items = calloc(n, size);
        if (!ret->items)
                return -ENOMEM;
        /* From here on the struct owns them; an item that is still zero clears as well. */
        ret->n_items = n;
        for (size_t i = 0; i < n; i++) {
                r = decode_members(field->nested, json_object_array_get_idx(member, i),
                                   (char *) ret->items + i * size, reterr);
                if (r < 0)
                        return step_out_item(r, i, reterr);
        }
        return 0;
}

/* A copy: the struct may be freed by another thread than the request, and json-c's reference counts
 * are not made for that everywhere. */
static int decode_any(struct json_object *member, struct json_object **ret, Error *reterr) {
        if (!json_object_is_type(member, json_type_object))
                return wrong_type("an object", reterr);
        return json_object_deep_copy(member, ret, NULL) < 0 ? -ENOMEM : 0;
}

static int decode_field(const Field *field, struct json_object *member, void *at, Error *reterr) {
        switch (field->type) {
        case FIELD_BOOL:
                return decode_bool(member, at, reterr);
        case FIELD_INT:
                return decode_int(field, member, at, reterr);
        case FIELD_STRING:
                return decode_string(field, member, at, reterr);
        case FIELD_STRINGS:
                return decode_strings(field, member, at, reterr);
        case FIELD_ENUM:
                return decode_enum(field, member, at, reterr);
        case FIELD_OBJECT:
                return decode_object(field, member, at, reterr);
        case FIELD_OBJECTS:
                return decode_objects(field, member, at, reterr);
        case FIELD_ANY:
                return decode_any(member, at, reterr);
        default:
                return -EINVAL;
        }
}

/* A foreign name goes into replies and the journal only when it is short and plain. */
static bool member_name_plain(const char *name) {
        static const char plain[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        size_t length = strspn(name, plain);

        return length > 0 && length <= MEMBER_NAME_SHOWN_MAX && name[length] == '\0';
}

static int refuse_unknown(const Schema *schema, struct json_object *object, Error *reterr) {
        struct json_object_iterator i = json_object_iter_begin(object),
                                    end = json_object_iter_end(object);

        for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
                const char *name = json_object_iter_peek_name(&i);
                int r;

                if (schema_find(schema, name))
                        continue;
                r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "is not known");
                return error_set_field(reterr, r,
                                       member_name_plain(name) ? name : "(unprintable)");
        }
        return 0;
}

static int decode_members(const Schema *schema, struct json_object *object, void *value,
                          Error *reterr) {
        int r;

        schema_init(schema, value);
        if (!json_object_is_type(object, json_type_object)) {
                r = wrong_type("an object", reterr);
                goto fail;
        }
        r = schema->open ? 0 : refuse_unknown(schema, object, reterr);
        if (r < 0)
                goto fail;
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];
                struct json_object *member = NULL;

                /* A null member reads as NULL too: Varlink's way to leave out a ?type. */
                (void) json_object_object_get_ex(object, field->name, &member);
                if (member)
                        r = decode_field(field, member, schema_value_at(field, value), reterr);
                else if (field->required)
                        r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "is missing");
                if (r < 0) {
                        r = step_out(r, field->name, reterr);
                        goto fail;
                }
        }
        return 0;

fail:
        schema_clear(schema, value);
        return r;
}

int schema_decode(const Schema *schema, struct json_object *object, void *value, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        struct json_object *empty = NULL;
        int r;

        if (!object) {
                object = empty = json_object_new_object();
                if (!empty) {
                        schema_init(schema, value);
                        schema_clear(schema, value);
                        return error_set_errno(reterr, ENOMEM, "cannot read parameters");
                }
        }
        r = decode_members(schema, object, value, &error);
        json_object_put(empty);
        if (r >= 0 || !reterr)
                return r;
        /* Out of memory comes without a reason; the prefix supplies one. */
        if (error.kind == ERROR_NONE)
                return error_set_errno(reterr, -r, "cannot read parameters");
        error_move(reterr, &error);
        if (!reterr->field)
                return error_prepend(reterr, r, "parameters");
        return error_prepend(reterr, r, "\"%s\"", reterr->field);
}
