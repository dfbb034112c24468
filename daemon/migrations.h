#pragma once
/* The store's form, version by version (SQLite's user_version). */
#include "daemon/sqlite.h"

/* store_migrations[N] makes version N + 1 of version N. Never change one that was released. */
extern const char *const store_migrations[];
extern const size_t store_n_migrations;

/* Brings a database to version n_migrations, each step in a transaction of its own. Refuses one that
 * is newer: -EOVERFLOW, ERROR_UNAVAILABLE. */
int migrations_run(Database *database, const char *const *migrations, size_t n_migrations,
                   Error *reterr);
