#pragma once
/* Asks before something is lost. Cancel has the focus; some want the object's name typed. */
#include "tui/panel.h"

#define DIALOG_TYPED_MAX 64

typedef enum DialogResult {
        DIALOG_STAYS,
        DIALOG_CANCELED,
        DIALOG_AGREED,
} DialogResult;

typedef struct Dialog {
        const PanelKey *key;
        char id[SPAN_MAX], name[SPAN_MAX];
        bool force;
        Question question;
        char typed[DIALOG_TYPED_MAX];
        bool agreeing; /* the focus is not on Cancel */
} Dialog;

void dialog_open(Dialog *dialog, const PanelKey *key, const char *id, const char *name, bool force);
DialogResult dialog_key(Dialog *dialog, int key);
/* In the middle of the canvas, over what is there. */
void dialog_draw(const Dialog *dialog, Canvas *canvas);
