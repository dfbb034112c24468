#include "guest/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "common/clock.h"
#include "common/io.h"

/* The kernel tells nobody without a listener on its uevents; a device that is late is rare. */
#define LOOK_AGAIN_NSEC 5000000

int files_make_directories(const char *path, mode_t mode) {
        _cleanup_free_ char *copy = strdup(path);
        struct stat st;

        if (!copy)
                return -ENOMEM;
        for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
                if (slash)
                        *slash = '\0';
                if (mkdir(copy, mode) < 0 && errno != EEXIST)
                        return -errno;
                if (!slash)
                        break;
                *slash = '/';
        }
        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int files_write(const char *path, const char *text) {
        _cleanup_close_ int fd = -1;
        const char *slash = strrchr(path, '/');
        int r;

        if (slash && slash > path) {
                _cleanup_free_ char *directory = strndup(path, (size_t) (slash - path));

                if (!directory)
                        return -ENOMEM;
                r = files_make_directories(directory, 0755);
                if (r < 0)
                        return r;
        }
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
        if (fd < 0)
                return -errno;
        return io_write_full(fd, text, strlen(text));
}

int files_bind(const char *source, const char *target) {
        return mount(source, target, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

int files_wait(const char *path, uint64_t deadline_usec) {
        const struct timespec pause_time = {.tv_nsec = LOOK_AGAIN_NSEC};

        while (access(path, F_OK) < 0) {
                if (clock_monotonic_usec() >= deadline_usec)
                        return -ETIMEDOUT;
                (void) nanosleep(&pause_time, NULL);
        }
        return 0;
}
