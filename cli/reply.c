#include <errno.h>
#include <inttypes.h>
#include <ctype.h>
#include <string.h>

#include "cli/output.h"
#include "cli/table.h"
#include "common/json.h"
#include "common/strings.h"

#define COLUMNS_MAX 24

static const void *member_of(const void *value, const Field *field) {
        return (const unsigned char *) value + field->offset;
}

static char *join_strings(char *const *strings) {
        char *joined = strdup("");

        for (size_t i = 0; joined && strings && strings[i]; i++) {
                char *longer = string_format("%s%s%s", joined, i == 0 ? "" : ", ", strings[i]);

                free(joined);
                joined = longer;
        }
        return joined;
}

/* A scalar as text; allocated. NULL in *ret: absent. */
static int scalar_text(const Field *field, const void *member, char **ret) {
        const bool *flag = member;
        const int64_t *number = member;
        char *const *string = member;
        char **const *strings = member;
        const int *index = member;
        struct json_object *const *foreign = member;
        char *text = NULL;

        switch (field->type) {
        case FIELD_BOOL:
                text = strdup(*flag ? "yes" : "no");
                break;
        case FIELD_INT:
                text = string_format("%" PRId64, *number);
                break;
        case FIELD_STRING:
                if (!*string) {
                        *ret = NULL;
                        return 0;
                }
                text = strdup(*string);
                break;
        case FIELD_STRINGS:
                if (!*strings) {
                        *ret = NULL;
                        return 0;
                }
                text = join_strings(*strings);
                break;
        case FIELD_ENUM:
                text = strdup(field->values[*index]);
                break;
        case FIELD_ANY:
                if (!*foreign) {
                        *ret = NULL;
                        return 0;
                }
                text = strdup(json_object_to_json_string_ext(*foreign, JSON_C_TO_STRING_PLAIN));
                break;
        case FIELD_OBJECT:
        case FIELD_OBJECTS:
                *ret = NULL;
                return 0;
        }
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

static bool is_scalar(const Field *field) {
        return field->type != FIELD_OBJECT && field->type != FIELD_OBJECTS;
}

/* "used_by" as "USED BY". */
static char *column_title(const char *name) {
        char *title = strdup(name);

        for (char *p = title; p && *p; p++)
                *p = *p == '_' ? ' ' : (char) toupper((unsigned char) *p);
        return title;
}

static int add_object_row(Table *table, const Schema *schema, const void *item) {
        char *cells[COLUMNS_MAX] = {NULL};
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < schema->n_fields && n < COLUMNS_MAX && r >= 0; i++)
                if (is_scalar(&schema->fields[i])) {
                        const Field *field = &schema->fields[i];

                        r = scalar_text(field, member_of(item, field), &cells[n]);
                        n++;
                }
        if (r >= 0)
                r = table_add(table, (const char *const *) cells);
        for (size_t i = 0; i < n; i++)
                free(cells[i]);
        return r;
}

static int print_objects(FILE *out, const Schema *schema, const Objects *objects) {
        _cleanup_table_ Table *table = NULL;
        TableColumn columns[COLUMNS_MAX] = {{.title = NULL}};
        char *titles[COLUMNS_MAX] = {NULL};
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < schema->n_fields && n < COLUMNS_MAX && r >= 0; i++)
                if (is_scalar(&schema->fields[i])) {
                        titles[n] = column_title(schema->fields[i].name);
                        columns[n].title = titles[n];
                        columns[n].right = schema->fields[i].type == FIELD_INT;
                        r = titles[n] ? 0 : -ENOMEM;
                        n++;
                }
        if (r >= 0)
                r = table_new(columns, n, &table);
        for (size_t i = 0; i < objects->n_items && r >= 0; i++)
                r = add_object_row(table, schema,
                                   (const unsigned char *) objects->items + i * schema->size);
        if (r >= 0 && n > 0)
                table_print(table, out);
        for (size_t i = 0; i < n; i++)
                free(titles[i]);
        return r;
}

static int print_scalars(FILE *out, const Schema *schema, const void *value) {
        static const TableColumn columns[2];
        _cleanup_table_ Table *table = NULL;
        int r = table_new(columns, ELEMENTSOF(columns), &table);

        for (size_t i = 0; i < schema->n_fields && r >= 0; i++) {
                const Field *field = &schema->fields[i];
                _cleanup_free_ char *text = NULL, *label = NULL;

                if (!is_scalar(field))
                        continue;
                r = scalar_text(field, member_of(value, field), &text);
                if (r < 0 || !text)
                        continue;
                label = string_format("%s:", field->name);
                r = label ? table_add(table, (const char *const[]) {label, text}) : -ENOMEM;
        }
        if (r >= 0)
                table_print(table, out);
        return r;
}

int output_reply(FILE *out, const Schema *schema, const void *value) {
        int r = print_scalars(out, schema, value);

        for (size_t i = 0; i < schema->n_fields && r >= 0; i++) {
                const Field *field = &schema->fields[i];

                if (field->type == FIELD_OBJECT) {
                        const void *const *nested = member_of(value, field);

                        if (*nested)
                                r = output_reply(out, field->nested, *nested);
                } else if (field->type == FIELD_OBJECTS) {
                        const Objects *objects = member_of(value, field);

                        if (objects->n_items > 0)
                                r = print_objects(out, field->nested, objects);
                }
        }
        return r;
}
