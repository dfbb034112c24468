/* Images of strangers. The first byte says what the rest is: 'e' an ext4, else a tar, whose headers
 * get the checksums that no mutation would hit. What is made of a tar must be an ext4 that is taken
 * as one. */

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io.h"
#include "worker/archive.h"
#include "worker/build.h"
#include "worker/ext4.h"

/* Small, so that an execution is quick; what does not fit is measured only. */
#define PLAN_BYTES (INT64_C(16) << 20)
#define PLAN_INODES 512
#define CONTENT_MAX (INT64_C(4) << 20)

/* A tar's header: tar(5). */
#define HEADER 512
#define MAGIC_AT 257
#define CHECKSUM_AT 148

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size) {
        int fd = memfd_create("fuzz", MFD_CLOEXEC);

        if (fd < 0 || io_write_full(fd, data, size) < 0)
                abort();
        return fd;
}

static void check_failure(int r, const Error *error) {
        if (r < 0 && !error->message)
                abort();
}

static void fuzz_ext4(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = file_of(data, size);
        _cleanup_error_ Error error = ERROR_INIT;
        Ext4Facts facts;
        int r = ext4_inspect(fd, (int64_t) size, &facts, &error);

        check_failure(r, &error);
        if (r >= 0 && facts.size_bytes > (int64_t) size)
                abort();
}

static Archive *open_tar(int fd, Job *job, Input *input, Error *reterr) {
        Archive *archive = NULL;
        int64_t bytes;

        if (input_open(input, fd, job, &bytes, reterr) < 0)
                abort();
        return archive_tar_open(input, &archive, reterr) < 0 ? NULL : archive;
}

static int measure(int fd, Job *job, BuildSize *ret, Error *reterr) {
        Input input;
        Archive *archive = open_tar(fd, job, &input, reterr);
        EntrySource source;
        int r;

        if (!archive)
                return -EBADMSG;
        source = archive_source(archive);
        r = build_measure(&source, ret, reterr);
        archive_close(archive);
        return r;
}

static int write_image(int fd, Job *job, int target_fd, Error *reterr) {
        static const BuildPlan plan = {.size_bytes = PLAN_BYTES, .n_inodes = PLAN_INODES};
        Input input;
        Archive *archive = open_tar(fd, job, &input, reterr);
        EntrySource source;
        int r;

        if (!archive)
                return -EBADMSG;
        source = archive_source(archive);
        r = build_write(&source, target_fd, &plan, reterr);
        archive_close(archive);
        return r;
}

static int tar_of(const uint8_t *data, size_t size) {
        _cleanup_free_ uint8_t *copy = malloc(size + 1);

        if (!copy)
                abort();
        memcpy(copy, data, size);
        for (size_t at = 0; at + HEADER <= size; at += HEADER) {
                uint8_t *header = copy + at;
                unsigned sum = 0;

                if (memcmp(header + MAGIC_AT, "ustar", 5) != 0)
                        continue;
                memset(header + CHECKSUM_AT, ' ', 8);
                for (size_t i = 0; i < HEADER; i++)
                        sum += header[i];
                (void) snprintf((char *) header + CHECKSUM_AT, 8, "%06o", sum);
        }
        return file_of(copy, size);
}

static void fuzz_tar(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = tar_of(data, size), target_fd = file_of(NULL, 0);
        _cleanup_error_ Error error = ERROR_INIT;
        Job job = {.client_fd = -1};
        Ext4Facts facts;
        BuildPlan plan;
        BuildSize found;
        int r;

        r = measure(fd, &job, &found, &error);
        if (r >= 0)
                r = build_plan(&found, 0, &plan, &error);
        check_failure(r, &error);
        if (r < 0 || found.content_bytes > CONTENT_MAX)
                return;
        r = write_image(fd, &job, target_fd, &error);
        check_failure(r, &error);
        if (r >= 0 && ext4_inspect(target_fd, PLAN_BYTES, &facts, NULL) < 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                abort();
        if (size == 0)
                return 0;
        if (data[0] == 'e')
                fuzz_ext4(data + 1, size - 1);
        else
                fuzz_tar(data + 1, size - 1);
        return 0;
}
