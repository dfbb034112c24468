#include "worker/disk.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/build.h"

/* What mke2fs gives without being asked. */
#define BYTES_PER_INODE 16384

static int nothing(_unused_ void *userdata, _unused_ const Entry **ret, _unused_ Error *reterr) {
        return 0;
}

/* Its owner passes it: it is a new one, or nobody would want this. */
static int check_target(int fd, int64_t size_bytes, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at the target");
        if (S_ISREG(st.st_mode) && st.st_size >= size_bytes && lseek(fd, 0, SEEK_DATA) < 0 &&
            errno == ENXIO)
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                         "the target is not an empty regular file of that size");
}

int disk_make(int fd, int64_t size_bytes, Error *reterr) {
        const EntrySource source = {.next = nothing};
        const BuildPlan plan = {
                .size_bytes = size_bytes,
                .n_inodes = (uint32_t) (size_bytes / BYTES_PER_INODE),
        };
        int r = check_target(fd, size_bytes, reterr);

        return r < 0 ? r : build_write(&source, fd, &plan, reterr);
}
