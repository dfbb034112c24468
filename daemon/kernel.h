#pragma once
/* The kernels of this host: an index in memory, backed by the store and the directories
 * kernels/ID/{vmlinux,initrd,modules.ext4}. Loop thread only. */

#include "common/api-kernel.h"
#include "daemon/content.h"
#include "daemon/store.h"

typedef struct Kernels Kernels;

typedef enum KernelFile {
        KERNEL_VMLINUX,
        KERNEL_INITRD,
        KERNEL_MODULES,
        _KERNEL_FILE_MAX,
} KernelFile;

/* Reads the store, and removes what an import that was cut off has left below STATE_DIR/kernels.
 * store and state_dir must outlive it. */
int kernels_new(Store *store, const char *state_dir, Kernels **ret, Error *reterr);
Kernels *kernels_free(Kernels *kernels);

/* By name or id; NULL for the default one. ERROR_NOT_FOUND, or ERROR_UNAVAILABLE when there is no
 * kernel at all. Valid until the kernel is deleted. */
int kernels_find(const Kernels *kernels, const char *name_or_id, const KernelRecord **ret,
                 Error *reterr);
const KernelRecord *kernels_find_id(const Kernels *kernels, const VmId *id); /* NULL */
int kernels_list(const Kernels *kernels, KernelList *ret, Error *reterr);
/* ERROR_INVALID_PARAMETER, ERROR_ALREADY_EXISTS. */
int kernels_check_name(const Kernels *kernels, const char *name, Error *reterr);
/* ERROR_NOT_FOUND; ERROR_BUSY naming the VMs that use it. Fills *ret_id and *ret_name (owned). The
 * newest of the others becomes the default when it was. Its files are withdrawn: content_delete()
 * removes them. */
int kernels_delete(Kernels *kernels, const char *name_or_id, VmId *ret_id, char **ret_name,
                   Error *reterr);

/* An import, as of images (image.h). finish makes the first kernel the default, and one of
 * record->is_default. */
int kernels_import_begin(const Kernels *kernels, const VmId *id, int ret_fds[_KERNEL_FILE_MAX],
                         Error *reterr);
int kernels_import_sync(const Kernels *kernels, const VmId *id, const int fds[_KERNEL_FILE_MAX],
                        Error *reterr);
int kernels_import_finish(Kernels *kernels, const KernelRecord *record, Error *reterr);
int kernels_import_drop(const Kernels *kernels, const VmId *id, Error *reterr);
const Content *kernels_content(const Kernels *kernels);
/* As on the wire; the caller clears it with kernel_info_schema. */
int kernels_describe(const Kernels *kernels, const VmId *id, KernelInfo *ret, Error *reterr);
