#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/below.h"

/* RESOLVE_NO_XDEV sees bind mounts too, which st_dev does not. */
int below_open(int dir_fd, const char *name, int flags) {
        const struct open_how how = {
                .flags = (uint64_t) (unsigned) (flags | O_NOFOLLOW | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        long fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));

        return fd < 0 ? -errno : (int) fd;
}
