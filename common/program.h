#pragma once
/* What the programs that systemd starts share: they take no arguments but --help and --version. */

#include <stdbool.h>

typedef struct Program {
        const char *name;
        const char *about; /* lines for --help, each with its end */
} Program;

/* Status 2 of every program: the command line is wrong. */
#define PROGRAM_STATUS_USAGE 2

/* True: go on. Else *ret_status is what to exit with; what was asked for is on standard output, or how
 * to ask on standard error. */
bool program_parse(const Program *program, int argc, char **argv, int *ret_status);
