#pragma once
/* One line on a terminal that is written anew as things go on. */
#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"

typedef struct Live {
        FILE *out;
        bool on;      /* it is a terminal, and JSON is not wanted */
        bool written; /* there is a line that must be ended or wiped */
} Live;

Live live_start(const CommandContext *context);
/* Columns that a line may have. */
size_t live_width(const Live *live);
/* Escaped, and cut to what fits; nothing where it is not on. */
void live_write(Live *live, const char *text);
/* The line stays and is ended, or goes. */
void live_keep(Live *live);
void live_wipe(Live *live);
