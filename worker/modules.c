#include <errno.h>
#include <string.h>

#include "worker/modules.h"

#define DEPTH_MAX 32

static const struct {
        const char *name;
        bool optional; /* what a kernel may well not have apart */
} wanted[] = {
        {"virtio_mmio", false},
        {"virtio_blk", false},
        {"virtio_net", false},
        {"vsock", false},
        {"vmw_vsock_virtio_transport_common", true}, /* older kernels: in the next */
        {"vmw_vsock_virtio_transport", false},
        {"crc32c_generic", true}, /* ext4 asks for it by the crypto API, not by a symbol */
        {"ext4", false},
};

/* "kernel/fs/ext4/ext4.ko.xz" is "ext4"; "-" and "_" are the same (modprobe(8)). */
static bool is_module(const char *path, size_t length, const char *name) {
        size_t start = length, n = strlen(name);

        while (start > 0 && path[start - 1] != '/')
                start--;
        path += start;
        length -= start;
        if (length < n + 3 || memcmp(path + n, ".ko", 3) != 0 ||
            (length > n + 3 && path[n + 3] != '.'))
                return false;
        for (size_t i = 0; i < n; i++)
                if ((path[i] == '-' ? '_' : path[i]) != name[i])
                        return false;
        return true;
}

/* The line of modules.dep whose module that is; NULL: none. */
static const char *find_line(const char *text, const char *name) {
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
                if (is_module(line, strcspn(line, ":\n"), name))
                        return line;
        return NULL;
}

static const char *find_path(const char *text, const char *path, size_t length) {
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
                if (strcspn(line, ":\n") == length && memcmp(line, path, length) == 0)
                        return line;
        return NULL;
}

static bool has_path(char *const *paths, const char *path, size_t length) {
        for (size_t i = 0; paths && paths[i]; i++)
                if (strlen(paths[i]) == length && memcmp(paths[i], path, length) == 0)
                        return true;
        return false;
}

static bool is_module_path(const char *path) {
        const char *slash = strrchr(path, '/');

        return path[0] != '/' && !strstr(path, "..") && strstr(slash ? slash : path, ".ko");
}

static int add_line(const char *dep, const char *line, unsigned depth, Strv *paths, Error *reterr) {
        size_t length = strcspn(line, ":\n");
        _cleanup_free_ char *path = strndup(line, length);
        const char *at = line + length;
        int r;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot list modules");
        if (has_path(*paths, line, length))
                return 0;
        /* The depth is how those that need each other end. */
        if (depth == DEPTH_MAX || !is_module_path(path))
                return error_set(reterr, ERROR_FAILED, EBADMSG, "modules.dep is broken at %s",
                                 path);
        for (at += *at == ':'; *at == ' '; at += strcspn(at, " \n")) {
                const char *needed;

                at += strspn(at, " ");
                if (*at == '\n' || *at == '\0')
                        break;
                needed = find_path(dep, at, strcspn(at, " \n"));
                if (!needed)
                        return error_set(reterr, ERROR_FAILED, EBADMSG,
                                         "modules.dep is broken at %s", path);
                r = add_line(dep, needed, depth + 1, paths, reterr);
                if (r < 0)
                        return r;
        }
        r = strv_append(paths, path);
        return r < 0 ? error_set_errno(reterr, -r, "cannot list modules") : 0;
}

int modules_resolve(const char *dep, const char *builtin, Strv *ret, Error *reterr) {
        _cleanup_strv_ Strv paths = NULL;

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                const char *line;
                int r;

                if (find_line(builtin, wanted[i].name))
                        continue;
                line = find_line(dep, wanted[i].name);
                if (!line && wanted[i].optional)
                        continue;
                if (!line)
                        return error_set(reterr, ERROR_UNAVAILABLE, ENOENT,
                                         "the kernel has no module %s", wanted[i].name);
                r = add_line(dep, line, 0, &paths, reterr);
                if (r < 0)
                        return r;
        }
        *ret = steal_ptr(paths);
        return 0;
}
