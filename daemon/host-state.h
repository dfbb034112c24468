#pragma once
/* Is the host itself being shut down or rebooted? A SIGTERM to the daemon does not say. */
#include <stdbool.h>

/* Asks systemd over the system bus; false where it does not answer within 2 s. Blocks until then. */
bool host_is_stopping(void);
