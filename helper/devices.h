#pragma once
/* Block devices of VMs, for whoever has to name them to systemd or put them into a jail. */
#include <sys/types.h>

#include "common/ident.h"

typedef enum DeviceRole {
        DEVICE_ROOT, /* a snapshot of its image */
        DEVICE_WORK, /* its work disk, where it has one */
        _DEVICE_ROLE_MAX,
} DeviceRole;

/* The number of a device of the VM's. -ENODEV when there is none that could be used, -EACCES and
 * the like from the kernel. One that goes with its last reader is none: whoever was given its number
 * would soon have another's device. */
int devmapper_find(const VmId *vm, DeviceRole role, dev_t *ret);
/* Of the root, also one that goes with its last reader. */
int devmapper_find_to_read(const VmId *vm, dev_t *ret);
