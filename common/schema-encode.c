#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "common/json.h"
#include "common/schema-value.h"
#include "common/strings.h"

static int give(struct json_object *made, struct json_object **ret) {
        if (!made)
                return -ENOMEM;
        *ret = made;
        return 0;
}

static int encode_int(const Field *field, int64_t value, struct json_object **ret) {
        int r = schema_value_check_int(field, value, NULL);

        return r < 0 ? r : give(json_object_new_int64(value), ret);
}

static int encode_string(const Field *field, const char *text, struct json_object **ret) {
        size_t length;
        int r;

        if (!text)
                return -EINVAL;
        length = strlen(text);
        r = schema_value_check_string(field, text, length, NULL);
        if (r < 0)
                return r;
        if (length > INT_MAX)
                return -ERANGE;
        return give(json_object_new_string_len(text, (int) length), ret);
}

static int encode_enum(const Field *field, int value, struct json_object **ret) {
        if (!schema_value_enum_valid(field, value))
                return -EINVAL;
        return give(json_object_new_string(field->values[value]), ret);
}

/* Takes the item, also on failure. */
static int array_add(struct json_object *array, struct json_object *item) {
        if (json_object_array_add(array, item) < 0) {
                json_object_put(item);
                return -ENOMEM;
        }
        return 0;
}

static int encode_strings(const Field *field, char *const *strings, struct json_object **ret) {
        _cleanup_json_ struct json_object *array = NULL;
        int r;

        r = schema_value_check_count(field, strv_length(strings), NULL);
        if (r < 0)
                return r;
        array = json_object_new_array();
        if (!array)
                return -ENOMEM;
        for (size_t i = 0; strings && strings[i]; i++) {
                struct json_object *item;

                r = encode_string(field, strings[i], &item);
                if (r >= 0)
                        r = array_add(array, item);
                if (r < 0)
                        return r;
        }
        *ret = steal_ptr(array);
        return 0;
}

static int encode_object(const Field *field, const void *object, struct json_object **ret) {
        return object ? schema_encode(field->nested, object, ret) : -EINVAL;
}

static int encode_objects(const Field *field, const Objects *objects, struct json_object **ret) {
        _cleanup_json_ struct json_object *array = NULL;
        int r;

        r = schema_value_check_count(field, objects->n_items, NULL);
        if (r < 0)
                return r;
        array = json_object_new_array();
        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < objects->n_items; i++) {
                const char *items = objects->items;
                struct json_object *item;

                r = schema_encode(field->nested, items + i * field->nested->size, &item);
                if (r >= 0)
                        r = array_add(array, item);
                if (r < 0)
                        return r;
        }
        *ret = steal_ptr(array);
        return 0;
}

static int encode_any(struct json_object *value, struct json_object **ret) {
        struct json_object *copy = NULL;

        if (!json_object_is_type(value, json_type_object))
                return -EINVAL;
        return json_object_deep_copy(value, &copy, NULL) < 0 ? -ENOMEM : give(copy, ret);
}

static bool is_absent(const Field *field, const void *at) {
        switch (field->type) {
        case FIELD_BOOL:
                return !*(const bool *) at;
        case FIELD_INT:
                return *(const int64_t *) at == field->absent;
        case FIELD_ENUM:
                return *(const int *) at == field->absent;
        case FIELD_STRING:
        case FIELD_STRINGS:
        case FIELD_OBJECT:
        case FIELD_ANY:
                return !schema_value_pointer(at);
        case FIELD_OBJECTS:
                return ((const Objects *) at)->n_items == 0;
        default:
                return false;
        }
}

static int encode_field(const Field *field, const void *at, struct json_object **ret) {
        switch (field->type) {
        case FIELD_BOOL:
                return give(json_object_new_boolean(*(const bool *) at), ret);
        case FIELD_INT:
                return encode_int(field, *(const int64_t *) at, ret);
        case FIELD_STRING:
                return encode_string(field, *(char *const *) at, ret);
        case FIELD_STRINGS:
                return encode_strings(field, *(char **const *) at, ret);
        case FIELD_ENUM:
                return encode_enum(field, *(const int *) at, ret);
        case FIELD_OBJECT:
                return encode_object(field, schema_value_pointer(at), ret);
        case FIELD_OBJECTS:
                return encode_objects(field, at, ret);
        case FIELD_ANY:
                return encode_any(*(struct json_object *const *) at, ret);
        default:
                return -EINVAL;
        }
}

int schema_encode(const Schema *schema, const void *value, struct json_object **ret) {
        _cleanup_json_ struct json_object *object = json_object_new_object();

        if (!object)
                return -ENOMEM;
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];
                const void *at = schema_value_at_const(field, value);
                struct json_object *member;
                int r;

                if (!field->required && is_absent(field, at))
                        continue;
                r = encode_field(field, at, &member);
                if (r < 0)
                        return r;
                if (json_object_object_add(object, field->name, member) < 0) {
                        json_object_put(member);
                        return -ENOMEM;
                }
        }
        *ret = steal_ptr(object);
        return 0;
}
