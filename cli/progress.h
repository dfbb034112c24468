#pragma once
/* What a long local command tells while it works: lines for people, or a JSON object at the end. */
#include <stdbool.h>
#include <stdio.h>

#include "common/cleanup.h"

struct json_object;

typedef enum ProgressKind {
        PROGRESS_STEP,
        PROGRESS_WARNING,
        PROGRESS_KEPT, /* left where it is, as asked */
        PROGRESS_LEFT, /* should be gone, and is not */
} ProgressKind;

typedef struct Progress {
        FILE *out;
        struct json_object *lists; /* by the kind's name; NULL: lines for people */
} Progress;

#define _cleanup_progress_ _cleanup_(progress_clear)

/* -ENOMEM. */
int progress_init(Progress *progress, FILE *out, bool json);
void progress_clear(Progress *progress);
/* A line that cannot be kept is lost: the work goes on. */
void progress_say(Progress *progress, ProgressKind kind, const char *format, ...) _printf_(3, 4);
int progress_finish(Progress *progress);
