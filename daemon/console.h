#pragma once
/* The daemon's ends of a VM's serial console and of its VMM's log: read as they come into rings that
 * outlive the daemon. Loop thread only. */

#include <systemd/sd-event.h>

#include "daemon/ring.h"

typedef struct Console Console;

typedef struct ConsoleConfig {
        /* The guest has said something: it is in the serial ring. */
        void (*said)(void *userdata);
        /* The log has ended, once: the VMM is gone. */
        void (*ended)(void *userdata);
        void *userdata;
} ConsoleConfig;

/* Both descriptors and the rings are taken, even on failure. */
int console_new(sd_event *event, int pty_fd, int log_fd, Rings *rings, const ConsoleConfig *config,
                Console **ret);
Console *console_free(Console *console);
/* Reads what has come and was not read yet; nobody is told. */
void console_drain(Console *console);
const Ring *console_serial(const Console *console);
const Ring *console_log(const Console *console);
