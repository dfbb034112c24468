#pragma once
/* A VM's devices: its root, a snapshot of a read-only image with the changes in a file of its own,
 * and its work disk, a file of the owner's. */
#include "common/ident.h"
#include "common/varlink-server.h"
#include "helper/host.h"

/* How long a device may take to be let go of by whoever still has it open. */
#define DISK_RELEASE_TIMEOUT_USEC (5 * UINT64_C(1000000))

/* What the loop of the changes is labelled below a root that is to be read. */
#define DISK_ROLE_READING "reading"

typedef struct DiskPlan {
        const VmId *vm;
        const char *image; /* id */
        uid_t owner;       /* of the installation */
        bool work;         /* it has a work disk */
        bool reading;      /* not for a start: to be read (disk_open) */
} DiskPlan;

typedef struct DiskFiles {
        int image_fd, cow_fd;
        int work_fd; /* -1: it has none */
        uint64_t n_sectors;      /* of the image */
        uint64_t n_work_sectors; /* of the work disk's device */
        int names_fd; /* locks the files' names, which nobody else binds meanwhile; -1: not locked */
} DiskFiles;

#define DISK_FILES_INIT                                                                            \
        ((DiskFiles) {.image_fd = -1, .cow_fd = -1, .work_fd = -1, .names_fd = -1})

/* Opens images/IMAGE.ext4, vms/VM/root.cow and, if it has one, vms/VM/work.img below the state
 * directory; each must be a regular file of the owner's with one name only. A root.cow that is a hole is
 * replaced by one that the helper makes and marks, and from then on only that one is taken. */
int disk_open_files(const Host *host, const DiskPlan *plan, DiskFiles *ret, Error *reterr);
void disk_close_files(DiskFiles *files);
/* The image alone, likewise. */
int disk_open_image(const Host *host, const DiskPlan *plan, int *ret_fd, Error *reterr);
/* Likewise, for loops: the descriptors are of a name that the owner cannot change. Until they are
 * closed nobody else opens any so, or a file that was moved could be bound for two VMs. */
int disk_open_named_files(const Host *host, const DiskPlan *plan, DiskFiles *ret, Error *reterr);

/* ERROR_UNAVAILABLE when as many other VMs have a root device as there are slots. */
int disk_refuse_full(size_t n_others, Error *reterr);
/* ERROR_BUSY when what is below a root device, its origin, is not the loop of the plan's image. */
int disk_refuse_other_image(const Host *host, const DiskPlan *plan, dev_t origin, Error *reterr);
/* Idempotent; what is half made, or of another image, is removed first: ERROR_BUSY if it is open, or
 * being read, or if a file that is to be written is in another VM's use; ERROR_UNAVAILABLE when it
 * would be one more than disk_refuse_full() lets pass. */
int disk_attach(const Host *host, const DiskPlan *plan, Error *reterr);
/* Goes on past failures. A root that is still being read is left to go with its last reader. */
int disk_detach(const Host *host, const VmId *vm, Error *reterr);
/* Removes the name that a call which was cut short has left of a disk's file: by it the file would
 * outlive its removal, and be taken from no VM. */
int disk_forget_name(const Host *host, Error *reterr);
/* The file of changes of a VM whose devices are not there; root's from then on. Never smaller. */
int disk_grow_changes(const Host *host, const DiskPlan *plan, int64_t size_bytes, Error *reterr);
/* The root as a descriptor for reading; the device goes away with its last one. ERROR_BUSY while the
 * VM's devices are attached, or its root on another image is being read. */
int disk_open(const Host *host, const DiskPlan *plan, int *ret_fd, Error *reterr);

/* Handlers; userdata: Session. */
int handle_disk_attach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_disk_detach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_disk_grow(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_disk_open(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
