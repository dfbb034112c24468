#pragma once
#include <sys/types.h>

typedef struct Peer {
        pid_t pid; /* for the journal only: it may be reused */
        uid_t uid;
        gid_t gid;
} Peer;

/* SO_PEERCRED: who connected, read once at accept. Negative errno. */
int peer_read(int fd, Peer *ret);
