#pragma once
/* Where the parts of the screen are, and how wide a table's columns become. Pure arithmetic. */
#include "tui/canvas.h"

#define LAYOUT_COLUMNS_MAX 16
#define LAYOUT_GAP 2

typedef struct Layout {
        int header;  /* first row of two; the tabs are below */
        int tabs;
        Rect list;   /* with its titles; empty where the detail is full-screen */
        Rect detail; /* with its title; empty where there is none */
        int message, keys;
} Layout;

typedef struct LayoutColumn {
        int min, max, content; /* content: the widest cell */
        int width;             /* result; 0: not shown */
} LayoutColumn;

/* For a screen of at least 40 by 8. n_rows and detail_lines: what there is to show. */
Layout layout_screen(int height, int width, bool detail_open, int n_rows, int detail_lines);
/* Those that fit with their least width are shown, the last dropped first; what is left goes to the
 * first that need more. */
void layout_columns(LayoutColumn *columns, size_t n, int width);
