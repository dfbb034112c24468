#pragma once
/* The host as the helper reads it: where it is, and descriptors of it. main.c names the real
 * places, tests name others. */

#include "common/cleanup.h"
#include "common/error.h"

typedef struct HostPaths {
        const char *proc, *sys, *dev; /* "/proc", "/sys", "/dev" */
        const char *state;            /* "/var/lib/banger" */
        const char *bus;              /* systemd's bus address; NULL: the system bus */
        const char *bridge, *carrier; /* links that all VMs share */
        const char *carrier_kind;     /* "dummy"; tests run where the kernel lacks it */
} HostPaths;

extern const HostPaths host_paths_default;

typedef struct Host {
        const HostPaths *paths; /* borrowed */
        int proc_fd, sys_fd, dev_fd;
        int state_fd; /* -1 while there is no such directory */
} Host;

#define HOST_INIT ((Host) {.proc_fd = -1, .sys_fd = -1, .dev_fd = -1, .state_fd = -1})
#define _cleanup_host_ _cleanup_(host_close)

/* paths must outlive the host. */
int host_open(const HostPaths *paths, Host *ret, Error *reterr);
void host_close(Host *host);

/* A file of that name in the directory of jails, made if need be: nobody but root can open that, so
 * nobody else can hold a lock of it, nor put another there. A descriptor, or -errno. */
int host_open_lock(int state_fd, const char *name);
/* A lock of what, by such a file, which this process has until *ret_fd is closed. ERROR_BUSY after 25 s.
 * turn: NULL, or another such file: of those who name it one at a time waits for the lock, so that they
 * leave it to others. */
int host_lock(const Host *host, const char *turn, const char *name, const char *what, int *ret_fd,
              Error *reterr);
/* Likewise, of what is open, a directory that nobody but root can open. what: for the error. */
int host_lock_fd(int fd, const char *what, Error *reterr);

/* Opens something below dir_fd without following a link, leaving it or passing a mount (openat2): of FUSE
 * on a directory of the owner's, one program of his decides how long that takes. -EXDEV there. */
int host_open_below(int dir_fd, const char *path, int flags);
/* Opens a directory right below dir_fd for reading; made, mode 0700, only where it is not there, for to make
 * one the kernel locks the directory above. A descriptor, or -errno. */
int host_make_directory(int dir_fd, const char *name);
/* As host_open_below() in /proc or /dev, where the helper's own sandbox has mounts. */
int host_open_kernel(int dir_fd, const char *path, int flags);
