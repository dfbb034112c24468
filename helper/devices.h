#pragma once
/* Block devices of VMs, for whoever has to name them to systemd or put them into a jail. */
#include <sys/types.h>

#include "common/ident.h"

/* The number of a VM's root device. -ENODEV when there is none that could be used, -EACCES and the
 * like from the kernel. */
int devmapper_find(const VmId *vm, dev_t *ret);
