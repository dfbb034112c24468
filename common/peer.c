#include "common/peer.h"

#include <errno.h>
#include <sys/socket.h>

int peer_read(int fd, Peer *ret) {
        struct ucred credentials;
        socklen_t size = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        if (size != sizeof(credentials))
                return -EIO;
        *ret = (Peer) {.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
        return 0;
}
