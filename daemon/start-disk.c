/* The files of a VM's disks, in vms/ID: made at its first start, and grown at a later one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/strings.h"
#include "daemon/root-stub.h"
#include "daemon/start.h"
#include "daemon/worker-stub.h"

#define COW START_COW_FILE
#define WORK START_WORK_FILE
/* Until it has a file system: what a crash leaves is begun anew. */
#define WORK_PART WORK ".part"
#define GROW_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define MIB INT64_C(1048576)

/* It never shrinks: what has a size has a content, too. */
static int size_file(int fd, int64_t bytes, const char *name, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at %s", name);
        if (!S_ISREG(st.st_mode))
                return error_set(reterr, ERROR_FAILED, EUCLEAN, "%s is not a regular file", name);
        if (st.st_size >= bytes)
                return 0;
        if (ftruncate(fd, bytes) < 0 || fsync(fd) < 0)
                return error_set_errno(reterr, errno, "cannot size %s", name);
        return 0;
}

/* The helper has taken it over: the root as the last run left it. */
static int grow_cow(Start *start, int dir_fd, Error *reterr) {
        const RootDiskGrow grow = {
                .vm = start->id.text,
                .cow_mib = (start->cow_bytes + MIB - 1) / MIB,
                .operation = start_operation_text(start),
        };
        struct stat st;

        if (fstatat(dir_fd, COW, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_set_errno(reterr, errno, "cannot look at " COW);
        if (st.st_size >= start->cow_bytes)
                return 0;
        return root_disk_grow(start->root_socket, clock_monotonic_usec() + GROW_TIMEOUT_USEC, &grow,
                              reterr);
}

static int make_cow(Start *start, int dir_fd, Error *reterr) {
        _cleanup_close_ int fd = openat(dir_fd, COW, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
                                                             O_CLOEXEC, 0600);

        if (fd < 0 && errno == EACCES)
                return grow_cow(start, dir_fd, reterr);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot make " COW);
        return size_file(fd, start->cow_bytes, COW, reterr);
}

static int make_new_work(Start *start, int dir_fd, Error *reterr) {
        const WorkerWatch watch = {
                .cancel_fd = start->operation ? operation_cancel_fd(start->operation) : -1,
        };
        _cleanup_close_ int fd = openat(dir_fd, WORK_PART, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW |
                                                                   O_NONBLOCK | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot make " WORK);
        r = size_file(fd, start_work_bytes(start->work_mib), WORK, reterr);
        if (r >= 0)
                r = worker_make_disk(start->worker_socket, start->work_mib * MIB, fd, &watch,
                                     reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot make the work disk");
        if (renameat(dir_fd, WORK_PART, dir_fd, WORK) < 0 || fsync(dir_fd) < 0)
                return error_set_errno(reterr, errno, "cannot make " WORK);
        return 0;
}

static int make_work(Start *start, int dir_fd, Error *reterr) {
        _cleanup_close_ int fd = -1;

        if (start->work_mib == 0)
                return 0;
        fd = openat(dir_fd, WORK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return make_new_work(start, dir_fd, reterr);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open " WORK);
        /* The guest makes the file system as large as its disk. */
        return size_file(fd, start_work_bytes(start->work_mib), WORK, reterr);
}

int start_make_disks(Start *start, Error *reterr) {
        _cleanup_free_ char *directory = string_format("%s/vms/%s", start->state_dir,
                                                       start->id.text);
        _cleanup_close_ int dir_fd = -1;
        int r;

        if (!directory)
                return error_set_errno(reterr, ENOMEM, "cannot make the disks");
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return error_set_errno(reterr, errno, "cannot make %s", directory);
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir_fd < 0)
                return error_set_errno(reterr, errno, "cannot open %s", directory);
        r = make_cow(start, dir_fd, reterr);
        return r < 0 ? r : make_work(start, dir_fd, reterr);
}
