/* What the files of VMs' disks have, and what they may still take of their file system. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/strings.h"
#include "daemon/start.h"

#define MIB INT64_C(1048576)
/* Left free for everybody else on that file system. */
#define SPACE_FLOOR_BYTES (64 * MIB)

/* Untouched where there is none. */
static int look(const char *state_dir, const VmId *id, const char *name, struct stat *ret,
                Error *reterr) {
        _cleanup_free_ char *path = string_format("%s/vms/%s/%s", state_dir, id->text, name);

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot look at the disks");
        if (fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW) >= 0 || errno == ENOENT)
                return 0;
        return error_set_errno(reterr, errno, "cannot look at %s", path);
}

int start_read_sizes(const char *state_dir, const VmId *id, StartSpace *ret, Error *reterr) {
        struct stat cow = {}, work = {};
        int r = look(state_dir, id, START_COW_FILE, &cow, reterr);

        if (r >= 0)
                r = look(state_dir, id, START_WORK_FILE, &work, reterr);
        if (r < 0)
                return r;
        *ret = (StartSpace) {.id = *id, .cow_bytes = cow.st_size, .work_bytes = work.st_size};
        return 0;
}

static int64_t file_missing(const struct stat *st, int64_t full_bytes) {
        int64_t taken = (int64_t) st->st_blocks * 512; /* stat(2): whatever that system's block */

        return full_bytes > taken ? full_bytes - taken : 0;
}

static int add_missing(const char *state_dir, const StartSpace *space, int64_t *wanted_bytes,
                       Error *reterr) {
        struct stat cow = {}, work = {};
        int r = look(state_dir, &space->id, START_COW_FILE, &cow, reterr);

        if (r >= 0)
                r = look(state_dir, &space->id, START_WORK_FILE, &work, reterr);
        if (r < 0)
                return r;
        *wanted_bytes += file_missing(&cow, space->cow_bytes) +
                         file_missing(&work, space->work_bytes);
        return 0;
}

int start_check_space(const char *state_dir, const StartSpace *own, const StartSpace *others,
                      size_t n_others, Error *reterr) {
        int64_t free_bytes, wanted = 0;
        struct statvfs fs;
        int r = add_missing(state_dir, own, &wanted, reterr);

        for (size_t i = 0; i < n_others && r >= 0; i++)
                r = add_missing(state_dir, &others[i], &wanted, reterr);
        if (r < 0)
                return r;
        if (statvfs(state_dir, &fs) < 0)
                return error_set_errno(reterr, errno, "cannot look at %s", state_dir);
        free_bytes = (int64_t) fs.f_bavail * (int64_t) fs.f_frsize - SPACE_FLOOR_BYTES;
        if (wanted <= free_bytes)
                return 0;
        return error_set(reterr, ERROR_NO_SPACE, ENOSPC,
                         "the disks of it and of the running VMs may need %" PRId64 " MiB more, "
                         "%s has %" PRId64 " MiB to give",
                         (wanted + MIB - 1) / MIB, state_dir,
                         free_bytes > 0 ? free_bytes / MIB : 0);
}
