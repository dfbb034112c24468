#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/install.h"
#include "helper/host.h"

#define OPEN_ATTEMPTS 100
#define LOCK_TIMEOUT_USEC (25 * USEC_PER_SEC) /* less than bangerd's 30 s for a call */
#define LOCK_PAUSE_USEC (10 * USEC_PER_MSEC)

const HostPaths host_paths_default = {
        .proc = "/proc",
        .sys = "/sys",
        .dev = "/dev",
        .state = BANGER_STATE_DIR,
        .bridge = "br-banger",
        .carrier = "bgr-carrier",
        .carrier_kind = "dummy",
};

static int open_directory(const char *path, int *ret, Error *reterr) {
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open %s", path);
        *ret = fd;
        return 0;
}

static Host host_steal(Host *host) {
        Host value = *host;

        *host = HOST_INIT;
        return value;
}

int host_open(const HostPaths *paths, Host *ret, Error *reterr) {
        _cleanup_host_ Host host = HOST_INIT;
        int r;

        host.paths = paths;
        r = open_directory(paths->proc, &host.proc_fd, reterr);
        if (r < 0)
                return r;
        r = open_directory(paths->sys, &host.sys_fd, reterr);
        if (r < 0)
                return r;
        r = open_directory(paths->dev, &host.dev_fd, reterr);
        if (r < 0)
                return r;
        r = open_directory(paths->state, &host.state_fd, reterr);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == -ENOENT && reterr)
                error_clear(reterr);
        *ret = host_steal(&host);
        return 0;
}

void host_close(Host *host) {
        host->proc_fd = close_fd(host->proc_fd);
        host->sys_fd = close_fd(host->sys_fd);
        host->dev_fd = close_fd(host->dev_fd);
        host->state_fd = close_fd(host->state_fd);
}

static int open_below(int dir_fd, const char *path, int flags, uint64_t resolve) {
        struct open_how how = {
                .flags = (uint64_t) (unsigned) (flags | O_CLOEXEC),
                .resolve = resolve | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        long fd = -1;

        /* EAGAIN: a rename raced with the lookup (openat2(2)); or a lease of the owner's, which lasts. */
        for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
                fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
                if (fd >= 0 || errno != EAGAIN)
                        break;
        }
        if (fd < 0)
                return errno == EAGAIN ? -EBUSY : -errno;
        return (int) fd;
}

int host_open_below(int dir_fd, const char *path, int flags) {
        return open_below(dir_fd, path, flags, RESOLVE_NO_XDEV);
}

int host_open_kernel(int dir_fd, const char *path, int flags) {
        return open_below(dir_fd, path, flags, 0);
}

int host_make_directory(int dir_fd, const char *name) {
        int fd = host_open_below(dir_fd, name, O_RDONLY | O_DIRECTORY);

        if (fd != -ENOENT)
                return fd;
        if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        return host_open_below(dir_fd, name, O_RDONLY | O_DIRECTORY);
}

static int lock_is_held(const char *what, Error *reterr) {
        int r = error_set(reterr, ERROR_BUSY, EBUSY, "%s is locked by another call", what);

        return error_set_hint(reterr, r, "try again; which it is: sudo journalctl -t bangerd-root");
}

/* Not blocking in the kernel: whatever holds up another call is not to hold up all. */
static int lock_until(int fd, uint64_t deadline_usec, const char *what, Error *reterr) {
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return error_set_errno(reterr, errno, "cannot lock %s", what);
                if (clock_monotonic_usec() >= deadline_usec)
                        return lock_is_held(what, reterr);
                (void) usleep(LOCK_PAUSE_USEC);
        }
        return 0;
}

int host_lock_fd(int fd, const char *what, Error *reterr) {
        return lock_until(fd, clock_monotonic_usec() + LOCK_TIMEOUT_USEC, what, reterr);
}

/* Made only where it is not there: to make a file the kernel locks the directory. */
int host_open_lock(int state_fd, const char *name) {
        _cleanup_close_ int jails_fd = host_open_below(state_fd, "jails", O_PATH | O_DIRECTORY);
        int fd;

        if (jails_fd < 0)
                return jails_fd;
        fd = openat(jails_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                fd = openat(jails_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : fd;
}

static int lock_name(const Host *host, const char *name, uint64_t deadline_usec, const char *what,
                     int *ret_fd, Error *reterr) {
        _cleanup_close_ int fd =
                host->state_fd < 0 ? -ENOENT : host_open_lock(host->state_fd, name);
        int r;

        if (fd < 0)
                return error_set_errno(reterr, -fd, "cannot open the lock of %s", what);
        r = lock_until(fd, deadline_usec, what, reterr);
        if (r >= 0)
                *ret_fd = steal_fd(&fd);
        return r;
}

int host_lock(const Host *host, const char *turn, const char *name, const char *what, int *ret_fd,
              Error *reterr) {
        uint64_t deadline_usec = clock_monotonic_usec() + LOCK_TIMEOUT_USEC;
        _cleanup_close_ int turn_fd = -1;
        int r = turn ? lock_name(host, turn, deadline_usec, what, &turn_fd, reterr) : 0;

        return r < 0 ? r : lock_name(host, name, deadline_usec, what, ret_fd, reterr);
}
