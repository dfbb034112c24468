#pragma once
/* What the user sees and does: the views, what is selected, dialogs, messages. A key becomes an
 * intent, which the console carries out; drawing goes to a canvas. No terminal, no socket. */
#include "tui/dialog.h"
#include "tui/key.h"
#include "tui/view.h"

#define VIEWS_MAX 8

typedef enum IntentKind {
        INTENT_NONE,
        INTENT_QUIT,
        INTENT_REPAINT, /* the terminal shows something else than was drawn */
        INTENT_CALL,    /* action, on target */
        INTENT_SHELL,   /* action, by the command on the terminal */
        INTENT_CHECK,   /* look at the host again */
        INTENT_ASK,     /* a dialog was opened: what was typed before it was seen does not count */
} IntentKind;

typedef struct Intent {
        IntentKind kind;
        const Interface *interface;
        const Action *action;
        char target[SPAN_MAX]; /* name; "": none */
        bool force;
} Intent;

typedef enum Overlay {
        OVERLAY_NONE,
        OVERLAY_HELP,
        OVERLAY_QUESTION,
        OVERLAY_FILTER,
} Overlay;

typedef struct Ui {
        const Model *model;
        size_t panel;
        View views[VIEWS_MAX];
        Overlay overlay;
        size_t help_top;
        Dialog dialog;
        Span message;
        bool frozen; /* what is shown stays until the next key */
        int height, width, page; /* as last drawn; page: rows of the list */
} Ui;

void ui_init(Ui *ui, const Model *model);
void ui_clear(Ui *ui);
/* After the model changed: rows are looked up anew, the selection stays on its object. */
void ui_update(Ui *ui);
void ui_key(Ui *ui, int key, Intent *ret);
/* A line for the user until the next key. */
void ui_say(Ui *ui, Role role, const char *format, ...) _printf_(3, 4);
void ui_draw(Ui *ui, Canvas *canvas);

const Panel *ui_panel(const Ui *ui);
View *ui_view(Ui *ui);
/* The model's row that is selected; false where there is none. */
bool ui_selected(const Ui *ui, size_t *ret_row);
/* Does the key do something now? False: why holds the reason. */
bool ui_may(const Ui *ui, const PanelKey *key, size_t row, bool *ret_force, Span *why);
/* "banger vm delete --force web" */
void ui_command_line(const Intent *intent, Span *ret);
/* Too small for more than a line of status. */
bool ui_tiny(const Ui *ui);
