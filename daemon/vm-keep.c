#include "daemon/vm-keep.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/strings.h"

#define PREFIX "vm-"

static const char *const roles[_KEEP_ROLE_MAX] = {
        [KEEP_LISTENER] = "listener",
        [KEEP_PTY] = "pty",
        [KEEP_LOG] = "log",
        [KEEP_RINGS] = "rings",
};

void vm_keep(const VmId *id, KeepRole role, int fd) {
        char state[96];

        /* Not polled: systemd would drop what a VMM that has ended leaves to be read. */
        (void) snprintf(state, sizeof(state), "FDSTORE=1\nFDPOLL=0\nFDNAME=" PREFIX "%s-%s", id->text,
                        roles[role]);
        (void) sd_pid_notify_with_fds(0, 0, state, &fd, 1);
}

void vm_unkeep_role(const VmId *id, KeepRole role) {
        (void) sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=" PREFIX "%s-%s", id->text, roles[role]);
}

void vm_unkeep(const VmId *id) {
        for (size_t i = 0; i < _KEEP_ROLE_MAX; i++)
                vm_unkeep_role(id, (KeepRole) i);
}

bool vm_keep_parse(const char *name, VmId *ret_id, KeepRole *ret_role) {
        const char *rest = string_after_prefix(name, PREFIX);
        VmId id = {};

        if (!rest || strlen(rest) <= VM_ID_LENGTH || rest[VM_ID_LENGTH] != '-')
                return false;
        memcpy(id.text, rest, VM_ID_LENGTH);
        if (!vm_id_valid(id.text))
                return false;
        for (size_t i = 0; i < _KEEP_ROLE_MAX; i++)
                if (strcmp(rest + VM_ID_LENGTH + 1, roles[i]) == 0) {
                        *ret_id = id;
                        *ret_role = (KeepRole) i;
                        return true;
                }
        return false;
}
