#pragma once
/* Waiting for a socket that a VMM makes, and handing it to the owner. */
#include <stdint.h>
#include <sys/types.h>

#include "helper/host.h"

/* How long between two looks. */
#define SOCKET_POLL_USEC 10000

/* What the waiting does to the world; tests script it. */
typedef struct SocketOperations {
        uint64_t (*now)(void *userdata);
        /* 1 and a descriptor (O_PATH), 0 while there is nothing at the path. */
        int (*look)(void *userdata, const char *path, int *ret_fd, Error *reterr);
        /* Negative when it will never come: its maker has ended. */
        int (*check)(void *userdata, Error *reterr);
        /* Until then, or earlier; -ECANCELED when whoever asked has left. */
        int (*pause)(void *userdata, uint64_t until_usec);
        int (*chown)(void *userdata, int fd, uid_t uid, gid_t gid);
        int (*chmod)(void *userdata, int fd, mode_t mode);
} SocketOperations;

typedef struct SocketWanted {
        const char *path;
        const char *label; /* "API socket" */
        uint64_t deadline_usec;
} SocketWanted;

/* Opens (O_PATH) the socket at the path below the state directory: 1, or 0 while there is nothing.
 * Anything but a socket of `uid`, the VM's, or of `owner`, who has it after a restart of bangerd, is
 * ERROR_NOT_PERMITTED; a link is not followed. The caller closes *ret_fd. */
int socket_open(const Host *host, const char *path, uid_t uid, uid_t owner, int *ret_fd,
                Error *reterr);

/* Looks at least once, however little time there is. ERROR_TIMED_OUT with the label,
 * ERROR_CANCELED, or what look or check say. The caller closes *ret_fd. */
int wait_for_path(const SocketOperations *operations, void *userdata, const SocketWanted *wanted,
                  int *ret_fd, Error *reterr);
/* Gives it away, then closes it to all others: in this order, for after a chmod a chown that fails
 * would leave it open to nobody. */
int ensure_socket_access(const SocketOperations *operations, void *userdata, int fd,
                         const char *label, uid_t uid, gid_t gid, Error *reterr);
/* Both. Nothing is touched unless it came in time. */
int socket_hand_over(const SocketOperations *operations, void *userdata, const SocketWanted *wanted,
                     uid_t uid, gid_t gid, int *ret_fd, Error *reterr);
