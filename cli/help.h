#pragma once
/* Help, made from the table of actions. */
#include <stdio.h>

#include "common/action.h"

/* Usage, summary, arguments and options of one command. -ENOMEM. */
int help_command(FILE *out, const Action *action);
/* The commands that begin with `topic`; all of them, and the program's own options, when NULL. */
int help_overview(FILE *out, const char *topic);
