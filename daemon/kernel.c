#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/strings.h"
#include "daemon/content.h"
#include "daemon/kernel.h"

static const char *const file_names[_KERNEL_FILE_MAX] = {
        [KERNEL_VMLINUX] = "vmlinux",
        [KERNEL_INITRD] = "initrd",
        [KERNEL_MODULES] = "modules.ext4",
};

struct Kernels {
        Store *store;
        Content content;
        KernelRecord **items; /* by name */
        size_t n_items;
};

static KernelRecord *kernel_free(KernelRecord *kernel) {
        if (kernel)
                kernel_record_clear(kernel);
        free(kernel);
        return NULL;
}

static void kernel_cleanup(KernelRecord **kernel) {
        kernel_free(*kernel);
}

static void kernels_cleanup(Kernels **kernels) {
        kernels_free(*kernels);
}

/* Room for one more, so that adding cannot fail when it must not. */
static int kernels_reserve(Kernels *kernels) {
        KernelRecord **grown = reallocarray(kernels->items, kernels->n_items + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        kernels->items = grown;
        return 0;
}

static void kernels_insert(Kernels *kernels, KernelRecord *kernel) {
        size_t at = kernels->n_items++;

        for (; at > 0 && strcmp(kernels->items[at - 1]->name, kernel->name) > 0; at--)
                kernels->items[at] = kernels->items[at - 1];
        kernels->items[at] = kernel;
}

/* One default, as the store has it. */
static void kernels_set_default(Kernels *kernels, const KernelRecord *chosen) {
        for (size_t i = 0; i < kernels->n_items; i++)
                kernels->items[i]->is_default = kernels->items[i] == chosen;
}

static bool is_known(const VmId *id, void *userdata) {
        return kernels_find_id(userdata, id) != NULL;
}

static int kernels_load(Kernels *kernels, Error *reterr) {
        _cleanup_free_ KernelRecord *records = NULL;
        size_t n = 0;
        int r = store_load_kernels(kernels->store, &records, &n, reterr);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                KernelRecord *kernel = r >= 0 ? calloc(1, sizeof(*kernel)) : NULL;

                if (r >= 0)
                        r = kernel ? kernels_reserve(kernels) : -ENOMEM;
                if (r < 0) {
                        kernel_record_clear(&records[i]);
                        free(kernel);
                        continue;
                }
                *kernel = records[i];
                kernels_insert(kernels, kernel);
        }
        return r < 0 ? error_set_errno(reterr, -r, "cannot read the kernels") : 0;
}

int kernels_new(Store *store, const char *state_dir, Kernels **ret, Error *reterr) {
        _cleanup_(kernels_cleanup) Kernels *kernels = calloc(1, sizeof(*kernels));
        int r;

        if (!kernels)
                return error_set_errno(reterr, ENOMEM, "cannot read the kernels");
        kernels->content = CONTENT_INIT;
        kernels->store = store;
        r = content_open(state_dir, "kernels", "", &kernels->content, reterr);
        if (r >= 0)
                r = kernels_load(kernels, reterr);
        if (r >= 0)
                r = content_recover(&kernels->content, is_known, kernels, reterr);
        if (r < 0)
                return r;
        *ret = steal_ptr(kernels);
        return 0;
}

Kernels *kernels_free(Kernels *kernels) {
        if (!kernels)
                return NULL;
        for (size_t i = 0; i < kernels->n_items; i++)
                kernel_free(kernels->items[i]);
        free(kernels->items);
        content_close(&kernels->content);
        free(kernels);
        return NULL;
}

static KernelRecord *find_id(const Kernels *kernels, const VmId *id) {
        for (size_t i = 0; i < kernels->n_items; i++)
                if (string_equal(kernels->items[i]->id.text, id->text))
                        return kernels->items[i];
        return NULL;
}

static KernelRecord *find(const Kernels *kernels, const char *name_or_id) {
        VmId id;

        for (size_t i = 0; i < kernels->n_items; i++)
                if (string_equal(kernels->items[i]->name, name_or_id))
                        return kernels->items[i];
        return vm_id_parse(name_or_id, &id) >= 0 ? find_id(kernels, &id) : NULL;
}

static KernelRecord *find_default(const Kernels *kernels) {
        for (size_t i = 0; i < kernels->n_items; i++)
                if (kernels->items[i]->is_default)
                        return kernels->items[i];
        return NULL;
}

const KernelRecord *kernels_find_id(const Kernels *kernels, const VmId *id) {
        return find_id(kernels, id);
}

static int not_found(const char *name_or_id, Error *reterr) {
        int r = error_set(reterr, ERROR_NOT_FOUND, ENOENT, "kernel \"%s\" not found", name_or_id);

        r = error_set_object(reterr, r, name_or_id);
        return error_set_hint(reterr, r, "run: banger kernel list");
}

