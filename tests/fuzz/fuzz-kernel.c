/* Kernels and their modules. The first byte says what the rest is: 'k' a vmlinuz or vmlinux, 'd'
 * modules.dep and, behind a NUL, modules.builtin, else a module that may be compressed. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io.h"
#include "worker/archive.h"
#include "worker/kernel.h"
#include "worker/modules.h"

#define MODULE_MAX (INT64_C(4) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size) {
        int fd = memfd_create("fuzz", MFD_CLOEXEC);

        if (fd < 0 || io_write_full(fd, data, size) < 0)
                abort();
        return fd;
}

static void fuzz_kernel(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = file_of(data, size), target_fd = file_of(NULL, 0);
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *release = NULL;
        Job job = {.client_fd = -1};
        const KernelJob kernel = {.job = &job, .source_fd = fd, .vmlinux_fd = target_fd};
        char magic[4];
        int r = kernel_unpack(&kernel, &release, &error);

        if (r < 0 ? !error.message : pread(target_fd, magic, 4, 0) != 4 ||
                                             memcmp(magic, "\177ELF", 4) != 0)
                abort();
        /* It becomes a name. */
        if (release && (release[0] == '.' || strchr(release, '/') || release[0] == '\0'))
                abort();
}

/* Each path once, and below the directory. */
static void check_paths(char *const *paths) {
        for (size_t i = 0; paths[i]; i++) {
                if (paths[i][0] == '/' || strstr(paths[i], "..") || !strstr(paths[i], ".ko"))
                        abort();
                for (size_t k = 0; k < i; k++)
                        if (strcmp(paths[i], paths[k]) == 0)
                                abort();
        }
}

static void fuzz_modules(const uint8_t *data, size_t size) {
        _cleanup_free_ char *dep = strndup((const char *) data, size), *builtin = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_strv_ Strv paths = NULL;
        size_t used;
        int r;

        if (!dep)
                abort();
        used = strlen(dep) + 1;
        builtin = used < size ? strndup((const char *) data + used, size - used) : strdup("");
        if (!builtin)
                abort();
        r = modules_resolve(dep, builtin, &paths, &error);
        if (r < 0 && !error.message)
                abort();
        if (paths)
                check_paths(paths);
}

static void fuzz_module(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = file_of(data, size);
        _cleanup_error_ Error error = ERROR_INIT;
        Job job = {.client_fd = -1};
        Input input = {.job = &job, .fd = fd, .end = -1, .keep_fd = -1};
        int64_t offset, end = 0;
        Archive *archive;
        const void *bytes;
        size_t n;
        int r;

        r = archive_stream_open(&input, &archive, &error);
        if (r >= 0) {
                do {
                        r = archive_data(archive, &bytes, &n, &offset, &error);
                        end += r > 0 ? (int64_t) n : 0;
                } while (r > 0 && end < MODULE_MAX);
                archive_close(archive);
        }
        if (r < 0 && !error.message)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        if (data[0] == 'k')
                fuzz_kernel(data + 1, size - 1);
        else if (data[0] == 'd')
                fuzz_modules(data + 1, size - 1);
        else
                fuzz_module(data + 1, size - 1);
        return 0;
}
