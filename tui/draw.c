/* Draws what ui.c keeps. */
#include <string.h>

#include "common/text.h"
#include "tui/header.h"
#include "tui/help.h"
#include "tui/layout.h"
#include "tui/ui.h"

#define MARGIN 1
#define LABEL_WIDTH 10
#define MESSAGE_ROWS 3 /* that a message may take */
#define TALL_ROWS 20  /* on a screen of at least so many; one less on a smaller one */

static void measure_columns(const Ui *ui, const Panel *panel, const View *view,
                            LayoutColumn *columns) {
        for (size_t i = 0; i < panel->n_columns; i++)
                columns[i] = (LayoutColumn) {
                        .min = panel->columns[i].width_min,
                        .max = panel->columns[i].width_max,
                };
        for (size_t row = 0; row < view->n_rows; row++)
                for (size_t i = 0; i < panel->n_columns; i++) {
                        Span span;
                        int width;

                        panel->cell(ui->model, view->rows[row], i, &span);
                        width = (int) text_width(span.text);
                        if (width > columns[i].content)
                                columns[i].content = width;
                }
}

static void draw_cell(Canvas *canvas, int y, int x, int width, bool right, Role role,
                      const char *text) {
        if (right)
                canvas_text_right(canvas, y, x, width, role, text);
        else
                canvas_text(canvas, y, x, width, role, text);
}

static void draw_row(const Ui *ui, const Panel *panel, const LayoutColumn *columns, size_t row,
                     Rect rect, bool selected, Canvas *canvas) {
        bool stale = model_stale(ui->model);
        int x = rect.x + MARGIN;

        for (size_t i = 0; i < panel->n_columns && columns[i].width > 0; i++) {
                Span span;

                panel->cell(ui->model, row, i, &span);
                draw_cell(canvas, rect.y, x, columns[i].width, panel->columns[i].right,
                          stale ? ROLE_FAINT : span.role, span.text);
                x += columns[i].width + LAYOUT_GAP;
        }
        if (selected)
                canvas_paint(canvas, rect, ROLE_SELECTED);
}

static void draw_titles(const Panel *panel, const LayoutColumn *columns, Rect rect,
                        Canvas *canvas) {
        int x = rect.x + MARGIN;

        for (size_t i = 0; i < panel->n_columns && columns[i].width > 0; i++) {
                draw_cell(canvas, rect.y, x, columns[i].width, panel->columns[i].right, ROLE_TITLE,
                          panel->columns[i].title);
                x += columns[i].width + LAYOUT_GAP;
        }
        canvas_paint(canvas, rect, ROLE_TITLE);
}

/* Without rows and without a daemon, the list's place is for the reason. */
static bool shows_trouble(const Ui *ui) {
        return ui->views[ui->panel].n_rows == 0 && ui_panel(ui) != &panel_host &&
               ui->model->link != LINK_UP;
}

/* Why the list is empty, where there are neither rows nor trouble of their own. */
static void draw_empty(const Ui *ui, const View *view, Rect rect, Canvas *canvas) {
        const Panel *panel = ui_panel(ui);
        Span span, hint;
        int used, y = rect.y + 1 + (rect.height > 6);
        Rect room;

        if (view->filter[0] && panel->n_rows(ui->model) > 0) {
                span_set(&span, ROLE_TEXT, "No row has \"%s\"; Esc shows all", view->filter);
                span_set(&hint, ROLE_TEXT, "%s", "");
        } else if (!shows_trouble(ui) || !header_trouble(ui->model, &span, &hint)) {
                panel->empty(ui->model, &span);
                span_set(&hint, ROLE_TEXT, "%s", "");
        }
        room = (Rect) {y, rect.x + MARGIN, rect.y + rect.height - y, rect.width - 2 * MARGIN};
        used = canvas_wrap(canvas, room, span.role, span.text);
        room.y += used;
        room.height -= used;
        if (hint.text[0] && room.height > 0)
                canvas_wrap(canvas, room, hint.role, hint.text);
}

