#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/strings.h"
#include "helper/loops.h"

#define LOOP_MAJOR 7 /* admin-guide/devices.txt */

static void directory_cleanup(DIR **directory) {
        if (*directory)
                closedir(*directory);
}

/* Not ours, or bound no longer: 0 and *ret_ours false. */
static int loop_status(const Host *host, const char *name, struct loop_info64 *ret,
                       bool *ret_ours) {
        _cleanup_close_ int fd = -1;
        struct loop_info64 info = {};
        struct stat st;

        fd = openat(host->dev_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (fd < 0) {
                /* Without a node here we cannot have bound it either. */
                *ret_ours = false;
                return errno == ENOENT || errno == ENXIO ? 0 : -errno;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode) || major(st.st_rdev) != LOOP_MAJOR)
                return -ENOTBLK;
        if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0) {
                *ret_ours = false;
                return errno == ENXIO ? 0 : -errno;
        }
        info.lo_file_name[LO_NAME_SIZE - 1] = '\0';
        *ret_ours = true;
        *ret = info;
        return 0;
}

static int loop_add(const Host *host, const char *name, Inventory *inventory) {
        _cleanup_free_ char *detail = NULL;
        const char *role, *label;
        struct loop_info64 info = {};
        bool bound = false;
        VmId vm;
        int r;

        r = loop_status(host, name, &info, &bound);
        if (r < 0 || !bound)
                return r;
        label = (const char *) info.lo_file_name;
        if (!vm_id_from_loop(label, &vm, &role))
                return 0;
        detail = string_format("%s, inode %llu%s", role, (unsigned long long) info.lo_inode,
                               info.lo_flags & LO_FLAGS_READ_ONLY ? ", read-only" : "");
        if (!detail)
                return -ENOMEM;
        return inventory_add(inventory, INVENTORY_LOOP, name, &vm, detail);
}

static bool loop_bound(const Host *host, const char *name) {
        char path[sizeof("block//loop") + NAME_MAX];

        (void) snprintf(path, sizeof(path), "block/%s/loop", name);
        return faccessat(host->sys_fd, path, F_OK, 0) >= 0;
}

int loops_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_(directory_cleanup) DIR *directory = NULL;
        _cleanup_close_ int fd = -1;

        fd = openat(host->sys_fd, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open the block devices of sysfs");
        directory = fdopendir(fd);
        if (!directory)
                return error_set_errno(reterr, errno, "cannot read the block devices of sysfs");
        (void) steal_fd(&fd);
        for (;;) {
                const struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        break;
                if (!string_after_prefix(entry->d_name, "loop") || !loop_bound(host, entry->d_name))
                        continue;
                r = loop_add(host, entry->d_name, inventory);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot ask \"%s\"", entry->d_name);
        }
        if (errno != 0)
                return error_set_errno(reterr, errno, "cannot read the block devices of sysfs");
        return 0;
}
