#include <errno.h>
#include <langinfo.h>
#include <string.h>

#include "common/format.h"
#include "common/stages.h"
#include "common/strings.h"
#include "common/text.h"

/* Below this a ratio says nothing. */
#define SLOW_MIN_US 50000

void stages_clear(Stages *stages) {
        for (size_t i = 0; i < stages->n_items; i++)
                free(stages->items[i].name);
        free(stages->operation);
        *stages = (Stages) {.n_items = 0};
}

static Stage *find_stage(Stages *stages, const char *name) {
        for (size_t i = 0; i < stages->n_items; i++)
                if (string_equal(stages->items[i].name, name))
                        return &stages->items[i];
        return NULL;
}

int stages_add(Stages *stages, const VmProgress *progress) {
        Stage *stage;

        if (progress->operation && !stages->operation) {
                stages->operation = strdup(progress->operation);
                if (!stages->operation)
                        return -ENOMEM;
        }
        if (!progress->stage)
                return 0;
        stage = find_stage(stages, progress->stage);
        if (!stage && stages->n_items == STAGES_MAX)
                return 0;
        if (!stage) {
                char *name = strdup(progress->stage);

                if (!name)
                        return -ENOMEM;
                stage = &stages->items[stages->n_items++];
                *stage = (Stage) {.name = name};
        }
        stage->finished = progress->finished;
        stage->elapsed_us = progress->elapsed_us;
        stage->usual_us = progress->usual_us;
        return 0;
}

static char *format_stage(const Stage *stage) {
        _cleanup_free_ char *took = NULL, *usual = NULL;

        if (!stage->finished)
                return string_format("%s", stage->name);
        took = format_duration(stage->elapsed_us);
        usual = format_duration(stage->usual_us);
        if (!took || !usual)
                return NULL;
        if (stage->usual_us > 0 && stage->elapsed_us >= SLOW_MIN_US &&
            stage->elapsed_us >= 2 * stage->usual_us)
                return string_format("%s %s (usually %s)", stage->name, took, usual);
        return string_format("%s %s", stage->name, took);
}

char *stages_format(const Stages *stages, size_t width) {
        const char *between = string_equal(nl_langinfo(CODESET), "UTF-8") ? " · " : " - ";
        char *line = strdup("");

        for (size_t i = stages->n_items; line && i > 0; i--) {
                _cleanup_free_ char *stage = format_stage(&stages->items[i - 1]);
                char *longer = stage ? string_format("%s%s%s", stage, *line ? between : "", line)
                                     : NULL;

                if (longer && *line && text_width(longer) >= width) {
                        free(longer);
                        return line;
                }
                free(line);
                line = longer;
        }
        return line;
}
