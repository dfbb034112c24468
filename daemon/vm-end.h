#pragma once
/* Why a VM has ended: what its guest's kernel said last on the serial console, and how its VMM went.
 * The console is the guest's own word; believing it harms nobody but that guest. */

#include "common/api-root.h"
#include "daemon/ring.h"

typedef enum GuestEnd {
        GUEST_END_NONE, /* its kernel has not said that it ends */
        GUEST_END_POWER_OFF,
        GUEST_END_HALT,
        GUEST_END_REBOOT,
        GUEST_END_PANIC,
} GuestEnd;

/* The kernel's own last words (kernel/reboot.c, kernel/panic.c). *ret_panic, NULL unless it is that,
 * is what the kernel panicked of, allocated. */
GuestEnd guest_end_read(const Ring *serial, char **ret_panic);
/* A kernel that halts leaves its VMM running: has it said so, once? *heard, 0 at first, is how far the
 * console was looked through. */
bool guest_end_halts(const Ring *serial, uint64_t *heard);
/* For users. A VMM that failed comes before what the guest said. reaped may be empty: the VMM was
 * ended by us. NULL for no memory. */
char *vm_end_describe(GuestEnd end, const char *panic, const RootReaped *reaped);
/* Is the guest to be started again? */
bool vm_end_starts_again(GuestEnd end, const RootReaped *reaped);
