#include <errno.h>
#include <string.h>

#include "daemon/store.h"

/* A copy that may be NULL where the original is. */
static bool copy_text(const char *text, char **ret) {
        *ret = text ? strdup(text) : NULL;
        return *ret || !text;
}

void vm_record_clear(VmRecord *record) {
        free(record->name);
        free(record->reason);
        free(record->boot_id);
        forwards_clear(&record->forwards);
        *record = (VmRecord) {.name = NULL};
}

void image_record_clear(ImageRecord *record) {
        free(record->name);
        *record = (ImageRecord) {.name = NULL};
}

void kernel_record_clear(KernelRecord *record) {
        free(record->name);
        free(record->release);
        *record = (KernelRecord) {.name = NULL};
}

int vm_record_copy(const VmRecord *record, VmRecord *ret) {
        VmRecord copy = *record;

        copy.name = copy.reason = copy.boot_id = NULL;
        copy.forwards = (Forwards) {.items = NULL};
        if (!copy_text(record->name, &copy.name) || !copy_text(record->reason, &copy.reason) ||
            !copy_text(record->boot_id, &copy.boot_id) ||
            forwards_copy(&record->forwards, &copy.forwards) < 0) {
                vm_record_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

int image_record_copy(const ImageRecord *record, ImageRecord *ret) {
        ImageRecord copy = *record;

        if (!copy_text(record->name, &copy.name))
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int kernel_record_copy(const KernelRecord *record, KernelRecord *ret) {
        KernelRecord copy = *record;

        copy.name = copy.release = NULL;
        if (!copy_text(record->name, &copy.name) || !copy_text(record->release, &copy.release)) {
                kernel_record_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}
