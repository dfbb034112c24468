#pragma once
/* What the program prints. Foreign strings never reach the terminal unescaped. */
#include <stdio.h>

#include "common/schema.h"

typedef enum JsonLayout {
        JSON_INDENTED,
        JSON_ONE_LINE,
} JsonLayout;

/* -ENOMEM; errors of the stream are for the caller to look at in the end. */
int output_json(FILE *out, struct json_object *object, JsonLayout layout);
int output_schema_json(FILE *out, const Schema *schema, const void *value);
int output_schema_line(FILE *out, const Schema *schema, const void *value); /* JSON on one line */
/* printf with each line's foreign strings escaped, and a newline. */
int output_line(FILE *out, const char *format, ...) _printf_(2, 3);
/* "banger: MESSAGE; HINT", or {"error": KIND, "message": …} */
void output_error(FILE *err, bool json, const Error *error, int r);
/* Any reply for people, by its schema: members as "name: value", arrays of objects as tables. */
int output_reply(FILE *out, const Schema *schema, const void *value);
