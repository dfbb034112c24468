#pragma once
/* How the loop tells the thread of an operation what came from the guest or the VMM. One thread
 * waits at a time: operations on a VM are serial. */
#include <stdint.h>

#include "common/error.h"

typedef struct VmSignal VmSignal;

typedef enum VmSignalBits {
        VM_SIGNAL_AGENT = 1 << 0,  /* the guest's agent answers */
        VM_SIGNAL_FAILED = 1 << 1, /* the guest gave up; with its message */
        VM_SIGNAL_ENDED = 1 << 2,  /* the VMM is gone */
        VM_SIGNAL_HALTED = 1 << 3, /* the guest's kernel has halted; the VMM is still there */
        VM_SIGNAL_OTHER_VERSION = 1 << 4, /* the guest's agent is not of this bangerd */
} VmSignalBits;

int vm_signal_new(VmSignal **ret);
VmSignal *vm_signal_free(VmSignal *signal);

/* Any thread. Bits stay set; message (may be NULL) is copied, the first one stays. */
void vm_signal_set(VmSignal *signal, VmSignalBits bits, const char *message);
VmSignalBits vm_signal_get(VmSignal *signal);
/* What came with VM_SIGNAL_FAILED, to be freed; NULL for nothing. */
char *vm_signal_message(VmSignal *signal);
/* Waits for any of these: returns the bits that are set, -ETIMEDOUT, or -ECANCELED once cancel_fd
 * (-1: none) is readable. */
int vm_signal_wait(VmSignal *signal, VmSignalBits any, int cancel_fd, uint64_t deadline_usec);
