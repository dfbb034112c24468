#include "tui/header.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/strings.h"
#include "tui/figures.h"

#define ANSWER_PATIENCE_USEC (3 * USEC_PER_SEC)
#define NARROW 60
#define BAR_MIN 4
#define BAR_MAX 24
#define LEVEL_BUSY 75 /* percent */
#define LEVEL_BAD 90

/* Writes along a row. */
typedef struct Pen {
        Canvas *canvas;
        int y, x;
} Pen;

static void pen_text(Pen *pen, Role role, const char *text) {
        pen->x += canvas_text(pen->canvas, pen->y, pen->x, pen->canvas->width - pen->x, role, text);
}

static bool silent(const Model *model) {
        return model->asked_usec > 0 && model->now_usec - model->asked_usec > ANSWER_PATIENCE_USEC;
}

static bool differs(const Model *model) {
        return model->differs.message ||
               (model->has_status && !string_equal(model->status.version, model->version));
}

/* One or two words for the daemon that the console talks to. */
static const char *daemon_word(const Model *model, Role *ret_role) {
        *ret_role = ROLE_BAD;
        if (model->link == LINK_DOWN && model->down.kind == ERROR_NOT_INSTALLED)
                return "not installed";
        if (model->link == LINK_DOWN && model->down.kind == ERROR_NOT_PERMITTED)
                return "not yours";
        if (model->link == LINK_DOWN)
                return model->down.kind == ERROR_UNREACHABLE ? "stopped" : "down";
        *ret_role = ROLE_BUSY;
        if (silent(model))
                return "silent";
        if (model->link == LINK_CONNECTING)
                return "…";
        if (differs(model))
                return "other version";
        *ret_role = ROLE_GOOD;
        return "ok";
}

static const char *helper_word(const Model *model, Role *ret_role) {
        static const struct {
                const char *word;
                Role role;
        } words[] = {
                [COMPONENT_OK] = {"ok", ROLE_GOOD},
                [COMPONENT_UNREACHABLE] = {"unreachable", ROLE_BAD},
                [COMPONENT_DIFFERENT] = {"other version", ROLE_BUSY},
                [COMPONENT_DEGRADED] = {"degraded", ROLE_BUSY},
        };
        const ComponentStatus *helper = model_component(model, "bangerd-root");

        *ret_role = ROLE_FAINT;
        if (!helper || model->link != LINK_UP)
                return "?";
        *ret_role = words[helper->state].role;
        return words[helper->state].word;
}

static size_t n_broken(const Model *model) {
        size_t n = 0;

        for (size_t i = 0; i < model->vms.vms.n_items; i++)
                n += model_vm(model, i)->state == VM_BROKEN;
        return n;
}

static void draw_daemons(const Model *model, Pen *pen, bool narrow) {
        Role daemon_role, helper_role;
        const char *daemon = daemon_word(model, &daemon_role);
        const char *helper = helper_word(model, &helper_role);
        bool well = daemon_role == ROLE_GOOD && helper_role == ROLE_GOOD;

        if (narrow && well) {
                pen_text(pen, ROLE_GOOD, "ok");
                return;
        }
        pen_text(pen, ROLE_TEXT, "bangerd ");
        pen_text(pen, daemon_role, daemon);
        /* Without the daemon nobody knows about the helper. */
        if (model->link == LINK_DOWN || (narrow && helper_role == ROLE_GOOD))
                return;
        pen_text(pen, ROLE_TEXT, " · helper ");
        pen_text(pen, helper_role, helper);
}

static void draw_counts(const Model *model, Pen *pen) {
        char text[64];

        if (!model->has_vms)
                return;
        (void) snprintf(text, sizeof(text), " · %zu/%zu running", model_n_running(model),
                        model->vms.vms.n_items);
        pen_text(pen, ROLE_TEXT, text);
        if (n_broken(model) == 0)
                return;
        (void) snprintf(text, sizeof(text), " · %zu broken", n_broken(model));
        pen_text(pen, ROLE_BAD, text);
}

