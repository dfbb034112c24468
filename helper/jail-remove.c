/* Removing a jail. A VM's uid may have written in there: nothing of it is trusted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/strings.h"
#include "helper/directory.h"
#include "helper/jail.h"

/* A jail has three levels. A VMM cannot make directories (its seccomp filter), so more is an attack
 * on our stack and descriptors. */
#define DEPTH_MAX 16

/* Not across a mount either: what is mounted in a jail is not the jail's. */
static int open_child(int dir_fd, const char *name) {
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        long fd;

        do
                fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
        while (fd < 0 && errno == EAGAIN);
        return fd < 0 ? -errno : (int) fd;
}

static int remove_tree(int dir_fd, const char *name, unsigned depth);

static int remove_children(DIR *directory, unsigned depth) {
        int first = 0;

        for (;;) {
                const struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        return first < 0 ? first : -errno;
                if (string_equal(entry->d_name, ".") || string_equal(entry->d_name, ".."))
                        continue;
                r = remove_tree(dirfd(directory), entry->d_name, depth);
                if (r < 0 && first == 0)
                        first = r;
        }
}

static int remove_directory(int dir_fd, const char *name, unsigned depth) {
        _cleanup_(directory_cleanup) DIR *directory = NULL;
        int fd, r;

        if (depth == DEPTH_MAX)
                return -ELOOP;
        fd = open_child(dir_fd, name);
        if (fd < 0)
                return fd;
        directory = fdopendir(fd);
        if (!directory) {
                r = -errno;
                close_fd(fd);
                return r;
        }
        r = remove_children(directory, depth + 1);
        if (r < 0)
                return r;
        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Goes on after a failure and answers the first. */
static int remove_tree(int dir_fd, const char *name, unsigned depth) {
        if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        /* unlink(2) of a directory: EISDIR by Linux, EPERM by POSIX. */
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        return remove_directory(dir_fd, name, depth);
}

int jail_remove(const Host *host, const VmId *vm, Error *reterr) {
        _cleanup_close_ int parent = -1;
        struct stat st;
        int r;

        parent = host_open_below(host->state_fd, "jails/firecracker", O_RDONLY | O_DIRECTORY);
        if (parent == -ENOENT)
                return 0;
        if (parent < 0)
                return error_set_errno(reterr, -parent, "cannot open the jails' directory");
        if (fstatat(parent, vm->text, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno == ENOENT)
                        return 0;
                return error_set_errno(reterr, errno, "cannot look at the jail of vm %s", vm->text);
        }
        r = remove_tree(parent, vm->text, 0);
        return r < 0 ? error_set_errno(reterr, -r, "cannot remove the jail of vm %s", vm->text) : 0;
}
