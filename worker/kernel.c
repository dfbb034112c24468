#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/strings.h"
#include "worker/archive.h"
#include "worker/build.h"
#include "worker/bzimage.h"
#include "worker/copy.h"
#include "worker/kernel.h"

#define VMLINUX_MAX (INT64_C(1) << 30)
#define ELF_HEAD 65536
#define VERSION_MAX 256

static void archive_cleanup(Archive **archive) {
        archive_close(*archive);
}

static int unpack_payload(Input *input, int target_fd, int64_t *ret_bytes, Error *reterr) {
        _cleanup_(archive_cleanup) Archive *archive = NULL;
        int64_t end = 0, offset;
        const void *data;
        size_t size;
        int r;

        r = archive_stream_open(input, &archive, reterr);
        while (r >= 0) {
                r = archive_data(archive, &data, &size, &offset, reterr);
                if (r <= 0)
                        break;
                if (offset != end || (int64_t) size > VMLINUX_MAX - end)
                        return error_set(reterr, ERROR_FAILED, EFBIG, "it is larger than 1 GiB");
                r = io_write_full(target_fd, data, size);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot write it");
                end += (int64_t) size;
        }
        *ret_bytes = end;
        return r;
}

/* All that Linux 6.1 has for x86 but LZO (scripts/extract-vmlinux). */
static int check_compression(const uint8_t magic[static 2], Error *reterr) {
        static const uint8_t known[][2] = {{0x1f, 0x8b}, {0xfd, '7'}, {'B', 'Z'},
                                           {0x5d, 0},    {0x02, 0x21}, {0x28, 0xb5}};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (memcmp(magic, known[i], sizeof(known[i])) == 0)
                        return 0;
        r = error_set(reterr, ERROR_FAILED, EOPNOTSUPP, "it is compressed in a way that is not "
                                                        "known");
        return error_set_hint(reterr, r, "unpack it with extract-vmlinux of Linux and import the "
                                         "vmlinux");
}

/* The payload's last four bytes say how large it was, modulo 2^32. gzip has the same by itself, and
 * for the others they follow what is compressed (Linux, scripts/Makefile.lib: size_append). */
static int unpack_bzimage(const KernelJob *job, Input *input, const BzImage *image, Error *reterr) {
        uint8_t magic[2] = {}, said[4] = {};
        int64_t end = image->payload_at + image->payload_bytes, bytes = 0;
        int r;

        if (pread(input->fd, magic, sizeof(magic), image->payload_at) != sizeof(magic) ||
            pread(input->fd, said, sizeof(said), end - 4) != sizeof(said))
                return error_set_errno(reterr, EIO, "cannot read the kernel");
        input->start = image->payload_at;
        input->end = magic[0] == 0x1f && magic[1] == 0x8b ? end : end - 4;
        r = check_compression(magic, reterr);
        if (r >= 0)
                r = unpack_payload(input, job->vmlinux_fd, &bytes, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot unpack the kernel");
        if ((uint32_t) bytes != ((uint32_t) said[0] | (uint32_t) said[1] << 8 |
                                 (uint32_t) said[2] << 16 | (uint32_t) said[3] << 24))
                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                 "the kernel did not unpack to the size that it says");
        return 0;
}

