#include "tui/help.h"

#include <stdio.h>
#include <string.h>

#define LINES_MAX 64
#define KEY_WIDTH 12

typedef struct HelpLine {
        char key[16];
        Span text; /* ROLE_TITLE: a heading */
} HelpLine;

typedef struct Help {
        HelpLine lines[LINES_MAX];
        size_t n;
} Help;

static const struct {
        const char *key, *text;
} everywhere[] = {
        {"arrows j k", "move; PgUp PgDn by a page, g and G to the first and the last"},
        {"Enter", "open what is selected; Esc goes back"},
        {"[ ]", "turn the tabs of what is selected"},
        {"/", "show only rows with these words: web, !stopped, state:run; Esc shows all"},
        {"o O", "sort by the next column, or the other way round"},
        {"z", "freeze the screen until the next key"},
        {"Y", "show the commands that the keys stand for"},
        {"Ctrl-L", "draw the screen anew"},
        {"Ctrl-Z", "go to the shell; fg comes back"},
        {"q", "quit; nothing that is under way is cancelled"},
};

static void add(Help *help, Role role, const char *key, const char *text) {
        if (help->n == LINES_MAX)
                return;
        (void) snprintf(help->lines[help->n].key, sizeof(help->lines[0].key), "%s", key);
        span_set(&help->lines[help->n++].text, role, "%s", text);
}

static void add_panel(Help *help, const Panel *panel) {
        char key[2] = {(char) panel->digit, '\0'}, text[SPAN_MAX];

        add(help, ROLE_TITLE, key, panel->title);
        for (size_t i = 0; i < panel->n_keys; i++) {
                const Action *action = panel_key_action(&panel->keys[i], NULL);

                if (!action)
                        continue;
                key[0] = (char) panel->keys[i].key;
                (void) snprintf(text, sizeof(text), "%s (%sbanger %s)", action->summary,
                                action->flags & ACTION_ROOT ? "sudo " : "", action->words);
                add(help, ROLE_TEXT, key, text);
        }
}

static int rows_of(const Canvas *canvas, const HelpLine *line, int width) {
        return canvas_wrap_rows(canvas, width, line->text.text);
}

void help_draw(Canvas *canvas, Rect rect, size_t *top) {
        Help help = {.n = 0};
        int y = 0, width = rect.width - KEY_WIDTH - 2;
        size_t last;

        for (size_t i = 0; i < n_panels; i++)
                add_panel(&help, panels[i]);
        add(&help, ROLE_TITLE, "", "Everywhere");
        for (size_t i = 0; i < ELEMENTSOF(everywhere); i++)
                add(&help, ROLE_TEXT, everywhere[i].key, everywhere[i].text);

        canvas_fill(canvas, rect, ROLE_TEXT, ' ');
        /* The last page is a full one. */
        for (last = help.n; last > 0 && y < rect.height; last--)
                y += rows_of(canvas, &help.lines[last - 1], width);
        if (y > rect.height)
                last++;
        if (*top > last)
                *top = last;
        y = rect.y;
        for (size_t i = *top; i < help.n && y < rect.y + rect.height; i++) {
                const HelpLine *line = &help.lines[i];
                bool heading = line->text.role == ROLE_TITLE;

                canvas_text(canvas, y, rect.x + 1, KEY_WIDTH, heading ? ROLE_STRONG : ROLE_KEY,
                            line->key);
                y += canvas_wrap(canvas, (Rect) {y, rect.x + 1 + KEY_WIDTH,
                                                 rect.y + rect.height - y, width},
                                 heading ? ROLE_STRONG : ROLE_TEXT, line->text.text);
        }
}
