#pragma once
#include <stdint.h>

#include "guest/init.h"

/* Asks process 1 to reboot in good order; past the time-out the root is frozen and the guest ended.
 * Never returns: the end of the guest ends the caller. */
_Noreturn void stop_guest(InitKind init, uint64_t timeout_usec);
