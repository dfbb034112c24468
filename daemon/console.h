#pragma once
/* The daemon's ends of a VM's serial console and of its VMM's log: read as they come, the last bytes
 * of each are kept. Loop thread only. */

#include <stddef.h>
#include <systemd/sd-event.h>

#include "common/error.h"

/* The last bytes of a stream. */
typedef struct Ring {
        char *bytes;
        size_t size, start, used;
} Ring;

int ring_new(size_t size, Ring *ret); /* -ENOMEM */
void ring_clear(Ring *ring);
void ring_add(Ring *ring, const char *bytes, size_t size);
/* The last lines as one allocated line: control characters dropped, ends of lines made " | ", at
 * most n_lines and max bytes. Empty when there is nothing. NULL for no memory. */
char *ring_tail(const Ring *ring, size_t n_lines, size_t max);

typedef struct Console Console;

typedef struct ConsoleConfig {
        /* The log has ended, once: the VMM is gone. */
        void (*ended)(void *userdata);
        void *userdata;
} ConsoleConfig;

/* Both descriptors are taken, even on failure. */
int console_new(sd_event *event, int pty_fd, int log_fd, const ConsoleConfig *config,
                Console **ret);
Console *console_free(Console *console);
const Ring *console_serial(const Console *console);
const Ring *console_log(const Console *console);
