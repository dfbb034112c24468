/* Whatever bytes are decoded and encoded again decode to the same. */

#include <stdint.h>
#include <string.h>

#include "common/api-root.h"
#include "common/api-system.h"
#include "common/json.h"
#include "common/strings.h"

typedef struct Everything {
        bool live;
        int64_t number;
        char *text;
        char **texts;
        int kind;
        RootPong *pong;
        Objects entries;
        struct json_object *rest;
} Everything;

static const char *const kinds[] = {"first", "second", NULL};

static const Field everything_fields[] = {
        {.name = "live", .type = FIELD_BOOL, .offset = offsetof(Everything, live)},
        {.name = "number", .type = FIELD_INT, .offset = offsetof(Everything, number), .absent = 7},
        {.name = "text", .type = FIELD_STRING, .offset = offsetof(Everything, text)},
        {.name = "texts", .type = FIELD_STRINGS, .offset = offsetof(Everything, texts), .max = 8},
        {.name = "kind", .type = FIELD_ENUM, .offset = offsetof(Everything, kind), .absent = -1,
         .values = kinds},
        {.name = "pong", .type = FIELD_OBJECT, .offset = offsetof(Everything, pong),
         .nested = &root_pong_schema},
        {.name = "entries", .type = FIELD_OBJECTS, .offset = offsetof(Everything, entries),
         .nested = &inventory_entry_schema},
        {.name = "rest", .type = FIELD_ANY, .offset = offsetof(Everything, rest)},
};

static const Schema everything_schema = {"Everything", sizeof(Everything), everything_fields,
                                         ELEMENTSOF(everything_fields), false};

/* Encodes the struct and clears it. */
static char *encode_text(const Schema *schema, void *value) {
        _cleanup_json_ struct json_object *object = NULL;
        char *text;

        if (schema_encode(schema, value, &object) < 0)
                abort();
        schema_clear(schema, value);
        text = strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        if (!text)
                abort();
        return text;
}

static void decode_or_abort(const Schema *schema, const char *text, void *ret) {
        _cleanup_json_ struct json_object *object = NULL;

        if (json_parse_object(text, strlen(text), &object, NULL) < 0 ||
            schema_decode(schema, object, ret, NULL) < 0)
                abort();
}

static void try_schema(const Schema *schema, struct json_object *object) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *first = NULL, *second = NULL;
        _cleanup_free_ void *value = malloc(schema->size);

        if (!value)
                abort();
        if (schema_decode(schema, object, value, &error) < 0) {
                if (error.kind != ERROR_INVALID_PARAMETER || !error.message)
                        abort();
                return;
        }
        first = encode_text(schema, value);
        decode_or_abort(schema, first, value);
        second = encode_text(schema, value);
        if (!string_equal(first, second))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ struct json_object *object = NULL;

        if (json_parse_object((const char *) data, size, &object, NULL) < 0)
                return 0;
        try_schema(&everything_schema, object);
        try_schema(&inventory_schema, object);
        try_schema(&system_status_schema, object);
        return 0;
}
