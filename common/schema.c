#include "common/schema.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "common/schema-value.h"
#include "common/strings.h"

const Field *schema_find(const Schema *schema, const char *name) {
        for (size_t i = 0; i < schema->n_fields; i++)
                if (strcmp(schema->fields[i].name, name) == 0)
                        return &schema->fields[i];
        return NULL;
}

/* The empty struct may well be NULL, which memset() must not see. */
static void zero(const Schema *schema, void *value) {
        if (schema->size > 0)
                memset(value, 0, schema->size);
}

void schema_init(const Schema *schema, void *value) {
        zero(schema, value);
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];
                void *at = schema_value_at(field, value);

                if (field->type == FIELD_INT)
                        *(int64_t *) at = field->absent;
                else if (field->type == FIELD_ENUM)
                        *(int *) at = (int) field->absent;
        }
}

static void clear_objects(const Schema *schema, Objects *objects) {
        for (size_t i = 0; i < objects->n_items; i++)
                schema_clear(schema, (char *) objects->items + i * schema->size);
        free(objects->items);
}

static void clear_object(const Schema *schema, void *object) {
        if (object)
                schema_clear(schema, object);
        free(object);
}

void schema_clear(const Schema *schema, void *value) {
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];
                void *at = schema_value_at(field, value);

                switch (field->type) {
                case FIELD_STRING:
                        free(*(char **) at);
                        break;
                case FIELD_STRINGS:
                        strv_free(*(char ***) at);
                        break;
                case FIELD_OBJECT:
                        clear_object(field->nested, schema_value_pointer(at));
                        break;
                case FIELD_OBJECTS:
                        clear_objects(field->nested, at);
                        break;
                case FIELD_ANY:
                        json_object_put(*(struct json_object **) at);
                        break;
                case FIELD_BOOL:
                case FIELD_INT:
                case FIELD_ENUM:
                default:
                        break;
                }
        }
        zero(schema, value);
}
