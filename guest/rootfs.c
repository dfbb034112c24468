#include "guest/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "common/io.h"
#include "common/strings.h"
#include "guest/files.h"

#define NEW_ROOT "/newroot"
#define CGROUPS "/sys/fs/cgroup"

typedef struct Mount {
        const char *type, *target, *options;
        unsigned long flags;
} Mount;

static int mount_one(const Mount *mount_row, Error *reterr) {
        int r = files_make_directories(mount_row->target, 0755);

        if (r >= 0 && mount(mount_row->type, mount_row->target, mount_row->type, mount_row->flags,
                            mount_row->options) < 0 && errno != EBUSY)
                r = -errno;
        return r < 0 ? error_set_errno(reterr, -r, "cannot mount %s", mount_row->target) : 0;
}

int rootfs_mount_kernel(Error *reterr) {
        static const Mount mounts[] = {
                {"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
                {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
                {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        };

        for (size_t i = 0; i < ELEMENTSOF(mounts); i++) {
                int r = mount_one(&mounts[i], reterr);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int mount_root(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        int r = files_wait(config->root, deadline_usec);

        if (r < 0)
                return error_set_errno(reterr, -r, "there is no device %s", config->root);
        r = files_make_directories(NEW_ROOT, 0755);
        if (r >= 0 && mount(config->root, NEW_ROOT, "ext4", 0, NULL) < 0)
                r = -errno;
        return r < 0 ? error_set_errno(reterr, -r, "cannot mount %s", config->root) : 0;
}

/* An image may be one program and nothing else. */
static int make_skeleton(Error *reterr) {
        static const struct {
                const char *path;
                mode_t mode;
        } directories[] = {
                {NEW_ROOT "/dev", 0755},  {NEW_ROOT "/proc", 0555}, {NEW_ROOT "/sys", 0555},
                {NEW_ROOT "/run", 0755},  {NEW_ROOT "/etc", 0755},  {NEW_ROOT "/root", 0700},
                {NEW_ROOT "/tmp", 01777},
        };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                if (mkdir(directories[i].path, directories[i].mode) == 0)
                        (void) chmod(directories[i].path, directories[i].mode);
                else if (errno != EEXIST)
                        return error_set_errno(reterr, errno, "cannot make %s",
                                               directories[i].path);
        }
        return 0;
}

static int move_mounts(Error *reterr) {
        static const struct {
                const char *from, *to;
        } moves[] = {
                {"/dev", NEW_ROOT "/dev"},
                {"/proc", NEW_ROOT "/proc"},
                {"/sys", NEW_ROOT "/sys"},
        };

        for (size_t i = 0; i < ELEMENTSOF(moves); i++)
                if (mount(moves[i].from, moves[i].to, NULL, MS_MOVE, NULL) < 0)
                        return error_set_errno(reterr, errno, "cannot move %s", moves[i].from);
        return 0;
}

int rootfs_enter(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        /* systemd's own options for it (mount-setup.c); it keeps one that is there. */
        static const Mount run = {"tmpfs", NEW_ROOT "/run", "mode=0755,size=20%,nr_inodes=800k",
                                  MS_NOSUID | MS_NODEV | MS_STRICTATIME};
        int r;

        r = mount_root(config, deadline_usec, reterr);
        if (r >= 0)
                r = make_skeleton(reterr);
        if (r >= 0)
                r = mount_one(&run, reterr);
        if (r >= 0)
                r = move_mounts(reterr);
        if (r < 0)
                return r;
        if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
            chdir("/") < 0)
                return error_set_errno(reterr, errno, "cannot enter the root");
        return 0;
}

static int mount_modules(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        _cleanup_free_ char *path = NULL;
        struct utsname name;
        int r;

        if (uname(&name) < 0)
                return error_set_errno(reterr, errno, "cannot tell the kernel's release");
        path = string_format("/lib/modules/%s", name.release);
        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot mount the modules");
        r = files_wait(config->modules, deadline_usec);
        if (r >= 0)
                r = files_make_directories(path, 0755);
        if (r >= 0 && mount(config->modules, path, "ext4", MS_RDONLY | MS_NOSUID | MS_NODEV,
                            NULL) < 0)
                r = -errno;
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot mount %s at %s", config->modules, path);
        return 0;
}

int rootfs_mount_rest(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        static const Mount mounts[] = {
                {"devpts", "/dev/pts", "mode=0620,gid=5,ptmxmode=0666", MS_NOSUID | MS_NOEXEC},
                {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV | MS_STRICTATIME},
                {"cgroup2", CGROUPS, "nsdelegate", MS_NOSUID | MS_NODEV | MS_NOEXEC},
        };
        int result = 0;

        for (size_t i = 0; i < ELEMENTSOF(mounts); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = mount_one(&mounts[i], &error);

                if (r < 0)
                        result = error_join(reterr, result, &error, r);
        }
        if (config->modules) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = mount_modules(config, deadline_usec, &error);

                if (r < 0)
                        result = error_join(reterr, result, &error, r);
        }
        return result;
}

int rootfs_join_group(void) {
        _cleanup_close_ int fd = -1;

        if (mkdir(CGROUPS "/banger", 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = open(CGROUPS "/banger/cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return io_write_full(fd, "0", 1);
}
