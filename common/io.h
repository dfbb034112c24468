#pragma once
/* Descriptors and files. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"

/* All of it or an error: -EIO on an early end of file. Retries EINTR; blocks. */
int io_read_full(int fd, void *buffer, size_t size);
int io_write_full(int fd, const void *buffer, size_t size);
/* A whole small file as an allocated, NUL-terminated string. -EFBIG past max bytes. path is relative
 * to dir_fd (AT_FDCWD). */
int io_read_file(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size);
/* Writes through a temporary name, fsync and rename, so that readers see the old or the new. */
int io_write_file_atomic(int dir_fd, const char *path, const void *data, size_t size, mode_t mode);
int io_set_nonblock(int fd);
/* A connected stream to a Unix socket path. At once or refused, but where more connections wait to be
 * accepted than the listener wanted: then blocks until the deadline (monotonic; UINT64_MAX for none).
 * -ETIMEDOUT, -ECONNREFUSED, -ENOENT, -EACCES … */
int io_connect_unix(const char *path, uint64_t deadline_usec, int *ret_fd);
