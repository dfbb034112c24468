#pragma once
#include "cli/command.h"

/* Asks "QUESTION [y/N] " on the terminal. ERROR_CANCELED for no; ERROR_NOT_PERMITTED where nobody
 * can be asked (no terminal, or JSON was wanted), with the hint to give --yes. */
int confirm(const CommandContext *context, const char *question, Error *reterr);
/* ERROR_NOT_PERMITTED unless root; the hint is the command again, with sudo. */
int require_root(const Action *action, Error *reterr);
