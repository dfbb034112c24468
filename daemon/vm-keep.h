#pragma once
/* What of a VM outlives this process: descriptors in systemd's store (sd_pid_notify_with_fds(3)),
 * come back at the next start with their names. */
#include "common/ident.h"

typedef enum KeepRole {
        KEEP_LISTENER,
        KEEP_PTY,
        KEEP_LOG,
        KEEP_RINGS,
        _KEEP_ROLE_MAX,
} KeepRole;

typedef struct KeptFd {
        VmId id;
        KeepRole role;
        int fd; /* owned */
} KeptFd;

/* The descriptor is borrowed. Without systemd nothing is kept. */
void vm_keep(const VmId *id, KeepRole role, int fd);
void vm_unkeep(const VmId *id); /* all of them */
void vm_unkeep_role(const VmId *id, KeepRole role);
/* "vm-ID-ROLE". */
bool vm_keep_parse(const char *name, VmId *ret_id, KeepRole *ret_role);
