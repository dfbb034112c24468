#include "tui/view.h"

#include <string.h>

#include "common/strings.h"

typedef struct Order {
        const Panel *panel;
        const Model *model;
        size_t column;
        bool reverse;
} Order;

void view_clear(View *view) {
        free(view->rows);
        *view = (View) {.at = 0};
}

bool view_selected(const View *view, size_t *ret_row) {
        if (view->lost || view->at >= view->n_rows)
                return false;
        *ret_row = view->rows[view->at];
        return true;
}

/* ---- order ---- */

static int compare_cells(const Order *order, size_t a, size_t b) {
        int64_t x = 0, y = 0;
        Span left, right;

        if (order->panel->value(order->model, a, order->column, &x) &&
            order->panel->value(order->model, b, order->column, &y))
                return (x > y) - (x < y);
        order->panel->cell(order->model, a, order->column, &left);
        order->panel->cell(order->model, b, order->column, &right);
        return strcmp(left.text, right.text);
}

static int compare_rows(const void *a, const void *b, void *userdata) {
        const Order *order = userdata;
        const size_t *left = a, *right = b;
        int result = compare_cells(order, *left, *right);

        /* What is equal stays as it comes. */
        if (result == 0)
                return (*left > *right) - (*left < *right);
        return order->reverse ? -result : result;
}

bool view_sorted(const View *view) {
        return view->sort > 0 || view->reverse;
}

bool view_sort_next(View *view, const Panel *panel) {
        if (!panel->value)
                return false;
        view->sort = (view->sort + 1) % panel->n_columns;
        view->reverse = false;
        return true;
}

bool view_sort_reverse(View *view, const Panel *panel) {
        if (!panel->value)
                return false;
        view->reverse = !view->reverse;
        return true;
}

/* ---- rows and selection ---- */

static void list_rows(View *view, const Panel *panel, const Model *model) {
        Order order = {panel, model, view->sort, view->reverse};
        size_t n = panel->n_rows(model);
        size_t *rows = reallocarray(view->rows, n > 0 ? n : 1, sizeof(*rows));

        view->n_rows = 0;
        if (!rows)
                return;
        view->rows = rows;
        for (size_t i = 0; i < n; i++)
                if (filter_match(panel, model, i, view->filter))
                        rows[view->n_rows++] = i;
        if (view_sorted(view))
                qsort_r(rows, view->n_rows, sizeof(*rows), compare_rows, &order);
}

void view_select(View *view, const Panel *panel, const Model *model, size_t at) {
        size_t row;

        view->lost = false;
        view->detail_top = 0;
        view->at = at < view->n_rows ? at : view->n_rows > 0 ? view->n_rows - 1 : 0;
        view->selected[0] = view->name[0] = '\0';
        if (!view_selected(view, &row)) {
                view->detail_open = false;
                return;
        }
        (void) snprintf(view->selected, sizeof(view->selected), "%s", panel->id(model, row));
        (void) snprintf(view->name, sizeof(view->name), "%s", panel->name(model, row));
}

/* Are the selected row and its place known? */
static bool find_selected(View *view, const Panel *panel, const Model *model) {
        list_rows(view, panel, model);
        for (size_t i = 0; i < view->n_rows; i++)
                if (string_equal(panel->id(model, view->rows[i]), view->selected)) {
                        view->at = i;
                        view->lost = false;
                        return true;
                }
        return false;
}

static bool acts_on_rows(const Panel *panel) {
        for (size_t i = 0; i < panel->n_keys; i++)
                if (panel->keys[i].on_row)
                        return true;
        return false;
}

bool view_follow(View *view, const Panel *panel, const Model *model) {
        size_t row;
        bool had = view_selected(view, &row) && acts_on_rows(panel);

        if (find_selected(view, panel, model))
                return true;
        /* A key that was meant for it must not act on what took its place. */
        if ((had || view->lost) && view->n_rows > 0) {
                view->lost = true;
                view->detail_open = false;
                if (view->at >= view->n_rows)
                        view->at = view->n_rows - 1;
        } else
                view_select(view, panel, model, view->at);
        return !had;
}

void view_look_up(View *view, const Panel *panel, const Model *model) {
        if (find_selected(view, panel, model))
                return;
        view->detail_open = view->lost = false;
        /* What is still being typed may let it through again. */
        if (view->n_rows > 0)
                view_select(view, panel, model, view->at);
}
