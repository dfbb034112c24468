#pragma once
/* Loop devices, by sysfs and their own ioctl. */
#include "helper/inventory.h"

typedef struct LoopBinding {
        const VmId *vm;
        const char *role; /* "image", "cow" or, below a root that is read, "reading"; "work" */
        int file_fd;
        bool read_only;
        bool direct; /* past the page cache, where the file system can */
} LoopBinding;

/* Loops whose lo_file_name says "banger:ID:ROLE". sysfs alone would not do: what it says of the
 * backing file depends on a mount namespace that may be gone. */
int loops_read(const Host *host, Inventory *inventory, Error *reterr);

/* Binds a free loop. It is unbound by the kernel when its last user closes it: ret_fd is the first. */
int loop_bind(const Host *host, const LoopBinding *binding, int *ret_fd, dev_t *ret_device,
              Error *reterr);
/* Is this loop bound to the binding's file, under its name? */
bool loop_is_bound(const Host *host, dev_t device, const LoopBinding *binding);
/* Is it the VM's, by its label, and for this? */
bool loop_has_role(const Host *host, dev_t device, const VmId *vm, const char *role);
/* ERROR_BUSY when a loop that is not this VM's has the file, under whatever name it was there. */
int loops_refuse_shared(const Host *host, const VmId *vm, int file_fd, Error *reterr);
/* Unbinds whatever loops the VM still has. Goes on past failures; ERROR_BUSY when one stays. */
int loops_clear(const Host *host, const VmId *vm, uint64_t deadline_usec, Error *reterr);
