#include "tui/ui.h"

#include <stdarg.h>
#include <string.h>

#include "common/strings.h"

#define WIDTH_MIN 40
#define HEIGHT_MIN 8

void ui_init(Ui *ui, const Model *model) {
        *ui = (Ui) {.model = model, .height = HEIGHT_MIN, .width = WIDTH_MIN, .page = 1};
        ui_update(ui);
}

void ui_clear(Ui *ui) {
        for (size_t i = 0; i < VIEWS_MAX; i++)
                view_clear(&ui->views[i]);
}

const Panel *ui_panel(const Ui *ui) {
        return panels[ui->panel];
}

View *ui_view(Ui *ui) {
        return &ui->views[ui->panel];
}

bool ui_tiny(const Ui *ui) {
        return ui->height < HEIGHT_MIN || ui->width < WIDTH_MIN;
}

void ui_say(Ui *ui, Role role, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(ui->message.text, sizeof(ui->message.text), format, arguments);
        va_end(arguments);
        ui->message.role = role;
}

bool ui_selected(const Ui *ui, size_t *ret_row) {
        return view_selected(&ui->views[ui->panel], ret_row);
}

/* ---- rows and selection ---- */

static bool is_there(const Ui *ui, const char *id) {
        const Panel *panel = ui_panel(ui);
        size_t n = panel->n_rows(ui->model);

        for (size_t i = 0; i < n; i++)
                if (string_equal(panel->id(ui->model, i), id))
                        return true;
        return false;
}

/* A question about what is gone has its answer. */
static void check_question(Ui *ui) {
        if (ui->overlay != OVERLAY_QUESTION || is_there(ui, ui->dialog.id))
                return;
        ui->overlay = OVERLAY_NONE;
        ui_say(ui, ROLE_BUSY, "%s is gone", ui->dialog.name);
}

void ui_update(Ui *ui) {
        View *view = ui_view(ui);
        Span id, name;

        check_question(ui);
        span_set(&id, ROLE_TEXT, "%s", view->selected);
        span_set(&name, ROLE_TEXT, "%s", view->name);
        if (view_follow(view, ui_panel(ui), ui->model))
                return;
        if (is_there(ui, id.text))
                ui_say(ui, ROLE_BUSY, "%s is not among /%s any more", name.text, view->filter);
        else
                ui_say(ui, ROLE_BUSY, "%s is gone", name.text);
}

static void look_up(Ui *ui) {
        view_look_up(ui_view(ui), ui_panel(ui), ui->model);
}

static void select_at(Ui *ui, size_t at) {
        view_select(ui_view(ui), ui_panel(ui), ui->model, at);
}

static void show_panel(Ui *ui, size_t panel, Intent *ret) {
        if (ui->panel == panel)
                return;
        ui->panel = panel;
        look_up(ui);
        if (panels[panel] == &panel_host)
                ret->kind = INTENT_CHECK;
}

/* ---- keys ---- */

void ui_command_line(const Intent *intent, Span *ret) {
        span_set(ret, ROLE_TEXT, "banger %s%s%s%s", intent->action->words,
                 intent->force ? " --force" : "", intent->target[0] ? " " : "", intent->target);
}

static void intend(Intent *ret, const PanelKey *key, const char *target, bool force) {
        ret->action = panel_key_action(key, &ret->interface);
        ret->kind = ret->action && (ret->action->flags & ACTION_LOCAL) ? INTENT_SHELL : INTENT_CALL;
        ret->force = force;
        (void) snprintf(ret->target, sizeof(ret->target), "%s", target);
}

static void open_question(Ui *ui, const PanelKey *key, size_t row, bool force, Intent *ret) {
        const Panel *panel = ui_panel(ui);

        dialog_open(&ui->dialog, key, panel->id(ui->model, row), panel->name(ui->model, row),
                    force);
        key->ask(ui->model, row, &ui->dialog.question);
        ui->overlay = OVERLAY_QUESTION;
        ret->kind = INTENT_ASK;
}

