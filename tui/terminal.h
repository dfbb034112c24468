#pragma once
/* The terminal: the one file that knows curses. One per process. However the process ends, the
 * terminal is given back as it was. */
#include <signal.h>

#include "tui/canvas.h"
#include "common/error.h"

#define TERMINAL_NO_KEY (-1)

/* Standard input and output become the screen. ERROR_UNAVAILABLE where TERM is unknown or cannot
 * place its cursor. SIGTERM, SIGHUP, SIGINT, SIGQUIT and crashes restore the terminal from then on
 * and end the process as they would. */
int terminal_open(Error *reterr);
void terminal_close(void);
/* For a while, for what wants the terminal itself: a command, or a stop of this process. */
void terminal_leave(void);
void terminal_enter(void);

bool terminal_utf8(void); /* of the locale; also before opening */
void terminal_size(int *ret_height, int *ret_width);
/* After SIGWINCH. */
void terminal_resize(void);
/* Can a screen be written without waiting? A slow line drops frames, not keys. */
bool terminal_ready(void);
/* Sends what differs from what is shown. */
void terminal_show(const Canvas *canvas);
/* What is shown is not known any more: the next terminal_show() sends all. */
void terminal_forget(void);
/* A key of key.h, or TERMINAL_NO_KEY. */
int terminal_key(void);
/* Forgets what was typed so far. */
void terminal_drop_input(void);
