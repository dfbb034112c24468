#pragma once
/* The installation's checks, as `banger system status --json` finds them; it runs beside. */
#include <sys/types.h>

#include "common/api-system.h"

typedef struct Checks {
        pid_t pid; /* 0: none runs */
        int fd;    /* what it writes; -1 */
        char *output;
        size_t size;
} Checks;

#define CHECKS_NONE ((Checks) {.fd = -1})

/* banger: the command's path. Does nothing while one runs. */
int checks_start(Checks *checks, const char *banger, Error *reterr);
/* When fd is readable: 0 while it goes on, 1 and the report at its end, negative for no report. */
int checks_read(Checks *checks, SystemReport *ret, Error *reterr);
/* Ends one that runs. */
void checks_stop(Checks *checks);
