#include "guest/work-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/copy-tree.h"
#include "guest/files.h"

#define PLACE "/root"
/* Until it has its content. */
#define FIRST_PLACE "/run/banger-work"
/* Only root sees it, and no file is in anybody's way. */
#define SEEDED "trusted.banger.seeded"
/* linux/fs/ext4/ext4.h; not in the headers of Debian 12. */
#define EXT4_RESIZE_FS _IOW('f', 16, __u64)

int work_disk_seed(int from_fd, int to_fd, Error *reterr) {
        int r;

        if (fgetxattr(to_fd, SEEDED, NULL, 0) >= 0)
                return 0;
        /* e2fsck's, which makes it anew if it ever wants it; in a home it is in the way. */
        (void) unlinkat(to_fd, "lost+found", AT_REMOVEDIR);
        r = copy_tree(from_fd, to_fd, reterr);
        if (r < 0)
                return r;
        /* All of it first: half a copy that says it is whole would stay half. */
        if (syncfs(to_fd) < 0 || fsetxattr(to_fd, SEEDED, "1", 1, 0) < 0 || fsync(to_fd) < 0)
                return error_set_errno(reterr, errno, "cannot finish the copy");
        return 0;
}

/* Nothing to do is told from something to do by the kernel. */
static int grow(const char *device, int place_fd, Error *reterr) {
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
        int r, grow_r;

        if (from_fd < 0 || to_fd < 0)
                return error_set_errno(reterr, errno, "cannot open " PLACE);
        grow_r = grow(config->work, to_fd, &error);
        r = work_disk_seed(from_fd, to_fd, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot copy the image's " PLACE " to it");
        if (mount(FIRST_PLACE, PLACE, NULL, MS_MOVE, NULL) < 0)
                r = error_set_errno(reterr, errno, "cannot move it to " PLACE);
        /* It is there all the same. */
        return error_join(reterr, r, &error, grow_r);
}

int work_disk_mount(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        int r;

        if (!config->work)
                return 0;
        r = files_wait(config->work, deadline_usec);
        if (r < 0)
                return error_set_errno(reterr, -r, "there is no device %s", config->work);
        r = files_make_directories(FIRST_PLACE, 0700);
        if (r >= 0 && mount(config->work, FIRST_PLACE, "ext4", 0, NULL) < 0)
                r = -errno;
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot mount %s", config->work);
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
