#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/output.h"
#include "common/json.h"
#include "common/text.h"

int output_json(FILE *out, struct json_object *object, JsonLayout layout) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE | JSON_C_TO_STRING_SPACED;
        _cleanup_free_ char *escaped = NULL;
        const char *text;

        if (layout == JSON_INDENTED)
                flags |= JSON_C_TO_STRING_PRETTY;
        text = json_object_to_json_string_ext(object, flags);
        escaped = text ? text_escape(text, ESCAPE_JSON) : NULL;
        if (!escaped)
                return -ENOMEM;
        fprintf(out, "%s\n", escaped);
        return 0;
}

int output_schema_json(FILE *out, const Schema *schema, const void *value) {
        _cleanup_json_ struct json_object *object = NULL;
        int r = schema_encode(schema, value, &object);

        return r < 0 ? r : output_json(out, object, JSON_INDENTED);
}

int output_schema_line(FILE *out, const Schema *schema, const void *value) {
        _cleanup_json_ struct json_object *object = NULL;
        int r = schema_encode(schema, value, &object);

        return r < 0 ? r : output_json(out, object, JSON_ONE_LINE);
}

int output_line(FILE *out, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        escaped = text_escape(text, ESCAPE_TEXT);
        if (!escaped)
                return -ENOMEM;
        fprintf(out, "%s\n", escaped);
        return 0;
}

static int add_member(struct json_object *object, const char *name, const char *value) {
        struct json_object *string;

        if (!value)
                return 0;
        string = json_object_new_string(value);
        if (!string)
                return -ENOMEM;
        if (json_object_object_add(object, name, string) < 0) {
                json_object_put(string);
                return -ENOMEM;
        }
        return 0;
}

static int error_as_json(FILE *err, const Error *error, const char *message) {
        const struct {
                const char *name, *value;
        } members[] = {
                {"error", error_kind_name(error->kind)},
                {"message", message},
                {"object", error->object},
                {"field", error->field},
                {"hint", error->hint},
                {"operation", error->operation},
        };
        _cleanup_json_ struct json_object *object = json_object_new_object();

        if (!object)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (add_member(object, members[i].name, members[i].value) < 0)
                        return -ENOMEM;
        return output_json(err, object, JSON_ONE_LINE);
}

void output_error(FILE *err, bool json, const Error *error, int r) {
        const char *message = error->message ? error->message : strerror(-r);

        if (json && error_as_json(err, error, message) >= 0)
                return;
        output_line(err, "banger: %s%s%s%s%s%s", message, error->hint ? "; " : "",
                    error->hint ? error->hint : "", error->operation ? " (operation " : "",
                    error->operation ? error->operation : "", error->operation ? ")" : "");
}
