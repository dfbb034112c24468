#include "tui/dialog.h"

#include <ctype.h>
#include <string.h>

#include "tui/key.h"

#define WIDTH_MAX 64
#define MARGIN 2

void dialog_open(Dialog *dialog, const PanelKey *key, const char *id, const char *name,
                 bool force) {
        *dialog = (Dialog) {.key = key, .force = force};
        (void) snprintf(dialog->id, sizeof(dialog->id), "%s", id);
        (void) snprintf(dialog->name, sizeof(dialog->name), "%s", name);
}

static bool may_agree(const Dialog *dialog) {
        return !dialog->question.type_name || strcmp(dialog->typed, dialog->name) == 0;
}

static void type_character(Dialog *dialog, int key) {
        size_t length = strlen(dialog->typed);

        if (key == KEY_ERASE && length > 0)
                dialog->typed[length - 1] = '\0';
        else if (key > KEY_SPACE && key < KEY_ERASE && length + 1 < sizeof(dialog->typed))
                dialog->typed[length] = (char) key;
        /* The last letter leads on to the button. */
        dialog->agreeing = may_agree(dialog);
}

DialogResult dialog_key(Dialog *dialog, int key) {
        switch (key) {
        case KEY_ESCAPE:
                return DIALOG_CANCELED;
        case KEY_RETURN:
                return dialog->agreeing ? DIALOG_AGREED : DIALOG_CANCELED;
        case KEY_TAB:
        case KEY_ARROW_LEFT:
        case KEY_ARROW_RIGHT:
                dialog->agreeing = !dialog->agreeing && may_agree(dialog);
                return DIALOG_STAYS;
        default:
                if (dialog->question.type_name)
                        type_character(dialog, key);
                return DIALOG_STAYS;
        }
}

static void draw_box(Canvas *canvas, Rect box) {
        int right = box.x + box.width - 1, bottom = box.y + box.height - 1;

        canvas_fill(canvas, box, ROLE_TEXT, ' ');
        canvas_fill(canvas, (Rect) {box.y, box.x, 1, box.width}, ROLE_STRONG, 0x2500);
        canvas_fill(canvas, (Rect) {bottom, box.x, 1, box.width}, ROLE_STRONG, 0x2500);
        canvas_fill(canvas, (Rect) {box.y, box.x, box.height, 1}, ROLE_STRONG, 0x2502);
        canvas_fill(canvas, (Rect) {box.y, right, box.height, 1}, ROLE_STRONG, 0x2502);
        canvas_fill(canvas, (Rect) {box.y, box.x, 1, 1}, ROLE_STRONG, 0x250c);
        canvas_fill(canvas, (Rect) {box.y, right, 1, 1}, ROLE_STRONG, 0x2510);
        canvas_fill(canvas, (Rect) {bottom, box.x, 1, 1}, ROLE_STRONG, 0x2514);
        canvas_fill(canvas, (Rect) {bottom, right, 1, 1}, ROLE_STRONG, 0x2518);
}

static void draw_buttons(const Dialog *dialog, Canvas *canvas, int y, int x, int width) {
        Role cancel = dialog->agreeing ? ROLE_TEXT : ROLE_SELECTED;
        Role agree = dialog->agreeing ? ROLE_SELECTED : may_agree(dialog) ? ROLE_TEXT : ROLE_FAINT;
        int used = canvas_text(canvas, y, x, width, cancel, "[ Cancel ]");

        canvas_format(canvas, y, x + used + MARGIN, width - used - MARGIN, agree, "[ %s ]",
                      dialog->key->label);
}

/* "Delete vm": the words of the action the other way round. */
static void draw_title(const Dialog *dialog, Canvas *canvas, int y, int x, int width) {
        const char *words = dialog->key->words, *label = dialog->key->label;

        canvas_format(canvas, y, x, width, ROLE_STRONG, "%c%s %.*s \"%s\"?", toupper(label[0]),
                      label + 1, (int) strcspn(words, " "), words, dialog->name);
}

static int question_rows(const Question *question, const Canvas *canvas, int width) {
        int rows = 0;

        for (size_t i = 0; i < question->n_lines; i++)
                rows += canvas_wrap_rows(canvas, width, question->lines[i].text);
        return rows;
}

void dialog_draw(const Dialog *dialog, Canvas *canvas) {
        const Question *question = &dialog->question;
        Rect box = {.width = canvas->width - MARGIN}, room;
        int used;

        if (box.width > WIDTH_MAX)
                box.width = WIDTH_MAX;
        room = (Rect) {.width = box.width - 2 * MARGIN, .height = canvas->height};
        box.height = question_rows(question, canvas, room.width) + (question->type_name ? 5 : 4);
        if (box.height > canvas->height)
                box.height = canvas->height;
        box.y = (canvas->height - box.height) / 2;
        box.x = (canvas->width - box.width) / 2;
        draw_box(canvas, box);
        room.x = box.x + MARGIN;
        room.y = box.y + 1;
        draw_title(dialog, canvas, room.y++, room.x, room.width);
        for (size_t i = 0; i < question->n_lines; i++)
                room.y += canvas_wrap(canvas, room, question->lines[i].role,
                                      question->lines[i].text);
        /* Whatever there is no room for, the buttons are seen. */
        if (room.y > box.y + box.height - (question->type_name ? 3 : 2))
                room.y = box.y + box.height - (question->type_name ? 3 : 2);
        if (question->type_name) {
                used = canvas_text(canvas, room.y, room.x, room.width, ROLE_TEXT,
                                   "Type its name: ");
                used += canvas_text(canvas, room.y, room.x + used, room.width - used, ROLE_STRONG,
                                    dialog->typed);
                canvas->cursor_y = room.y++;
                canvas->cursor_x = room.x + used;
        }
        draw_buttons(dialog, canvas, room.y, room.x, room.width);
}
