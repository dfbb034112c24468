#include <errno.h>
#include <stdlib.h>

#include "cli/table.h"
#include "common/cleanup.h"
#include "common/text.h"

#define COLUMN_GAP 2

struct Table {
        const TableColumn *columns;
        size_t n_columns;
        char **cells; /* row after row */
        size_t n_rows;
};

int table_new(const TableColumn *columns, size_t n_columns, Table **ret) {
        Table *table = calloc(1, sizeof(*table));

        if (!table)
                return -ENOMEM;
        table->columns = columns;
        table->n_columns = n_columns;
        *ret = table;
        return 0;
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
                free(table->cells[i]);
        free(table->cells);
        free(table);
        return NULL;
}

int table_add(Table *table, const char *const *cells) {
        size_t used = table->n_rows * table->n_columns;
        char **grown = reallocarray(table->cells, used + table->n_columns, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        table->cells = grown;

        for (size_t i = 0; i < table->n_columns; i++) {
                grown[used + i] = text_escape(cells[i] ? cells[i] : "-", ESCAPE_TEXT);
                if (grown[used + i])
                        continue;
                while (i-- > 0)
                        free(grown[used + i]);
                return -ENOMEM;
        }
        table->n_rows++;
        return 0;
}

static const char *table_cell(const Table *table, size_t row, size_t column) {
        return table->cells[row * table->n_columns + column];
}

static size_t column_width(const Table *table, size_t column) {
        const char *title = table->columns[column].title;
        size_t widest = title ? text_width(title) : 0;

        for (size_t row = 0; row < table->n_rows; row++) {
                size_t width = text_width(table_cell(table, row, column));

                if (width > widest)
                        widest = width;
        }
        return widest;
}

/* Blanks are owed until something follows them: no line ends in blanks. */
static size_t print_cell(FILE *out, const char *text, size_t width, bool right, size_t owed) {
        size_t blanks = width - text_width(text);

        if (right)
                owed += blanks;
        if (*text) {
                fprintf(out, "%*s%s", (int) owed, "", text);
                owed = 0;
        }
        return owed + (right ? 0 : blanks) + COLUMN_GAP;
}

void table_print(const Table *table, FILE *out) {
        bool titled = table->columns[0].title;

        for (size_t line = 0; line < table->n_rows + (titled ? 1 : 0); line++) {
                size_t owed = 0;

                for (size_t i = 0; i < table->n_columns; i++) {
                        const TableColumn *column = &table->columns[i];
                        const char *text = titled && line == 0
                                                   ? column->title
                                                   : table_cell(table, line - (titled ? 1 : 0), i);

                        owed = print_cell(out, text, column_width(table, i), column->right, owed);
                }
                fputc('\n', out);
        }
}
