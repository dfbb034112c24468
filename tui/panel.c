#include "tui/panel.h"

#include <stdarg.h>
#include <string.h>

#include "common/strings.h"

const Panel *const panels[] = {&panel_vms, &panel_images, &panel_host};
const size_t n_panels = ELEMENTSOF(panels);

void span_set(Span *span, Role role, const char *format, ...) {
        va_list arguments;
        size_t size;

        span->role = role;
        va_start(arguments, format);
        (void) vsnprintf(span->text, sizeof(span->text), format, arguments);
        va_end(arguments);
        size = strlen(span->text);
        if (size < sizeof(span->text) - 1)
                return;
        /* Not in the middle of a character. */
        while (size > 0 && ((unsigned char) span->text[size - 1] & 0xc0) == 0x80)
                size--;
        if (size > 0 && ((unsigned char) span->text[size - 1] & 0x80))
                size--;
        span->text[size] = '\0';
}

Span *detail_add(Detail *detail, const char *label) {
        if (detail->n_lines == DETAIL_LINES_MAX)
                return NULL;
        detail->lines[detail->n_lines].label = label;
        return &detail->lines[detail->n_lines++].value;
}

Span *question_add(Question *question) {
        if (question->n_lines == QUESTION_LINES_MAX)
                return &question->lines[QUESTION_LINES_MAX - 1];
        return &question->lines[question->n_lines++];
}

const Action *panel_key_action(const PanelKey *key, const Interface **ret_interface) {
        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions; j++) {
                        const Action *action = &action_interfaces[i]->actions[j];

                        if (!string_equal(action->words, key->words))
                                continue;
                        if (ret_interface)
                                *ret_interface = action_interfaces[i];
                        return action;
                }
        return NULL;
}