bool ui_may(const Ui *ui, const PanelKey *key, size_t row, bool *ret_force, Span *why) {
        const Panel *panel = ui_panel(ui);
        const ComponentStatus *helper = model_component(ui->model, "bangerd-root");

        if (key->on_row && ui->model->link != LINK_UP) {
                span_set(why, ROLE_BAD, "cannot %s %s: bangerd is not there", key->label,
                         panel->name(ui->model, row));
                return false;
        }
        if (key->helper && helper && helper->state == COMPONENT_UNREACHABLE) {
                span_set(why, ROLE_BAD, "cannot %s %s: the helper is unreachable: %s", key->label,
                         panel->name(ui->model, row), helper->message ? helper->message : "?");
                return false;
        }
        if (!key->can || key->can(ui->model, row, ret_force, why))
                return true;
        why->role = ROLE_BUSY;
        return false;
}

static void press(Ui *ui, const PanelKey *key, Intent *ret) {
        const View *view = ui_view(ui);
        bool force = false;
        size_t row = 0;
        Span why;

        if (key->on_row && !ui_selected(ui, &row)) {
                if (view->lost)
                        ui_say(ui, ROLE_BUSY,
                               "%s is not selected any more: go to the row that you mean",
                               view->name);
                return;
        }
        if (!ui_may(ui, key, row, &force, &why))
                ui_say(ui, why.role, "%s", why.text);
        else if (key->ask)
                open_question(ui, key, row, force, ret);
        else
                intend(ret, key, key->on_row ? ui_panel(ui)->name(ui->model, row) : "", force);
}

static bool panel_key(Ui *ui, int pressed, Intent *ret) {
        const Panel *panel = ui_panel(ui);

        for (size_t i = 0; i < panel->n_keys; i++)
                if (panel->keys[i].key == pressed && panel_key_action(&panel->keys[i], NULL)) {
                        press(ui, &panel->keys[i], ret);
                        return true;
                }
        return false;
}

/* The commands that the selected row's keys stand for. */
static void show_commands(Ui *ui) {
        const Panel *panel = ui_panel(ui);
        char text[SPAN_MAX] = "";
        size_t row = 0, used = 0;
        bool on_row = ui_selected(ui, &row);

        for (size_t i = 0; i < panel->n_keys && used < sizeof(text); i++) {
                Intent intent = {.kind = INTENT_NONE};
                Span line, why;

                if (!panel_key_action(&panel->keys[i], NULL) || (panel->keys[i].on_row && !on_row))
                        continue;
                if (panel->keys[i].can &&
                    !panel->keys[i].can(ui->model, row, &intent.force, &why))
                        continue;
                intend(&intent, &panel->keys[i],
                       panel->keys[i].on_row ? panel->name(ui->model, row) : "", intent.force);
                ui_command_line(&intent, &line);
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s",
                                          used > 0 ? "; " : "", line.text);
        }
        ui_say(ui, ROLE_TEXT, "%s", used > 0 ? text : "no command for this");
}

static void move(Ui *ui, long by) {
        View *view = ui_view(ui);
        long at = (long) view->at + by;

        if (view->detail_open) {
                at = (long) view->detail_top + by;
                view->detail_top = at > 0 ? (size_t) at : 0;
                return;
        }
        /* From nothing to what is in its place. */
        if (view->lost)
                at = (long) view->at;
        select_at(ui, at > 0 ? (size_t) at : 0);
}

static bool moving_key(Ui *ui, int key) {
        View *view = ui_view(ui);

        switch (key) {
        case KEY_ARROW_UP:
        case 'k':
                move(ui, -1);
                return true;
        case KEY_ARROW_DOWN:
        case 'j':
                move(ui, 1);
                return true;
        case KEY_PAGE_UP:
                move(ui, -ui->page);
                return true;
        case KEY_PAGE_DOWN:
                move(ui, ui->page);
                return true;
        case KEY_FIRST:
        case 'g':
                select_at(ui, 0);
                return true;
        case KEY_LAST:
        case 'G':
                select_at(ui, view->n_rows > 0 ? view->n_rows - 1 : 0);
                return true;
        default:
                return false;
        }
}

static void turn_tab(Ui *ui, int by) {
        View *view = ui_view(ui);
        size_t n = 0;

        while (ui_panel(ui)->tabs[n])
                n++;
        if (n == 0)
                return;
        view->tab = by > 0 ? (view->tab + 1) % n : (view->tab + n - 1) % n;
        view->detail_top = 0;
}