static void draw_list(Ui *ui, Rect rect, Canvas *canvas) {
        const Panel *panel = ui_panel(ui);
        View *view = ui_view(ui);
        LayoutColumn columns[LAYOUT_COLUMNS_MAX];
        size_t page = rect.height > 1 ? (size_t) rect.height - 1 : 1;

        ui->page = (int) page;
        measure_columns(ui, panel, view, columns);
        layout_columns(columns, panel->n_columns, rect.width - 2 * MARGIN);
        draw_titles(panel, columns, (Rect) {rect.y, rect.x, 1, rect.width}, canvas);
        if (view->n_rows == 0) {
                draw_empty(ui, view, rect, canvas);
                return;
        }
        if (view->top + page > view->n_rows)
                view->top = view->n_rows > page ? view->n_rows - page : 0;
        if (view->at < view->top)
                view->top = view->at;
        if (view->at >= view->top + page)
                view->top = view->at - page + 1;
        for (size_t i = 0; i < page && view->top + i < view->n_rows; i++)
                draw_row(ui, panel, columns, view->rows[view->top + i],
                         (Rect) {rect.y + 1 + (int) i, rect.x, 1, rect.width},
                         !view->lost && view->top + i == view->at, canvas);
}

/* ---- detail ---- */

static void draw_detail_title(const Ui *ui, const View *view, size_t row, Rect rect,
                              Canvas *canvas) {
        const Panel *panel = ui_panel(ui);
        int x = rect.x + MARGIN, end = rect.x + rect.width - MARGIN;

        canvas_fill(canvas, (Rect) {rect.y, rect.x, 1, rect.width}, ROLE_FAINT, 0x2500);
        x += canvas_format(canvas, rect.y, x, end - x, ROLE_STRONG, " %s ",
                           panel->name(ui->model, row));
        for (size_t i = 0; panel->tabs[i] && panel->tabs[1]; i++)
                x += canvas_format(canvas, rect.y, x + 1, end - x - 1,
                                   i == view->tab ? ROLE_SELECTED : ROLE_TEXT, " %s ",
                                   panel->tabs[i]) + 1;
}

static void fill_detail(const Ui *ui, const View *view, size_t row, int width, Detail *detail) {
        *detail = (Detail) {.width = width - LABEL_WIDTH - 2 * MARGIN};
        ui_panel(ui)->detail(ui->model, row, view->tab, detail);
}

static void draw_detail(Ui *ui, size_t row, Rect rect, Canvas *canvas) {
        View *view = ui_view(ui);
        Detail detail;
        size_t last;
        int y = 1;

        fill_detail(ui, view, row, rect.width, &detail);
        draw_detail_title(ui, view, row, rect, canvas);
        last = detail.n_lines > (size_t) rect.height - 1 ? detail.n_lines - (size_t) rect.height + 1
                                                         : 0;
        if (view->detail_top > last)
                view->detail_top = last;
        for (size_t i = view->detail_top; i < detail.n_lines && y < rect.height; i++) {
                const char *label = detail.lines[i].label;
                bool wide = !label && view->tab > 0;
                int x = rect.x + MARGIN + (wide ? 0 : LABEL_WIDTH);
                Rect room = {rect.y + y, x, rect.height - y, rect.x + rect.width - MARGIN - x};

                if (label)
                        canvas_text(canvas, rect.y + y, rect.x + MARGIN, LABEL_WIDTH - 1,
                                    ROLE_FAINT, label);
                y += canvas_wrap(canvas, room, detail.lines[i].value.role,
                                 detail.lines[i].value.text);
        }
}

/* ---- the last two rows ---- */

/* A long one goes over the rows above: what to do stands at its end. */
static void draw_lines(Canvas *canvas, int y, Role role, const char *text) {
        int most = canvas->height >= TALL_ROWS ? MESSAGE_ROWS : MESSAGE_ROWS - 1;
        int rows = canvas_wrap_rows(canvas, canvas->width - 2 * MARGIN, text);
        Rect room;

        if (rows > most)
                rows = most;
        room = (Rect) {y - rows + 1, 0, rows, canvas->width};
        canvas_fill(canvas, room, ROLE_TEXT, ' ');
        room.x += MARGIN;
        room.width -= 2 * MARGIN;
        canvas_wrap(canvas, room, role, text);
}