int kernels_find(const Kernels *kernels, const char *name_or_id, const KernelRecord **ret,
                 Error *reterr) {
        const KernelRecord *kernel = name_or_id ? find(kernels, name_or_id)
                                                : find_default(kernels);

        if (kernel) {
                *ret = kernel;
                return 0;
        }
        if (name_or_id)
                return not_found(name_or_id, reterr);
        return error_set_hint(reterr,
                              error_set(reterr, ERROR_UNAVAILABLE, ENOENT,
                                        "there is no guest kernel yet"),
                              "run: banger kernel import --host");
}

int kernels_check_name(const Kernels *kernels, const char *name, Error *reterr) {
        int r = kernel_name_check(name, reterr);

        if (r < 0)
                return error_set_field(reterr, r, "name");
        if (!find(kernels, name))
                return 0;
        r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST, "kernel \"%s\" exists already", name);
        r = error_set_object(reterr, r, name);
        return error_set_hint(reterr, r, "choose another name, or run: banger kernel delete %s",
                              name);
}

static int describe(const KernelRecord *kernel, KernelInfo *ret, Error *reterr) {
        KernelInfo info = {
                .id = strdup(kernel->id.text),
                .name = strdup(kernel->name),
                .release = strdup(kernel->release),
                .size_bytes = kernel->size_bytes,
                .created_s = kernel->created_s,
                .is_default = kernel->is_default,
        };

        if (!info.id || !info.name || !info.release) {
                schema_clear(&kernel_info_schema, &info);
                return error_set_errno(reterr, ENOMEM, "cannot describe a kernel");
        }
        *ret = info;
        return 0;
}

int kernels_describe(const Kernels *kernels, const VmId *id, KernelInfo *ret, Error *reterr) {
        const KernelRecord *kernel = find_id(kernels, id);

        if (!kernel)
                return error_set(reterr, ERROR_NOT_FOUND, ENOENT, "kernel %s is gone", id->text);
        return describe(kernel, ret, reterr);
}

int kernels_list(const Kernels *kernels, KernelList *ret, Error *reterr) {
        KernelInfo *items = calloc(kernels->n_items + 1, sizeof(*items));
        KernelList list = {.kernels = {.items = items}};
        int r = 0;

        if (!items)
                return error_set_errno(reterr, ENOMEM, "cannot list the kernels");
        for (size_t i = 0; i < kernels->n_items && r >= 0; i++) {
                r = describe(kernels->items[i], &items[i], reterr);
                if (r >= 0)
                        list.kernels.n_items++;
        }
        if (r < 0) {
                schema_clear(&kernel_list_schema, &list);
                return r;
        }
        *ret = list;
        return 0;
}

static void kernels_forget(Kernels *kernels, const VmId *id) {
        for (size_t i = 0; i < kernels->n_items; i++) {
                if (!string_equal(kernels->items[i]->id.text, id->text))
                        continue;
                kernel_free(kernels->items[i]);
                kernels->n_items--;
                memmove(&kernels->items[i], &kernels->items[i + 1],
                        (kernels->n_items - i) * sizeof(KernelRecord *));
                return;
        }
}

static int check_unused(const Kernels *kernels, const KernelRecord *kernel, Error *reterr) {
        _cleanup_free_ char *users = NULL;
        _cleanup_strv_ char **names = NULL;
        int r = store_kernel_users(kernels->store, &kernel->id, &names, reterr);

        if (r < 0 || !names)
                return r;
        users = strv_join(names, ", ");
        r = error_set(reterr, ERROR_BUSY, EBUSY, "cannot delete kernel \"%s\": used by vm %s",
                      kernel->name, users ? users : names[0]);
        r = error_set_object(reterr, r, kernel->name);
        return error_set_hint(reterr, r, "run: banger vm delete %s", names[0]);
}

/* As images: a crash in between is mended at the next start. */
static int withdraw(Kernels *kernels, const VmId *id, Error *reterr) {
        int r = content_withdraw(&kernels->content, id, reterr);

        if (r < 0)
                return r;
        r = store_delete_kernel(kernels->store, id, reterr);
        if (r < 0) {
                (void) content_publish(&kernels->content, id, NULL);
                return r;
        }
        return 0;
}

/* After the default is gone. A failure leaves the others without one, which `kernel list` shows. */
static void choose_default(Kernels *kernels) {
        _cleanup_error_ Error error = ERROR_INIT;
        KernelRecord *newest = NULL, copy;

        for (size_t i = 0; i < kernels->n_items; i++)
                if (!newest || kernels->items[i]->created_s > newest->created_s)
                        newest = kernels->items[i];
        if (!newest)
                return;
        copy = *newest;
        copy.is_default = true;
        if (store_put_kernel(kernels->store, &copy, &error) >= 0)
                kernels_set_default(kernels, newest);
        else
                log_error(LOG_ERR, NULL, &error, "cannot choose another default kernel");
}