static void sort(Ui *ui, int key) {
        View *view = ui_view(ui);
        const Panel *panel = ui_panel(ui);

        if (key == 'o' ? view_sort_next(view, panel) : view_sort_reverse(view, panel))
                look_up(ui);
}

static void plain_key(Ui *ui, int key, Intent *ret) {
        View *view = ui_view(ui);
        size_t row;

        switch (key) {
        case 'q':
                ret->kind = INTENT_QUIT;
                break;
        case KEY_CTRL_L:
                ret->kind = INTENT_REPAINT;
                break;
        case '?':
                ui->overlay = OVERLAY_HELP;
                ui->help_top = 0;
                break;
        case '/':
                ui->overlay = OVERLAY_FILTER;
                break;
        case 'Y':
                show_commands(ui);
                break;
        case 'o':
        case 'O':
                sort(ui, key);
                break;
        case 'z':
                ui->frozen = true;
                ui_say(ui, ROLE_STRONG, "frozen; any key goes on");
                break;
        case '[':
        case ']':
                turn_tab(ui, key == ']' ? 1 : -1);
                break;
        case KEY_RETURN:
                view->detail_open = ui_selected(ui, &row);
                break;
        case KEY_ESCAPE:
                if (!view->detail_open)
                        view->filter[0] = '\0';
                view->detail_open = false;
                look_up(ui);
                break;
        default:
                break;
        }
}

static void filter_key(Ui *ui, int key) {
        View *view = ui_view(ui);
        size_t length = strlen(view->filter);

        if (key == KEY_RETURN || key == KEY_ESCAPE)
                ui->overlay = OVERLAY_NONE;
        if (key == KEY_ESCAPE)
                view->filter[0] = '\0';
        else if (key == KEY_ERASE && length > 0)
                view->filter[length - 1] = '\0';
        else if (key >= KEY_SPACE && key < KEY_ERASE && length + 1 < sizeof(view->filter)) {
                view->filter[length] = (char) key;
                view->filter[length + 1] = '\0';
        }
        look_up(ui);
}

static void question_key(Ui *ui, int key, Intent *ret) {
        switch (dialog_key(&ui->dialog, key)) {
        case DIALOG_AGREED:
                intend(ret, ui->dialog.key, ui->dialog.name, ui->dialog.force);
                ui->overlay = OVERLAY_NONE;
                break;
        case DIALOG_CANCELED:
                ui_say(ui, ROLE_TEXT, "nothing was changed");
                ui->overlay = OVERLAY_NONE;
                break;
        case DIALOG_STAYS:
                break;
        }
}

static void help_key(Ui *ui, int key) {
        if (key == KEY_ARROW_DOWN || key == 'j' || key == KEY_PAGE_DOWN)
                ui->help_top += key == KEY_PAGE_DOWN ? (size_t) ui->page : 1;
        else if (key == KEY_ARROW_UP || key == 'k' || key == KEY_PAGE_UP)
                ui->help_top -= ui->help_top > 0;
        else
                ui->overlay = OVERLAY_NONE;
}

static size_t find_digit(int key) {
        size_t i = 0;

        while (i < n_panels && panels[i]->digit != key)
                i++;
        return i;
}

void ui_key(Ui *ui, int key, Intent *ret) {
        *ret = (Intent) {.kind = INTENT_NONE};
        /* What cannot be seen is not done. */
        if (ui_tiny(ui) && key != 'q' && key != KEY_CTRL_L)
                return;
        ui->message.text[0] = '\0';
        if (ui->frozen) {
                ui->frozen = false;
                return;
        }
        switch (ui->overlay) {
        case OVERLAY_QUESTION:
                question_key(ui, key, ret);
                return;
        case OVERLAY_FILTER:
                filter_key(ui, key);
                return;
        case OVERLAY_HELP:
                help_key(ui, key);
                return;
        case OVERLAY_NONE:
                break;
        }
        if (find_digit(key) < n_panels)
                show_panel(ui, find_digit(key), ret);
        else if (!moving_key(ui, key) && !panel_key(ui, key, ret))
                plain_key(ui, key, ret);
}
