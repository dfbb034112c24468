#include "guest/work-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/console.h"
#include "guest/copy-tree.h"
#include "guest/files.h"

#define PLACE "/root"
/* Until it has its content. */
#define FIRST_PLACE "/run/banger-work"
/* Only root sees it, and no file is in anybody's way. */
#define SEEDED "trusted.banger.seeded"
/* Of one that was too small for its content: its blocks, a uint64_t. One that has not grown since
 * is not filled again at each boot in vain. */
#define TOO_SMALL "trusted.banger.too-small"
/* linux/fs/ext4/ext4.h; not in the headers of Debian 12. */
#define EXT4_RESIZE_FS _IOW('f', 16, __u64)

/* Blocks that the file system has: it grows with its disk. */
static int count_blocks(int fd, uint64_t *ret) {
        struct statvfs fs;

        if (fstatvfs(fd, &fs) < 0)
                return -errno;
        *ret = fs.f_blocks;
        return 0;
}

static bool was_too_small(int fd) {
        uint64_t had, has;

        return fgetxattr(fd, TOO_SMALL, &had, sizeof(had)) == sizeof(had) &&
               count_blocks(fd, &has) >= 0 && has <= had;
}

/* Best effort: without it the next boot tries again. */
static void note_too_small(int fd) {
        uint64_t blocks;

        if (count_blocks(fd, &blocks) >= 0)
                (void) fsetxattr(fd, TOO_SMALL, &blocks, sizeof(blocks), 0);
}

static int too_small(Error *reterr) {
        return error_set(reterr, ERROR_NO_SPACE, ENOSPC,
                         "the disk is too small for what the image has in " PLACE);
}

/* All of it first: half a copy that says it is whole would stay half. */
static int finish_copy(int to_fd, Error *reterr) {
        if (syncfs(to_fd) < 0 || fsetxattr(to_fd, SEEDED, "1", 1, 0) < 0 || fsync(to_fd) < 0)
                return error_set_errno(reterr, errno, "cannot finish the copy");
        return 0;
}

int work_disk_seed(int from_fd, int to_fd, unsigned *ret_n_skipped, Error *reterr) {
        int r;

        *ret_n_skipped = 0;
        if (fgetxattr(to_fd, SEEDED, NULL, 0) >= 0)
                return 0;
        if (was_too_small(to_fd))
                return too_small(reterr);
        /* e2fsck's, which makes it anew if it ever wants it; in a home it is in the way. */
        (void) unlinkat(to_fd, "lost+found", AT_REMOVEDIR);
        r = copy_tree(from_fd, to_fd, ret_n_skipped, reterr);
        if (r >= 0)
                r = finish_copy(to_fd, reterr);
        if (r >= 0) {
                (void) fremovexattr(to_fd, TOO_SMALL);
                return 0;
        }
        copy_tree_undo(from_fd, to_fd);
        if (r == -ENOSPC)
                note_too_small(to_fd);
        (void) syncfs(to_fd);
        return r == -ENOSPC ? too_small(reterr)
                            : error_prepend(reterr, r, "cannot copy the image's " PLACE " to it");
}

/* Nothing to do is told from something to do by the kernel. */
int work_disk_grow(const char *device, int place_fd, Error *reterr) {
        _cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
        struct statvfs fs;
        uint64_t bytes, n_blocks;

        if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0 || fstatvfs(place_fd, &fs) < 0)
                return error_set_errno(reterr, errno, "cannot tell its size");
        n_blocks = bytes / fs.f_frsize;
        if (ioctl(place_fd, EXT4_RESIZE_FS, &n_blocks) < 0)
                return error_set_errno(reterr, errno, "its file system cannot grow");
        return 0;
}

static int prepare(const GuestConfig *config, Error *reterr) {
        _cleanup_close_ int from_fd = open(PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int to_fd = open(FIRST_PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_error_ Error error = ERROR_INIT;
        unsigned n_skipped;
        int r, grow_r;

        if (from_fd < 0 || to_fd < 0)
                return error_set_errno(reterr, errno, "cannot open " PLACE);
        grow_r = work_disk_grow(config->work, to_fd, &error);
        r = work_disk_seed(from_fd, to_fd, &n_skipped, reterr);
        if (r == -ENOSPC)
                r = error_set_hint(reterr, r, "stop it, and run: banger vm resize %s "
                                              "--work-disk SIZE", config->hostname);
        else if (r >= 0 && mount(FIRST_PLACE, PLACE, NULL, MS_MOVE, NULL) < 0)
                r = error_set_errno(reterr, errno, "cannot move it to " PLACE);
        else if (r >= 0 && n_skipped > 0)
                r = error_set(reterr, ERROR_DEGRADED, ELOOP,
                              "%u directories of the image's " PLACE " have too many levels above "
                              "them: they were copied empty, the console names them", n_skipped);
        /* Where that failed alone, the disk is there all the same. */
        return error_join(reterr, r, &error, grow_r);
}

static int mount_work(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        int r = files_wait(config->work, deadline_usec);

        if (r < 0)
                return error_set_errno(reterr, -r, "there is no device %s", config->work);
        r = files_make_directories(FIRST_PLACE, 0700);
        if (r >= 0 && mount(config->work, FIRST_PLACE, "ext4", 0, NULL) < 0)
                r = -errno;
        if (r < 0) {
                (void) rmdir(FIRST_PLACE);
                r = error_set_errno(reterr, -r, "cannot mount %s", config->work);
                return error_set_hint(reterr, r, "have e2fsck check %s in the guest, then stop and "
                                                 "start it", config->work);
        }
        r = prepare(config, reterr);
        /* Where it stayed; else the directory is empty, and goes. */
        (void) umount2(FIRST_PLACE, MNT_DETACH);
        (void) rmdir(FIRST_PLACE);
        return r;
}

static bool is_mounted(void) {
        struct stat root, place;

        return stat("/", &root) == 0 && stat(PLACE, &place) == 0 && root.st_dev != place.st_dev;
}

/* What would be written there now the work disk would hide later, when it is mounted again. */
static void protect_place(void) {
        if (mount(PLACE, PLACE, NULL, MS_BIND, NULL) < 0 ||
            mount(NULL, PLACE, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
                console_print("cannot make " PLACE " read-only: %s", strerror(errno));
}

int work_disk_mount(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        int r;

        if (!config->work)
                return 0;
        r = mount_work(config, deadline_usec, reterr);
        if (r >= 0 || is_mounted())
                return r;
        protect_place();
        return error_prepend(reterr, r, "it is not mounted, and " PLACE " is read-only");
}

void work_disk_end(void) {
        if (is_mounted() && umount2(PLACE, 0) < 0)
                (void) mount(NULL, PLACE, NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

int work_disk_freeze(void) {
        _cleanup_close_ int fd = -1;

        if (!is_mounted())
                return 0;
        fd = open(PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || ioctl(fd, FIFREEZE, 0) < 0 ? -errno : 0;
}