static void draw_bar(Pen *pen, int width, unsigned percent) {
        Role role = percent >= LEVEL_BAD ? ROLE_BAD : percent >= LEVEL_BUSY ? ROLE_BUSY : ROLE_GOOD;
        int full = (int) ((percent * (unsigned) width + 50) / 100);

        if (full > width)
                full = width;
        canvas_fill(pen->canvas, (Rect) {pen->y, pen->x, 1, full}, role, 0x2501);
        canvas_fill(pen->canvas, (Rect) {pen->y, pen->x + full, 1, width - full}, ROLE_FAINT,
                    0x2500);
        pen->x += width + 1;
}

/* One of three figures side by side, each with the same room. */
static void draw_figure(Pen *pen, int room, const char *label, unsigned percent,
                        const char *number) {
        int begin = pen->x, bar;

        pen_text(pen, ROLE_FAINT, label);
        pen->x++;
        bar = room - (int) strlen(label) - (int) strlen(number) - 4;
        if (bar >= BAR_MIN)
                draw_bar(pen, bar > BAR_MAX ? BAR_MAX : bar, percent);
        pen_text(pen, ROLE_TEXT, number);
        pen->x = pen->x - begin + 2 > room ? pen->x + 2 : begin + room;
}

static void draw_figures(const Model *model, Canvas *canvas, int y) {
        const HostSample *sample = &model->sample;
        Pen pen = {.canvas = canvas, .y = y, .x = 1};
        int room = (canvas->width - 2) / 3;
        char number[64], share[FIGURE_MAX], committed[FIGURE_MAX];

        (void) snprintf(number, sizeof(number), "%3d%%", sample->cpu_percent);
        if (sample->cpu_percent < 0)
                (void) snprintf(number, sizeof(number), "  -%%");
        draw_figure(&pen, room, "cpu", sample->cpu_percent < 0 ? 0 : (unsigned) sample->cpu_percent,
                    number);
        if (sample->memory_total > 0) {
                (void) snprintf(number, sizeof(number), "%s",
                                figure_share(sample->memory_used, sample->memory_total, share));
                if (canvas->width >= BAR_MAX * 4 && model->has_vms)
                        (void) snprintf(number, sizeof(number), "%s, VMs %s", share,
                                        figure_bytes(model_committed_bytes(model), committed));
                draw_figure(&pen, room, "mem",
                            (unsigned) (100 * sample->memory_used / sample->memory_total), number);
        }
        if (sample->disk_total > 0)
                draw_figure(&pen, room, "disk",
                            (unsigned) (100 * sample->disk_used / sample->disk_total),
                            figure_share(sample->disk_used, sample->disk_total, share));
}

void header_draw(const Model *model, Canvas *canvas, int y) {
        Pen pen = {.canvas = canvas, .y = y, .x = 1};
        char version[64];

        if (model->has_status) {
                pen_text(&pen, ROLE_STRONG, model->status.host);
                pen_text(&pen, ROLE_TEXT, " · ");
        } else {
                pen_text(&pen, ROLE_STRONG, "banger");
                pen_text(&pen, ROLE_TEXT, " · ");
        }
        draw_daemons(model, &pen, canvas->width < NARROW);
        draw_counts(model, &pen);
        (void) snprintf(version, sizeof(version), "banger %s", model->version);
        if (pen.x + (int) strlen(version) + 2 < canvas->width)
                canvas_text_right(canvas, y, pen.x, canvas->width - pen.x - 1, ROLE_FAINT, version);
        draw_figures(model, canvas, y + 1);
}

/* "by MEM ↓  /web  2 of 3" */
static void set_place(const Panel *panel, const View *view, Span *ret) {
        char order[32] = "", filter[FILTER_MAX + 4] = "";
        size_t row, at = view_selected(view, &row) ? view->at + 1 : 0;

        if (view_sorted(view))
                (void) snprintf(order, sizeof(order), "by %s %s  ",
                                panel->columns[view->sort].title, view->reverse ? "↓" : "↑");
        if (view->filter[0])
                (void) snprintf(filter, sizeof(filter), "/%s  ", view->filter);
        if (view->filter[0] || view->n_rows > 0)
                span_set(ret, order[0] || filter[0] ? ROLE_STRONG : ROLE_FAINT, "%s%s%zu of %zu",
                         order, filter, at, view->n_rows);
}

