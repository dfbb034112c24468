#pragma once
/* What the guest says where a human may look: the serial console, and the kernel's log later. */
#include "common/error.h"

/* Standard streams: /dev/console where there is one. For /init. */
void console_open(void);
/* Standard streams: the kernel's log. For the agent, which outlives the console's owner. */
void console_open_log(void);
void console_print(const char *format, ...) _printf_(1, 2);
void console_error(const char *context, const Error *error);
