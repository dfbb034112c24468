#pragma once
/* Sources of images and kernels: files that this command opens, for the daemon may not. */
#include "cli/command.h"
#include "common/api-image.h"

/* An image's source, open. A directory is read by tar(1), which writes into a pipe. */
typedef struct Source {
        int fd;              /* to be passed; owned */
        ImageFormat format;
        int child_fd;        /* pidfd of tar; -1: there is none */
        int child_pid;
        int hold_fd;         /* the pipe's writing end: no end of file before tar has succeeded */
} Source;

#define SOURCE_INIT ((Source) {.fd = -1, .child_fd = -1, .hold_fd = -1})
#define _cleanup_source_ _cleanup_(source_clear)

/* path: an ext4 file system, a tar of any compression, a directory, or "-": a tar on stdin. */
int source_open(const char *path, Source *ret, Error *reterr);
/* tar has ended: lets the pipe end when it succeeded, else says why not. */
int source_child_ended(Source *source, const char *path, Error *reterr);
void source_clear(Source *source);
/* Does an ext2, 3 or 4 file system begin here? Reads at a position of its own. */
bool source_is_ext4(int fd);

/* The running kernel of this host: its file, opened, and its release (allocated). root_fd: as
 * Host.root_fd. ERROR_NOT_PERMITTED where only root may read it. */
int host_kernel_open(int root_fd, char **ret_release, int *ret_fd, Error *reterr);
