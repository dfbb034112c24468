#pragma once
/* What the parts of schema*.c share: bounds of single values, the same for JSON, for the command
 * line and for what is sent. All fill reterr with the reason only, without the field's name. */

#include <string.h>

#include "common/schema.h"

#define SCHEMA_STRING_MAX 4096
#define SCHEMA_ITEMS_MAX 4096

/* -ERANGE outside the bounds. */
int schema_value_check_int(const Field *field, int64_t value, Error *reterr);
int schema_value_check_count(const Field *field, size_t n_items, Error *reterr);
/* -ERANGE for the length, -EINVAL for NULs, bad UTF-8 and what the field's check refuses. */
int schema_value_check_string(const Field *field, const char *text, size_t length, Error *reterr);
/* The index of a name in the field's values. -EINVAL; the reason lists them. */
int schema_value_find_enum(const Field *field, const char *name, int *ret, Error *reterr);
bool schema_value_enum_valid(const Field *field, int value);

/* Where the member is. */
static inline void *schema_value_at(const Field *field, void *value) {
        return (char *) value + field->offset;
}

static inline const void *schema_value_at_const(const Field *field, const void *value) {
        return (const char *) value + field->offset;
}

/* The pointer stored there, whatever it points to; copied, for its type is not known here. */
static inline void *schema_value_pointer(const void *at) {
        void *pointer;

        memcpy(&pointer, at, sizeof(pointer));
        return pointer;
}
