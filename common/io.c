#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/clock.h"
#include "common/strings.h"

int io_read_full(int fd, void *buffer, size_t size) {
        uint8_t *at = buffer;

        while (size > 0) {
                ssize_t n = read(fd, at, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO;
                at += n;
                size -= (size_t) n;
        }
        return 0;
}

int io_write_full(int fd, const void *buffer, size_t size) {
        const uint8_t *at = buffer;

        while (size > 0) {
                ssize_t n = write(fd, at, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += n;
                size -= (size_t) n;
        }
        return 0;
}

int io_read_file(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *data = NULL;
        size_t size = 0;

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        /* sysfs and procfs say nothing true about sizes: one byte more than allowed tells. */
        data = malloc(max + 2);
        if (!data)
                return -ENOMEM;
        while (size <= max) {
                ssize_t n = read(fd, data + size, max + 1 - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
        }
        if (size > max)
                return -EFBIG;
        data[size] = '\0';
        *ret = steal_ptr(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int io_write_file_atomic(int dir_fd, const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_free_ char *temporary = string_format("%s.new", path);
        _cleanup_close_ int fd = -1;
        int r;

        if (!temporary)
                return -ENOMEM;
        if (unlinkat(dir_fd, temporary, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = io_write_full(fd, data, size);
        if (r >= 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, temporary, 0);
        return r;
}

int io_set_nonblock(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        return 0;
}

/* SO_SNDTIMEO bounds connect(2), too (socket(7)); 0 would be no bound. */
static int set_send_timeout(int fd, int timeout_ms) {
        struct timeval time = {.tv_usec = 1};

        if (timeout_ms < 0)
                time.tv_usec = 0;
        else if (timeout_ms > 0)
                time = (struct timeval) {
                        .tv_sec = timeout_ms / 1000,
                        .tv_usec = timeout_ms % 1000 * 1000L,
                };
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) < 0 ? -errno : 0;
}

static int connect_until(int fd, const struct sockaddr_un *address, uint64_t deadline_usec) {
        int r;

        do {
                r = set_send_timeout(fd, clock_poll_timeout(deadline_usec));
                if (r >= 0 && connect(fd, (const struct sockaddr *) address, sizeof(*address)) < 0)
                        r = -errno;
        } while (r == -EINTR);
        if (r < 0)
                return r == -EAGAIN ? -ETIMEDOUT : r;
        return set_send_timeout(fd, -1);
}

int io_connect_unix(const char *path, uint64_t deadline_usec, int *ret_fd) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;
        size_t length = strlen(path);
        int r;

        if (length >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, length + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        r = connect_until(fd, &address, deadline_usec);
        if (r < 0)
                return r;
        *ret_fd = steal_fd(&fd);
        return 0;
}
