#include "tui/filter.h"

#include <string.h>

/* The column that "title:" names; n_columns for none. */
static size_t find_column(const Panel *panel, const char *title, size_t length) {
        for (size_t i = 0; i < panel->n_columns; i++)
                if (strlen(panel->columns[i].title) == length &&
                    strncasecmp(panel->columns[i].title, title, length) == 0)
                        return i;
        return panel->n_columns;
}

static bool match_word(const Panel *panel, const Model *model, size_t row, const char *word) {
        const char *colon = strchr(word, ':');
        size_t only = panel->n_columns;

        if (colon)
                only = find_column(panel, word, (size_t) (colon - word));
        if (colon && only < panel->n_columns)
                word = colon + 1;
        for (size_t i = 0; i < panel->n_columns; i++) {
                Span span;

                if (only < panel->n_columns && i != only)
                        continue;
                panel->cell(model, row, i, &span);
                if (strcasestr(span.text, word))
                        return true;
        }
        return false;
}

bool filter_match(const Panel *panel, const Model *model, size_t row, const char *filter) {
        char words[FILTER_MAX];
        char *left = NULL;

        (void) snprintf(words, sizeof(words), "%s", filter);
        for (char *word = strtok_r(words, " ", &left); word; word = strtok_r(NULL, " ", &left)) {
                bool inverted = word[0] == '!';

                if (inverted && !word[1])
                        continue;
                if (match_word(panel, model, row, word + inverted) == inverted)
                        return false;
        }
        return true;
}
