#pragma once
/* Which rows a view shows: words that must all be found, "!" before one inverts it, "state:run"
 * looks in one column only. Case does not matter. */
#include "tui/panel.h"

#define FILTER_MAX 64

bool filter_match(const Panel *panel, const Model *model, size_t row, const char *filter);