void header_draw_tabs(const Ui *ui, const View *view, Canvas *canvas, int y) {
        const Model *model = ui->model;
        Pen pen = {.canvas = canvas, .y = y, .x = 1};
        char age[FIGURE_MAX];
        Span right = {.text = ""};

        for (size_t i = 0; i < n_panels; i++) {
                Role role = i == ui->panel ? ROLE_SELECTED : ROLE_TEXT;

                pen.x += canvas_format(canvas, y, pen.x, canvas->width - pen.x, role, " %c %s ",
                                       panels[i]->digit, panels[i]->title);
        }
        if (model_stale(model))
                span_set(&right, ROLE_BAD, "STALE %s",
                         figure_age((int64_t) ((model->now_usec - model->down_usec) / USEC_PER_SEC),
                                    age));
        else
                set_place(ui_panel(ui), view, &right);
        canvas_text_right(canvas, y, pen.x + 1, canvas->width - pen.x - 2, right.role, right.text);
}

bool header_trouble(const Model *model, Span *message, Span *hint) {
        const ComponentStatus *helper = model_component(model, "bangerd-root");

        span_set(hint, ROLE_STRONG, "%s", "");
        if (model->link == LINK_DOWN) {
                span_set(message, ROLE_BAD, "%s",
                         model->down.message ? model->down.message : "bangerd is not there");
                span_set(hint, ROLE_STRONG, "%s", model->down.hint ? model->down.hint : "");
                return true;
        }
        if (silent(model)) {
                span_set(message, ROLE_BUSY, "bangerd does not answer; waiting for it");
                return true;
        }
        if (model->differs.message) {
                span_set(message, ROLE_BUSY, "bangerd is of another version: %s",
                         model->differs.message);
                span_set(hint, ROLE_STRONG, "run: sudo banger system restart");
                return true;
        }
        if (differs(model)) {
                span_set(message, ROLE_BUSY, "bangerd is version %s, this console is %s",
                         model->status.version, model->version);
                span_set(hint, ROLE_STRONG, "run: sudo banger system restart");
                return true;
        }
        if (model->unlisted.message) {
                span_set(message, ROLE_BUSY, "bangerd does not tell everything: %s",
                         model->unlisted.message);
                span_set(hint, ROLE_STRONG, "%s", model->unlisted.hint ? model->unlisted.hint : "");
                return true;
        }
        if (helper && helper->state != COMPONENT_OK && model->link == LINK_UP) {
                span_set(message, ROLE_BUSY, "helper: %s", helper->message ? helper->message : "?");
                return true;
        }
        return false;
}

void header_line(const Model *model, Span *ret) {
        const HostSample *sample = &model->sample;
        char share[FIGURE_MAX], cpu[16] = "", memory[FIGURE_MAX + 8] = "", wrong[16] = "";
        Role role;

        (void) daemon_word(model, &role);
        if (model->link == LINK_DOWN) {
                span_set(ret, ROLE_BAD, "bgr off");
                return;
        }
        if (sample->cpu_percent >= 0)
                (void) snprintf(cpu, sizeof(cpu), " cpu%d", sample->cpu_percent);
        if (sample->memory_total > 0)
                (void) snprintf(memory, sizeof(memory), " mem%s",
                                figure_share(sample->memory_used, sample->memory_total, share));
        if (n_broken(model) > 0)
                (void) snprintf(wrong, sizeof(wrong), " %zu!", n_broken(model));
        span_set(ret, role == ROLE_GOOD ? ROLE_TEXT : role, "bgr %zu/%zu%s%s%s",
                 model_n_running(model), model->vms.vms.n_items, cpu, memory, wrong);
}
