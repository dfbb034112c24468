#pragma once
/* A view's content as a table: what its rows and columns are, what more there is to say about a
 * row, and its keys. Panels read the model and write text; they neither draw nor act. */
#include "common/action.h"
#include "tui/canvas.h"
#include "tui/model.h"

#define SPAN_MAX 192
#define DETAIL_LINES_MAX 64
#define QUESTION_LINES_MAX 6

typedef struct Span {
        char text[SPAN_MAX];
        Role role;
} Span;

/* What is too long is cut. */
void span_set(Span *span, Role role, const char *format, ...) _printf_(3, 4);

typedef struct Column {
        const char *title;
        int width_min, width_max; /* follows the content in between */
        bool right;
} Column;

typedef struct Detail {
        struct {
                const char *label; /* NULL: goes on from the line above */
                Span value;
        } lines[DETAIL_LINES_MAX];
        size_t n_lines;
        int width; /* of a value */
} Detail;

/* NULL when there is no room for a further line. */
Span *detail_add(Detail *detail, const char *label);

/* What is asked before something is lost. */
typedef struct Question {
        Span lines[QUESTION_LINES_MAX];
        size_t n_lines;
        bool type_name; /* the name must be typed, not only agreed to */
} Question;

Span *question_add(Question *question);

typedef struct PanelKey {
        int key;
        const char *words; /* of the action; a key whose action is not in the table is not there */
        const char *label;
        bool on_row;       /* acts on the selected row */
        /* NULL where it always can. False: why holds the reason. *ret_force: only with --force. */
        bool (*can)(const Model *model, size_t row, bool *ret_force, Span *why);
        void (*ask)(const Model *model, size_t row, Question *question); /* ACTION_DESTROYS */
        bool helper;       /* bangerd needs bangerd-root for it */
} PanelKey;

typedef struct Panel {
        int digit; /* the key that shows it */
        const char *title;
        const Column *columns; /* in drop-last order */
        size_t n_columns;
        size_t (*n_rows)(const Model *model);
        const char *(*id)(const Model *model, size_t row);   /* stable */
        const char *(*name)(const Model *model, size_t row); /* what a user calls it */
        void (*cell)(const Model *model, size_t row, size_t column, Span *ret);
        /* What a column of figures is sorted by; false for one that is sorted by its text. NULL
         * where the order says something and stays. */
        bool (*value)(const Model *model, size_t row, size_t column, int64_t *ret);
        /* Why there is no row: nothing yet (which key or command makes one), or not known. */
        void (*empty)(const Model *model, Span *ret);
        const char *const *tabs; /* NULL-terminated */
        void (*detail)(const Model *model, size_t row, size_t tab, Detail *detail);
        const PanelKey *keys;
        size_t n_keys;
} Panel;

extern const Panel panel_vms, panel_images, panel_host;
extern const Panel *const panels[]; /* in the order of their digits */
extern const size_t n_panels;

/* The key's action; NULL when the table of actions does not have it. */
const Action *panel_key_action(const PanelKey *key, const Interface **ret_interface);
