#pragma once
/* The rows that every view shares. */
#include "tui/ui.h"

/* Two rows from y on: host, daemons and counts; CPU, memory and disk. */
void header_draw(const Model *model, Canvas *canvas, int y);
/* The views, the active one marked; on the right how true the data is, the filter, the place. */
void header_draw_tabs(const Ui *ui, const View *view, Canvas *canvas, int y);
/* For a terminal with no room for more, and for the end of a line: "bgr 3/5 cpu31 mem2.1/16G 1!" */
void header_line(const Model *model, Span *ret);
/* Why there is nothing to be seen; false where all is well. hint may be empty. */
bool header_trouble(const Model *model, Span *message, Span *hint);
