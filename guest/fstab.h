#pragma once
/* /etc/fstab of an image that was made for another machine: an entry whose device is not there
 * would hold up the boot until its time is over. systemd's generator reads the file before any
 * drop-in of ours could shorten that time for entries that we do not know; so the guest gets a copy
 * without those entries, bound over the file. */
#include "common/error.h"

/* Is the device of an entry ("/dev/sdb1", "UUID=…") there? */
typedef bool (*FstabProbe)(const char *device, void *userdata);

/* *ret is the filtered text, or NULL when every entry can stay. -ENOMEM. */
int fstab_filter(const char *text, FstabProbe probe, void *userdata, char **ret);
/* The probe for this guest; userdata is the root's device (const char *), whose ext4 label and UUID
 * count as well. */
bool fstab_device_exists(const char *device, void *userdata);
