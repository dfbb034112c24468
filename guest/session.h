#pragma once
/* One connection of the host: io.banger.Guest. */
#include <stdint.h>

#include "guest/init.h"

typedef struct SessionConfig {
        InitKind init;
        /* Never returns in the guest; tests pass another. */
        void (*stop)(InitKind init, uint64_t timeout_usec);
        /* Not 0: enough commands run already. It runs none, and ends after this without a call. */
        uint64_t spare_idle_usec;
} SessionConfig;

/* Serves the connection (taken) until its end. 0 or negative errno. */
int session_serve(const SessionConfig *config, int fd);
