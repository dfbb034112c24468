#pragma once
/* SQLite, as far as the store needs it: the only file that knows the library. Not for threads. */

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

typedef struct Database Database;
typedef struct DatabaseRow DatabaseRow;

/* Opens or makes a database for this process alone (WAL, durable commits, foreign keys on). Small
 * transactions succeed on a full disk, too, for as long as the file itself need not grow much. Errors:
 * ERROR_FAILED with -EUCLEAN for a damaged file, ERROR_BUSY when another process has it. */
int database_open(const char *path, Database **ret, Error *reterr);
Database *database_free(Database *database);

typedef struct DatabaseValue {
        const char *text; /* NULL: see is_text */
        int64_t integer;
        bool is_text;     /* then text, where NULL is SQL's NULL */
} DatabaseValue;

static inline DatabaseValue database_text(const char *text) {
        return (DatabaseValue) {.text = text, .is_text = true};
}

static inline DatabaseValue database_integer(int64_t integer) {
        return (DatabaseValue) {.integer = integer};
}

/* Called for each row; negative ends the query with that. */
typedef int (*DatabaseOnRow)(const DatabaseRow *row, void *userdata);

/* One statement with its ?1, ?2 … bound. on_row may be NULL. ERROR_ALREADY_EXISTS (-EEXIST) where a
 * value must be unique, ERROR_BUSY (-EBUSY) where a reference would dangle, ERROR_NO_SPACE
 * (-ENOSPC). What on_row fails with is returned without an error filled. */
int database_run(Database *database, const char *sql, const DatabaseValue *values, size_t n_values,
                 DatabaseOnRow on_row, void *userdata, Error *reterr);
/* One statement without values, of which *ret becomes the only number; without a row it is left alone. */
int database_run_integer(Database *database, const char *sql, int64_t *ret, Error *reterr);
/* Several statements without values. */
int database_run_script(Database *database, const char *sql, Error *reterr);

/* A transaction: begin, then end with what came of it: commits for r >= 0, else takes all back and
 * returns r. */
int database_begin(Database *database, Error *reterr);
int database_end(Database *database, int r, Error *reterr);

int64_t database_row_integer(const DatabaseRow *row, int column);
const char *database_row_text(const DatabaseRow *row, int column); /* NULL; until the next row */
