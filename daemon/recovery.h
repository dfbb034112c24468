#pragma once
/* Compares the store with what the kernel has, once when the daemon starts and until it is known:
 * VMs that run are taken over, what is left of others is cleaned up. Loop thread only. */
#include "daemon/context.h"
#include "daemon/vm-keep.h"

/* kept: descriptors from systemd's store, taken on success. done is called once, when the comparison
 * is made and clean-ups are under way; or when the helper could not be asked, which is tried again:
 * until then VMs that may run are broken. */
int recovery_new(DaemonContext *context, KeptFd *kept, size_t n_kept, void (*done)(void *userdata),
                 void *userdata, Recovery **ret);
/* After the pool is gone. */
Recovery *recovery_free(Recovery *recovery);
/* A VM is unsure, or the network was not applied: looks at those again, in 2 s. */
void recovery_again(Recovery *recovery);
/* The kernel may have lost the network of the VMs: it is set anew, whole, in a thread. A failure is
 * logged and tried again, as above. */
void recovery_apply_network(Recovery *recovery);