static int check_vmlinux(int fd, Error *reterr) {
        _cleanup_free_ char *head = malloc(ELF_HEAD);
        struct stat st;
        ssize_t n;

        if (!head)
                return error_set_errno(reterr, ENOMEM, "cannot read the kernel");
        n = pread(fd, head, ELF_HEAD, 0);
        if (n < 0 || fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot read the kernel");
        return elf_check(head, (size_t) n, st.st_size, reterr);
}

static char *read_release(int fd, const BzImage *image) {
        char text[VERSION_MAX];
        ssize_t n = image->version_at > 0 ? pread(fd, text, sizeof(text), image->version_at) : 0;

        return n > 0 ? bzimage_release(text, (size_t) n) : NULL;
}

int kernel_unpack(const KernelJob *job, char **ret_release, Error *reterr) {
        _cleanup_free_ char *release = NULL;
        uint8_t head[BZIMAGE_HEAD];
        int64_t file_bytes;
        BzImage image;
        Input input;
        ssize_t n;
        int r;

        r = input_open(&input, job->source_fd, job->job, &file_bytes, reterr);
        if (r < 0)
                return r;
        if (input.is_stream)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "a kernel must be a regular file");
        n = pread(job->source_fd, head, sizeof(head), 0);
        if (n < 0)
                return error_set_errno(reterr, errno, "cannot read the kernel");
        if (elf_is(head, (size_t) n))
                r = copy_input(&input, job->vmlinux_fd, reterr);
        else {
                r = bzimage_parse(head, (size_t) n, file_bytes, &image, reterr);
                if (r == 0)
                        return error_set(reterr, ERROR_FAILED, EBADMSG,
                                         "the file is neither a vmlinuz nor an ELF vmlinux");
                if (r > 0)
                        r = unpack_bzimage(job, &input, &image, reterr);
                if (r >= 0)
                        release = read_release(job->source_fd, &image);
        }
        if (r >= 0)
                r = check_vmlinux(job->vmlinux_fd, reterr);
        if (r >= 0)
                *ret_release = steal_ptr(release);
        return r;
}

/* ---- modules ---- */

static int open_modules(const KernelJob *job, const char *path, Archive **ret, Error *reterr) {
        /* Links to where the kernel was built. */
        static const char *const skip[] = {"build", "source", NULL};
        int r = archive_directory_open(path, skip, job->job, ret, reterr);

        if (r >= 0)
                return 0;
        r = error_prepend(reterr, r, "cannot read the modules of %s", job->release);
        return error_set_hint(reterr, r, "install the modules of that kernel on this host");
}

static int write_modules(const KernelJob *job, Error *reterr) {
        _cleanup_free_ char *path = string_format("%s/%s", job->modules_path, job->release);
        _cleanup_(archive_cleanup) Archive *first = NULL, *second = NULL;
        EntrySource source;
        BuildSize size;
        BuildPlan plan;
        int r;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot read the modules");
        r = open_modules(job, path, &first, reterr);
        if (r < 0)
                return r;
        source = archive_source(first);
        r = build_measure(&source, &size, reterr);
        if (r >= 0)
                r = build_plan(&size, 0, &plan, reterr);
        if (r >= 0)
                r = open_modules(job, path, &second, reterr);
        if (r < 0)
                return r;
        source = archive_source(second);
        return build_write(&source, job->modules_fd, &plan, reterr);
}

/* The space at least; whoever made the files takes them away. */
static void empty_targets(const KernelJob *job) {
        const int fds[] = {job->vmlinux_fd, job->initrd_fd, job->modules_fd};

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) !ftruncate(fds[i], 0);
}

static int size_of(int fd, int64_t *ret, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at what was written");
        *ret = st.st_size;
        return 0;
}

int kernel_import(const KernelJob *job, WorkerKernelFacts *ret, Error *reterr) {
        _cleanup_free_ char *release = NULL;
        WorkerKernelFacts facts = {.release = NULL};
        int r;

        r = kernel_unpack(job, &release, reterr);
        if (r >= 0 && release && job->release && !string_equal(release, job->release))
                r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                              "the kernel is %s, its modules would be of %s", release,
                              job->release);
        if (r >= 0)
                r = initrd_write(job, reterr);
        if (r >= 0 && job->release)
                r = write_modules(job, reterr);
        if (r >= 0)
                r = size_of(job->vmlinux_fd, &facts.vmlinux_bytes, reterr);
        if (r >= 0)
                r = size_of(job->initrd_fd, &facts.initrd_bytes, reterr);
        if (r >= 0)
                r = size_of(job->modules_fd, &facts.modules_bytes, reterr);
        if (r < 0) {
                empty_targets(job);
                return r;
        }
        facts.release = steal_ptr(release);
        *ret = facts;
        return 0;
}
