#pragma once
/* One panel's rows as the user has them: which are let through, their order, which is selected. */
#include "tui/filter.h"

/* A view keeps its place while another is shown. */
typedef struct View {
        char selected[SPAN_MAX]; /* id; "": nothing is */
        char name[SPAN_MAX];     /* of the same */
        bool lost;               /* it went: nothing is selected until the user says what */
        size_t at, top;          /* of the rows that the filter lets through */
        size_t *rows, n_rows;    /* those rows */
        size_t tab, detail_top;
        bool detail_open;        /* full-screen */
        char filter[FILTER_MAX];
        size_t sort;             /* column; the first and not reversed: in the daemon's own order */
        bool reverse;
} View;

void view_clear(View *view);
/* After the model changed. The selection stays on its object; false, once: that is no longer
 * there. */
bool view_follow(View *view, const Panel *panel, const Model *model);
/* After the user changed the filter or the order, or came: where the selection's object is not to
 * be seen, what is in its place is selected. */
void view_look_up(View *view, const Panel *panel, const Model *model);
void view_select(View *view, const Panel *panel, const Model *model, size_t at);
/* The model's row that is selected; false where there is none. */
bool view_selected(const View *view, size_t *ret_row);
/* False where the panel has but one order. */
bool view_sort_next(View *view, const Panel *panel);
bool view_sort_reverse(View *view, const Panel *panel);
/* The rows are in another than the daemon's order. */
bool view_sorted(const View *view);