static void draw_message(const Ui *ui, int y, Canvas *canvas) {
        const View *view = &ui->views[ui->panel];
        char text[2 * SPAN_MAX + 2];
        Span message, hint;

        if (ui->overlay == OVERLAY_FILTER) {
                canvas->cursor_x = MARGIN + canvas_format(canvas, y, MARGIN,
                                                          canvas->width - 2 * MARGIN, ROLE_STRONG,
                                                          "/%s", view->filter);
                canvas->cursor_y = y;
                return;
        }
        if (ui->message.text[0]) {
                draw_lines(canvas, y, ui->message.role, ui->message.text);
                return;
        }
        if (shows_trouble(ui) || !header_trouble(ui->model, &message, &hint))
                return;
        (void) snprintf(text, sizeof(text), "%s%s%s", message.text, hint.text[0] ? "; " : "",
                        hint.text);
        draw_lines(canvas, y, message.role, text);
}

static int draw_key(Canvas *canvas, int y, int x, const char *key, const char *label) {
        int used, width = canvas->width - x;

        if ((int) (strlen(key) + strlen(label)) + 3 > width)
                return 0;
        used = canvas_text(canvas, y, x, width, ROLE_KEY, key);
        used += 1 + canvas_text(canvas, y, x + used + 1, width, ROLE_TEXT, label);
        return used + 2;
}

static void draw_keys(const Ui *ui, int y, Canvas *canvas) {
        const Panel *panel = ui_panel(ui);
        const View *view = &ui->views[ui->panel];
        int x = MARGIN;
        bool force;
        Span why;

        for (size_t i = 0; i < panel->n_keys; i++) {
                const PanelKey *key = &panel->keys[i];
                const char text[] = {(char) key->key, '\0'};
                size_t row = 0;

                if (!panel_key_action(key, NULL) || (key->on_row && !ui_selected(ui, &row)))
                        continue;
                /* What would be refused is not offered. */
                if (!ui_may(ui, key, row, &force, &why))
                        continue;
                x += draw_key(canvas, y, x, text, key->label);
        }
        if (view->detail_open)
                x += draw_key(canvas, y, x, "Esc", "back");
        x += draw_key(canvas, y, x, "?", "help");
        x += draw_key(canvas, y, x, "q", "quit");
        if (view->n_rows > 0 && !view->detail_open) {
                x += draw_key(canvas, y, x, "Enter", "open");
                x += draw_key(canvas, y, x, "/", "filter");
                draw_key(canvas, y, x, "Y", "commands");
        }
}

static void draw_tiny(const Ui *ui, Canvas *canvas) {
        Span line;

        header_line(ui->model, &line);
        canvas_text(canvas, 0, 0, canvas->width, line.role, line.text);
}

void ui_draw(Ui *ui, Canvas *canvas) {
        View *view = ui_view(ui);
        Detail detail = {.n_lines = 0};
        bool selected;
        size_t row = 0;
        Layout layout;

        ui->height = canvas->height;
        ui->width = canvas->width;
        canvas_clear(canvas);
        if (ui_tiny(ui)) {
                draw_tiny(ui, canvas);
                return;
        }
        selected = ui_selected(ui, &row);
        if (selected)
                fill_detail(ui, view, row, canvas->width, &detail);
        layout = layout_screen(canvas->height, canvas->width, view->detail_open, (int) view->n_rows,
                               (int) detail.n_lines);
        header_draw(ui->model, canvas, layout.header);
        header_draw_tabs(ui, view, canvas, layout.tabs);
        if (layout.list.height > 0)
                draw_list(ui, layout.list, canvas);
        if (layout.detail.height > 0 && selected)
                draw_detail(ui, row, layout.detail, canvas);
        draw_message(ui, layout.message, canvas);
        draw_keys(ui, layout.keys, canvas);
        if (ui->overlay == OVERLAY_HELP)
                help_draw(canvas,
                          (Rect) {layout.tabs + 1, 0, layout.message - layout.tabs - 1,
                                  canvas->width},
                          &ui->help_top);
        if (ui->overlay == OVERLAY_QUESTION)
                dialog_draw(&ui->dialog, canvas);
}
