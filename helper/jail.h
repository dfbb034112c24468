#pragma once
/* The jail of a VM: jails/firecracker/ID/root, which Firecracker's jailer makes the root of the VMM.
 * All of it belongs to root until the jailer has run; then to the VM's uid. */
#include <sys/types.h>

#include "common/ident.h"
#include "helper/devices.h"
#include "helper/host.h"

typedef struct JailPlan {
        VmId vm;
        uid_t uid;          /* of the VM */
        uid_t owner;        /* of the installation: whose kernels are */
        const char *kernel; /* id */
        dev_t drives[_DEVICE_ROLE_MAX]; /* numbers of the VM's devices; 0: it has none */
} JailPlan;

/* An earlier jail of the VM must be gone. Answers the listener for the guest's calls. What was half
 * made is removed. */
int jail_make(const Host *host, const JailPlan *plan, int *ret_listener, Error *reterr);
/* 0 as well when there is none. Never follows a link and never crosses into another file system,
 * nor a mount: -EXDEV. The VM's unit must not run. */
int jail_remove(const Host *host, const VmId *vm, Error *reterr);
/* What the unit may use: the numbers of the drives in a jail that no jailer has run in yet, 0 for a
 * work disk that is not there. -ENOENT (ERROR_NOT_FOUND) when there is no such jail, -EINVAL
 * (ERROR_INVALID_PARAMETER) when it was made for another uid than this, that is another slot. */
int jail_drives(const Host *host, const VmId *vm, uid_t uid, dev_t ret[_DEVICE_ROLE_MAX],
                Error *reterr);
