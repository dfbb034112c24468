#pragma once
/* A screen in memory: what the panels draw on, and what the terminal shows. Knows no terminal. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

/* What a piece of text means; the terminal decides how that looks. */
typedef enum Role {
        ROLE_TEXT,
        ROLE_STRONG,
        ROLE_FAINT,
        ROLE_TITLE,    /* column titles */
        ROLE_SELECTED, /* the row or button that keys act on */
        ROLE_KEY,      /* a key to press */
        ROLE_GOOD,
        ROLE_BUSY,
        ROLE_BAD,
        _ROLE_MAX,
} Role;

typedef struct Cell {
        uint32_t code; /* 0: the right half of a wide character */
        Role role;
} Cell;

typedef struct Rect {
        int y, x, height, width;
} Rect;

typedef struct Canvas {
        int height, width;
        bool ascii; /* the terminal knows no UTF-8 */
        Cell *cells;
        int cursor_y, cursor_x; /* where something is typed; -1 for nowhere */
} Canvas;

/* Blank. At least 1 by 1. -ENOMEM. */
int canvas_new(int height, int width, bool ascii, Canvas **ret);
Canvas *canvas_free(Canvas *canvas);
void canvas_clear(Canvas *canvas);
static inline void canvas_cleanup(Canvas **canvas) {
        canvas_free(*canvas);
}
#define _cleanup_canvas_ _cleanup_(canvas_cleanup)

/* Every drawing is clipped to the canvas. Foreign text is safe here: what steers terminals is shown
 * escaped. Text that does not fit in width columns ends in an ellipsis. Returns the columns that it
 * took. */
int canvas_text(Canvas *canvas, int y, int x, int width, Role role, const char *text);
int canvas_format(Canvas *canvas, int y, int x, int width, Role role, const char *format, ...)
        _printf_(6, 7);
/* The same, ending at the column before x + width. */
void canvas_text_right(Canvas *canvas, int y, int x, int width, Role role, const char *text);
/* Over several rows, broken at blanks, and within a word only where it is longer than a row; what
 * does not fit in the last ends in an ellipsis. Returns the rows used, at least 1. */
int canvas_wrap(Canvas *canvas, Rect room, Role role, const char *text);
/* How many rows that would be, without drawing. */
int canvas_wrap_rows(const Canvas *canvas, int width, const char *text);
void canvas_fill(Canvas *canvas, Rect rect, Role role, uint32_t code);
/* Gives cells another role and leaves the text. */
void canvas_paint(Canvas *canvas, Rect rect, Role role);
const Cell *canvas_cell(const Canvas *canvas, int y, int x);
/* The characters of a row without the blanks at its end, allocated: for tests and plain output. */
char *canvas_row(const Canvas *canvas, int y);