int kernels_delete(Kernels *kernels, const char *name_or_id, VmId *ret_id, char **ret_name,
                   Error *reterr) {
        const KernelRecord *kernel = find(kernels, name_or_id);
        _cleanup_free_ char *name = NULL;
        bool was_default;
        VmId id;
        int r;

        if (!kernel)
                return not_found(name_or_id, reterr);
        r = check_unused(kernels, kernel, reterr);
        if (r < 0)
                return r;
        id = kernel->id;
        was_default = kernel->is_default;
        name = strdup(kernel->name);
        if (!name)
                return error_set_errno(reterr, ENOMEM, "cannot delete kernel \"%s\"", kernel->name);
        r = withdraw(kernels, &id, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot delete kernel \"%s\"", name);
        kernels_forget(kernels, &id);
        *ret_id = id;
        *ret_name = steal_ptr(name);
        if (was_default)
                choose_default(kernels);
        return 0;
}

const Content *kernels_content(const Kernels *kernels) {
        return &kernels->content;
}

int kernels_import_begin(const Kernels *kernels, const VmId *id, int ret_fds[_KERNEL_FILE_MAX],
                         Error *reterr) {
        ContentName part = content_part_name(id);
        _cleanup_close_ int dir_fd = -1;
        int fds[_KERNEL_FILE_MAX] = {-1, -1, -1}, r = 0;

        if (mkdirat(kernels->content.dir_fd, part.text, 0700) < 0)
                return error_set_errno(reterr, errno, "cannot make a directory for the kernel");
        dir_fd = openat(kernels->content.dir_fd, part.text,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        for (size_t i = 0; i < _KERNEL_FILE_MAX && r >= 0; i++) {
                fds[i] = dir_fd < 0 ? -1
                                    : openat(dir_fd, file_names[i],
                                             O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                             0600);
                if (fds[i] < 0)
                        r = error_set_errno(reterr, errno, "cannot make a file for the kernel");
        }
        if (r < 0) {
                for (size_t i = 0; i < _KERNEL_FILE_MAX; i++)
                        close_fd(fds[i]);
                (void) content_remove_part(&kernels->content, id, NULL);
                return r;
        }
        memcpy(ret_fds, fds, sizeof(fds));
        return 0;
}

int kernels_import_sync(const Kernels *kernels, const VmId *id, const int fds[_KERNEL_FILE_MAX],
                        Error *reterr) {
        ContentName part = content_part_name(id);
        _cleanup_close_ int dir_fd = -1;

        /* VMs read them through hard links in their jails, each with a uid of its own; the directory
         * keeps everybody else out. */
        for (size_t i = 0; i < _KERNEL_FILE_MAX; i++)
                if (fchmod(fds[i], 0444) < 0 || fsync(fds[i]) < 0)
                        return error_set_errno(reterr, errno, "cannot write %s", file_names[i]);
        /* Their names are the directory's. */
        dir_fd = openat(kernels->content.dir_fd, part.text,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir_fd < 0 || fsync(dir_fd) < 0)
                return error_set_errno(reterr, errno, "cannot write %s", part.text);
        return 0;
}

int kernels_import_drop(const Kernels *kernels, const VmId *id, Error *reterr) {
        return content_remove_part(&kernels->content, id, reterr);
}

int kernels_import_finish(Kernels *kernels, const KernelRecord *record, Error *reterr) {
        _cleanup_(kernel_cleanup) KernelRecord *kernel = calloc(1, sizeof(*kernel));
        const KernelRecord *earlier = find_default(kernels);
        int r;

        if (!kernel || kernel_record_copy(record, kernel) < 0 || kernels_reserve(kernels) < 0)
                return error_set_errno(reterr, ENOMEM, "cannot keep kernel \"%s\"", record->name);
        kernel->is_default = record->is_default || !earlier;
        r = store_put_kernel(kernels->store, kernel, reterr);
        if (r < 0)
                return r;
        r = content_publish(&kernels->content, &record->id, reterr);
        if (r < 0) {
                (void) store_delete_kernel(kernels->store, &record->id, NULL);
                if (earlier)
                        (void) store_put_kernel(kernels->store, earlier, NULL);
                return r;
        }
        kernels_insert(kernels, kernel);
        if (kernel->is_default)
                kernels_set_default(kernels, kernel);
        (void) steal_ptr(kernel);
        return 0;
}
