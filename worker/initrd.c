/* The initrd: the agent as /init, what it needs to be there, and the modules on the way to a root.
 * Not compressed: the guest boots quicker so. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/io.h"
#include "worker/archive.h"
#include "worker/kernel.h"
#include "worker/modules.h"

#define LIST_MAX ((size_t) 4 * 1024 * 1024)
#define MODULE_MAX ((size_t) 32 * 1024 * 1024)
#define MODULES_DIR "/modules"

static void cpio_cleanup(Cpio **cpio) {
        cpio_close(*cpio);
}

static void archive_cleanup(Archive **archive) {
        archive_close(*archive);
}

static int add_skeleton(Cpio *cpio, Error *reterr) {
        static const char *const directories[] = {"dev", "proc",    "sys",
                                                  "run", "newroot", "modules"};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(directories) && r >= 0; i++)
                r = cpio_add(cpio, directories[i], S_IFDIR | 0755, 0, NULL, 0, reterr);
        /* Linux opens it for init before anything is mounted. */
        if (r >= 0)
                r = cpio_add(cpio, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0, reterr);
        if (r >= 0)
                r = cpio_add(cpio, "dev/null", S_IFCHR | 0666, makedev(1, 3), NULL, 0, reterr);
        return r;
}

static int add_agent(const KernelJob *job, Cpio *cpio, Error *reterr) {
        _cleanup_close_ int fd = open(job->agent_path, O_RDONLY | O_CLOEXEC);
        int r;

        if (fd >= 0)
                return cpio_add_file(cpio, "init", S_IFREG | 0755, fd, reterr);
        r = error_set_errno(reterr, errno, "cannot read the guest's agent %s", job->agent_path);
        return error_set_hint(reterr, r, "run: make install");
}

/* Modules are small: one at a time is in memory, decompressed, for a cpio names sizes first. */
static int read_module(const KernelJob *job, int directory_fd, const char *path, char **ret,
                       size_t *ret_size, Error *reterr) {
        _cleanup_close_ int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC);
        Input input = {.job = job->job, .fd = fd, .end = -1, .keep_fd = -1};
        _cleanup_(archive_cleanup) Archive *archive = NULL;
        _cleanup_free_ char *module = NULL;
        size_t used = 0, size;
        int64_t offset;
        const void *data;
        int r;

        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot read %s", path);
        r = archive_stream_open(&input, &archive, reterr);
        while (r >= 0) {
                char *grown;

                r = archive_data(archive, &data, &size, &offset, reterr);
                if (r <= 0)
                        break;
                if (size > MODULE_MAX - used)
                        return error_set(reterr, ERROR_FAILED, EFBIG, "%s is too large", path);
                grown = realloc(module, used + size + 1);
                if (!grown)
                        return error_set_errno(reterr, ENOMEM, "cannot read %s", path);
                module = grown;
                memcpy(module + used, data, size);
                used += size;
        }
        if (r < 0)
                return error_prepend(reterr, r, "cannot read %s", path);
        *ret = steal_ptr(module);
        *ret_size = used;
        return 0;
}

/* "kernel/fs/ext4/ext4.ko.xz" is "/modules/ext4.ko" in the initrd. */
static char *name_in_initrd(const char *path) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        const char *end = strstr(name, ".ko");

        return end ? string_format(MODULES_DIR "/%.*s.ko", (int) (end - name), name) : NULL;
}

static int add_modules(const KernelJob *job, int directory_fd, char *const *paths, Cpio *cpio,
                       Error *reterr) {
        _cleanup_free_ char *list = strdup("");

        for (size_t i = 0; paths && paths[i] && list; i++) {
                _cleanup_free_ char *name = name_in_initrd(paths[i]), *module = NULL, *old = list;
                size_t size = 0;
                int r;

                list = name ? string_format("%s%s\n", old, name) : NULL;
                if (!name || !list)
                        break;
                r = read_module(job, directory_fd, paths[i], &module, &size, reterr);
                if (r >= 0)
                        r = cpio_add(cpio, name + 1, S_IFREG | 0644, 0, module, size, reterr);
                if (r < 0)
                        return r;
        }
        if (!list)
                return error_set_errno(reterr, ENOMEM, "cannot list modules");
        return cpio_add(cpio, "modules.load", S_IFREG | 0644, 0, list, strlen(list), reterr);
}

static int resolve(const KernelJob *job, int *ret_fd, Strv *ret, Error *reterr) {
        _cleanup_free_ char *path = string_format("%s/%s", job->modules_path, job->release);
        _cleanup_free_ char *dep = NULL, *builtin = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot list modules");
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
        if (r >= 0)
                r = io_read_file(fd, "modules.dep", LIST_MAX, &dep, NULL);
        if (r >= 0)
                r = io_read_file(fd, "modules.builtin", LIST_MAX, &builtin, NULL);
        if (r < 0) {
                r = error_set_errno(reterr, -r, "cannot read the modules of %s", job->release);
                return error_set_hint(reterr, r, "install the modules of that kernel on this host");
        }
        r = modules_resolve(dep, builtin, ret, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "%s", job->release);
        *ret_fd = steal_fd(&fd);
        return 0;
}

int initrd_write(const KernelJob *job, Error *reterr) {
        _cleanup_(cpio_cleanup) Cpio *cpio = NULL;
        _cleanup_close_ int directory_fd = -1;
        _cleanup_strv_ Strv paths = NULL;
        int r = 0;

        if (job->release)
                r = resolve(job, &directory_fd, &paths, reterr);
        if (r >= 0)
                r = cpio_open(job->initrd_fd, &cpio, reterr);
        if (r >= 0)
                r = add_skeleton(cpio, reterr);
        if (r >= 0)
                r = add_agent(job, cpio, reterr);
        if (r >= 0 && job->release)
                r = add_modules(job, directory_fd, paths, cpio, reterr);
        return r < 0 ? r : cpio_finish(cpio, reterr);
}
