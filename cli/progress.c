#include <errno.h>
#include <stdarg.h>

#include "cli/output.h"
#include "cli/progress.h"
#include "common/json.h"

static const struct {
        const char *list;
        const char *prefix;
} kinds[] = {
        [PROGRESS_STEP] = {"steps", ""},
        [PROGRESS_WARNING] = {"warnings", "warning: "},
        [PROGRESS_KEPT] = {"kept", "kept: "},
        [PROGRESS_LEFT] = {"left", "left: "},
};

int progress_init(Progress *progress, FILE *out, bool json) {
        *progress = (Progress) {.out = out};
        if (!json)
                return 0;

        progress->lists = json_object_new_object();
        if (!progress->lists)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                struct json_object *list = json_object_new_array();

                if (!list || json_object_object_add(progress->lists, kinds[i].list, list) < 0) {
                        json_object_put(list);
                        progress_clear(progress);
                        return -ENOMEM;
                }
        }
        return 0;
}

void progress_clear(Progress *progress) {
        json_object_put(progress->lists);
        *progress = (Progress) {.out = NULL};
}

void progress_say(Progress *progress, ProgressKind kind, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        struct json_object *list, *line;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        if (!text)
                return;

        if (!progress->lists) {
                output_line(progress->out, "%s%s", kinds[kind].prefix, text);
                fflush(progress->out);
                return;
        }
        line = json_object_new_string(text);
        list = json_object_object_get(progress->lists, kinds[kind].list);
        if (line && json_object_array_add(list, line) < 0)
                json_object_put(line);
}

int progress_finish(Progress *progress) {
        return progress->lists ? output_json(progress->out, progress->lists, JSON_INDENTED) : 0;
}
