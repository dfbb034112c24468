#pragma once
/* Mounts: the kernel's file systems, the guest's root, and the way into it. */
#include "common/api-guest.h"

/* /proc, /sys, /dev of the initrd. */
int rootfs_mount_kernel(Error *reterr);
/* Mounts the root's device and makes it the root of this process and all that it starts, with the
 * kernel's file systems and a fresh /run moved along. */
int rootfs_enter(const GuestConfig *config, uint64_t deadline_usec, Error *reterr);
/* The rest, inside: /dev/pts, /dev/shm, cgroups, the drive with the kernel's modules. */
int rootfs_mount_rest(const GuestConfig *config, uint64_t deadline_usec, Error *reterr);
/* Puts this process into a group of its own, so that an init leaves it where it is. */
int rootfs_join_group(void);
