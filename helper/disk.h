#pragma once
/* A VM's root device: a snapshot of a read-only image, its changes in a file of the owner's. */
#include "common/ident.h"
#include "common/varlink-server.h"
#include "helper/host.h"

/* How long a device may take to be let go of by whoever still has it open. */
#define DISK_RELEASE_TIMEOUT_USEC (5 * UINT64_C(1000000))

typedef struct DiskFiles {
        int image_fd, cow_fd;
        uint64_t n_sectors; /* of the image */
} DiskFiles;

#define DISK_FILES_INIT ((DiskFiles) {.image_fd = -1, .cow_fd = -1})

/* Opens images/IMAGE.ext4 and vms/VM/root.cow below the state directory; each must be a regular
 * file of `owner` with one name only. An empty root.cow becomes root's by it, and is taken as root's
 * from then on. */
int disk_open_files(const Host *host, const char *image, const VmId *vm, uid_t owner,
                    DiskFiles *ret, Error *reterr);
void disk_close_files(DiskFiles *files);

/* Idempotent; what is half made, or of another image, is removed first: ERROR_BUSY if it is open. */
int disk_attach(const Host *host, const char *image, const VmId *vm, uid_t owner, Error *reterr);
int disk_detach(const Host *host, const VmId *vm, Error *reterr);

/* Handlers; userdata: Session. */
int handle_disk_attach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_disk_detach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
