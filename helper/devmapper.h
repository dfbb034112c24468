#pragma once
/* Device-mapper; the only file that knows libdevmapper. */
#include <stdint.h>

#include "helper/devices.h"
#include "helper/inventory.h"

/* A read-only device with changes of it on another, which keeps them over restarts. */
typedef struct Snapshot {
        dev_t origin, changes;
        uint64_t n_sectors; /* of 512 bytes */
        bool leaving;       /* it goes away with its last user */
} Snapshot;

/* The first sectors of another device. */
typedef struct Linear {
        dev_t below;
        uint64_t n_sectors;
} Linear;

/* Devices whose UUID is ours: the kernel sets it together with the name, at creation. */
int devmapper_read(const Host *host, Inventory *inventory, Error *reterr);

/* -ENODEV without reterr when the VM has no device; -EBADMSG, likewise without, when what it has is
 * no whole snapshot. */
int devmapper_read_snapshot(const VmId *vm, Snapshot *ret, Error *reterr);
/* Likewise of its work disk. */
int devmapper_read_linear(const VmId *vm, Linear *ret, Error *reterr);
/* How many other VMs have a root device. One list of the kernel's, by the names in it: whoever else is
 * to make one must be kept from that meanwhile. */
int devmapper_count_others(const VmId *vm, size_t *ret, Error *reterr);
/* Likewise in such a list (libdevmapper's); NULL: an empty one. */
struct dm_names;
size_t devmapper_count_listed(const struct dm_names *names, const VmId *vm);
/* Wait for no udev and make no node. ERROR_ALREADY_EXISTS when the name is taken. */
int devmapper_create_snapshot(const VmId *vm, const Snapshot *snapshot, Error *reterr);
int devmapper_create_linear(const VmId *vm, const Linear *linear, Error *reterr);
/* 0 as well when there is none. Asks again while it is open, until the deadline: then ERROR_BUSY. */
int devmapper_remove(const VmId *vm, DeviceRole role, uint64_t deadline_usec, Error *reterr);
/* The kernel removes the root device when its last user closes it: with nobody there, at once. */
int devmapper_remove_later(const VmId *vm, Error *reterr);
