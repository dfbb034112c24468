#pragma once
/* Every key, made from the tables that the keys come from. */
#include "tui/panel.h"

/* Over the whole rect, from line `top` on, which is bounded to what there is. */
void help_draw(Canvas *canvas, Rect rect, size_t *top);
