#pragma once
/* Typed tables between C structs and JSON objects. One table decodes (closed world: unknown and
 * duplicate members, wrong types and values out of range are refused), encodes, and describes
 * itself for the interface text, the command line and the console. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct json_object;
typedef struct Schema Schema;

typedef enum FieldType {
        FIELD_BOOL,    /* bool */
        FIELD_INT,     /* int64_t; min and max bound the value */
        FIELD_STRING,  /* char *, owned; min and max bound its bytes; valid UTF-8, no NUL */
        FIELD_STRINGS, /* char **, owned, NULL-terminated; max bounds the count; absent: NULL */
        FIELD_ENUM,    /* int; index into values */
        FIELD_OBJECT,  /* struct by pointer, owned, of the nested schema; absent: NULL */
        FIELD_OBJECTS, /* Objects, of the nested schema; max bounds the count */
        FIELD_ANY,     /* struct json_object *, owned: a foreign object, not looked into */
} FieldType;

/* An array of structs, one after the other, each of the nested schema's size. */
typedef struct Objects {
        void *items;
        size_t n_items;
} Objects;

/* How a whole number reads on the command line. */
typedef enum FieldUnit {
        UNIT_NONE,
        UNIT_MIB, /* takes 512, 512M, 2G; plain numbers are MiB */
        UNIT_SECONDS,
} FieldUnit;

typedef struct Field {
        const char *name;
        FieldType type;
        size_t offset;
        bool required;
        /* Both 0: the type's own bounds (strings: 0..4096 bytes, arrays: 0..4096 items). An item of
         * FIELD_STRINGS has the own bounds of a string. */
        int64_t min, max;
        int64_t absent;             /* FIELD_INT and FIELD_ENUM: the value of one that is not set */
        const char *const *values;  /* FIELD_ENUM: NULL-terminated */
        const Schema *nested;
        /* For FIELD_STRING, and each of FIELD_STRINGS; message without the field's name. */
        int (*check)(const char *value, Error *reterr);
        const char *summary;        /* a few words for help and the interface's comments */

        /* Command line, where the action has words. Neither option nor positional: not settable. */
        const char *option;         /* "memory": --memory VALUE; a FIELD_BOOL takes no value */
        char letter;                /* 'd': -d */
        const char *metavar;        /* in help; for a positional always */
        bool positional;            /* FIELD_STRINGS: takes the rest, after "--" too */
        FieldUnit unit;
} Field;

struct Schema {
        const char *name; /* for nested types, the name in the interface text */
        size_t size;      /* of the struct */
        const Field *fields;
        size_t n_fields;
        bool open; /* members that are not known are left to newer peers instead of refused */
};

/* Fills `value` (schema->size bytes, uninitialised) from an object; NULL counts as {}. On failure
 * nothing is left allocated and `value` is zeroed; reterr names the field. -EINVAL, -ERANGE or
 * -ENOMEM. The object is only read. */
int schema_decode(const Schema *schema, struct json_object *object, void *value, Error *reterr);
/* Makes a new object that the caller owns. Absent optional members are left out; false, no items
 * and the value of `absent` count as absent. What decoding would refuse is not encoded either:
 * -EINVAL, -ERANGE, -ENOMEM. */
int schema_encode(const Schema *schema, const void *value, struct json_object **ret);
/* Frees what the struct owns, not the struct itself, and zeroes it. */
void schema_clear(const Schema *schema, void *value);
/* Sets all to absent: zeroes, and `absent` where the table says so. */
void schema_init(const Schema *schema, void *value);
/* Sets one field of an initialised struct from a command-line word, with the same bounds as
 * decoding; FIELD_STRINGS appends; FIELD_BOOL takes NULL for true. ERROR_USAGE, with the option's
 * name in the message. */
int schema_set_word(const Schema *schema, const Field *field, void *value, const char *word,
                    Error *reterr);
/* After schema_set_word: are all required ones there (strings not NULL, numbers within their
 * bounds: give a required number an `absent` outside them)? ERROR_USAGE. */
int schema_check_required(const Schema *schema, const void *value, Error *reterr);
const Field *schema_find(const Schema *schema, const char *name);
