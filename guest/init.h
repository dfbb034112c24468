#pragma once
/* Process 1 of the guest's root: the image's own, or ours where the image has none. */
#include <sys/types.h>

#include "common/error.h"

typedef enum InitKind {
        INIT_SELF,    /* the image has none: we are it */
        INIT_SYSTEMD, /* tells when it is up, and reboots on a signal */
        INIT_OTHER,
} InitKind;

extern const char *const init_kind_names[]; /* by InitKind, NULL-terminated */
InitKind init_kind_from_name(const char *name); /* INIT_OTHER for what is not known */

/* Which file below `root` ("" for /) is the image's init. *ret_path is static, NULL: INIT_SELF. */
InitKind init_find(const char *root, const char **ret_path);
/* Serves as process 1: reaps what is left to it, until SIGTERM (reboot(8) of busybox sends that),
 * SIGINT, SIGUSR1, SIGUSR2 or the end of `agent`; then ends the guest. Never returns. */
_Noreturn void init_serve(pid_t agent);
/* Freezes the root, so that all is on the disk, and reboots, which ends the VMM. */
_Noreturn void init_freeze_and_reboot(void);
