#pragma once
/* Device-mapper; the only file that knows libdevmapper. */
#include <stdint.h>

#include "helper/devices.h"
#include "helper/inventory.h"

/* A read-only device with changes of it on another, which keeps them over restarts. */
typedef struct Snapshot {
        dev_t origin, changes;
        uint64_t n_sectors; /* of 512 bytes */
} Snapshot;

/* Devices whose UUID is ours: the kernel sets it together with the name, at creation. */
int devmapper_read(const Host *host, Inventory *inventory, Error *reterr);

/* -ENODEV without reterr when the VM has no device; -EBADMSG, likewise without, when what it has is
 * no whole snapshot. */
int devmapper_read_snapshot(const VmId *vm, Snapshot *ret, Error *reterr);
/* Waits for no udev and makes no node. ERROR_ALREADY_EXISTS when the name is taken. */
int devmapper_create_snapshot(const VmId *vm, const Snapshot *snapshot, Error *reterr);
/* 0 as well when there is none. Asks again while it is open, until the deadline: then ERROR_BUSY. */
int devmapper_remove(const VmId *vm, uint64_t deadline_usec, Error *reterr);
