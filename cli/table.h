#pragma once
/* Rows of text for people, columns aligned by display width. */
#include <stdbool.h>
#include <stdio.h>

typedef struct Table Table;

typedef struct TableColumn {
        const char *title; /* NULL in the first column: no line of titles */
        bool right;        /* numbers */
} TableColumn;

/* columns must outlive the table. -ENOMEM. */
int table_new(const TableColumn *columns, size_t n_columns, Table **ret);
Table *table_free(Table *table);
/* One cell a column; cells are copied and escaped. NULL shows as "-". -ENOMEM. */
int table_add(Table *table, const char *const *cells);
void table_print(const Table *table, FILE *out);

static inline void table_cleanup(Table **table) {
        table_free(*table);
}
#define _cleanup_table_ _cleanup_(table_cleanup)
