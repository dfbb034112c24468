#pragma once
/* What the daemon keeps over restarts: VMs, images, kernels, and how long starts took. SQLite below;
 * used from the loop's thread only. What runs is not in here, it is read back from the kernel. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/forward.h"
#include "common/ident.h"

typedef struct Store Store;

/* Images and kernels have ids of the same form as VMs: images/ID.ext4, kernels/ID/. */
typedef struct ImageRecord {
        VmId id;
        char *name;
        int64_t size_bytes; /* of the file system */
        bool has_init;
        int64_t created_s;
} ImageRecord;

typedef struct KernelRecord {
        VmId id;
        char *name;
        char *release; /* empty: not known */
        int64_t size_bytes;
        bool has_modules;
        bool is_default; /* of one at most: putting one takes it from the others */
        int64_t created_s;
} KernelRecord;

/* What was under way when this was written: after a crash of the daemon it is undone or taken over. */
typedef enum VmIntent {
        VM_INTENT_NONE,
        VM_INTENT_START,
        VM_INTENT_STOP,
        VM_INTENT_DELETE,
        _VM_INTENT_MAX,
} VmIntent;

typedef struct VmRecord {
        VmId id;
        char *name;
        VmId image, kernel; /* must exist */
        int64_t vcpus, memory_mib;
        int64_t work_mib;   /* of its work disk; 0: it has none */
        int64_t cow_mib;    /* its file of changes is to have; 0: what is usual */
        int64_t last_slot;  /* 0: had none yet */
        int64_t created_s;
        bool ephemeral;
        bool broken;
        char *reason;       /* why it is broken, or how it stopped when nobody asked; may be NULL */
        VmIntent intent;
        char *boot_id;      /* of the host's boot that it was started in; NULL: it is stopped */
        int64_t started_s;  /* when that was */
        bool nat;           /* may reach beyond the host */
        Forwards forwards;  /* ports of the host that lead to it */
} VmRecord;

void vm_record_clear(VmRecord *record);
void image_record_clear(ImageRecord *record);
void kernel_record_clear(KernelRecord *record);
/* Deep; -ENOMEM. */
int vm_record_copy(const VmRecord *record, VmRecord *ret);
int image_record_copy(const ImageRecord *record, ImageRecord *ret);
int kernel_record_copy(const KernelRecord *record, KernelRecord *ret);

/* Opens or makes DIRECTORY/banger.db and brings it to this version's form. Refuses one that a newer
 * version has written, and a broken file. Does file I/O. */
int store_open(const char *directory, Store **ret, Error *reterr);
Store *store_free(Store *store);

/* All of them, by name; the caller frees the array and clears each record. */
int store_load_vms(Store *store, VmRecord **ret, size_t *ret_n, Error *reterr);
int store_load_images(Store *store, ImageRecord **ret, size_t *ret_n, Error *reterr);
int store_load_kernels(Store *store, KernelRecord **ret, size_t *ret_n, Error *reterr);

/* Adds or replaces by id, durable on return. ERROR_ALREADY_EXISTS when another has the name,
 * ERROR_NOT_FOUND when an image or kernel that it refers to is gone, ERROR_NO_SPACE. */
int store_put_vm(Store *store, const VmRecord *record, Error *reterr);
int store_put_image(Store *store, const ImageRecord *record, Error *reterr);
int store_put_kernel(Store *store, const KernelRecord *record, Error *reterr);
/* What is not there is deleted already. ERROR_BUSY while a VM uses the image or kernel. */
int store_delete_vm(Store *store, const VmId *id, Error *reterr);
int store_delete_image(Store *store, const VmId *id, Error *reterr);
int store_delete_kernel(Store *store, const VmId *id, Error *reterr);

/* Names of the VMs that use it, in order; *ret is NULL for none, else a Strv for the caller. */
int store_image_users(Store *store, const VmId *image, char ***ret, Error *reterr);
int store_kernel_users(Store *store, const VmId *kernel, char ***ret, Error *reterr);

typedef struct BootStage {
        const char *name;
        int64_t elapsed_us;
} BootStage;

/* A start that succeeded. The last STORE_BOOTS_KEPT of an image are kept. */
#define STORE_BOOTS_KEPT 32
int store_add_boot(Store *store, const VmId *vm, const VmId *image, int64_t at_s,
                   const BootStage *stages, size_t n_stages, Error *reterr);
/* The median of a stage over the kept starts of an image; *ret is 0 while there is none. */
int store_usual_us(Store *store, const VmId *image, const char *stage, int64_t *ret,
                   Error *reterr);
