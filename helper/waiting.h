#pragma once
/* Connections that have been accepted and wait: for a session, the first come first; or dismissed, for
 * their end. One may carry descriptors that nobody has read, and to close the last copy of it takes as
 * long as whoever sent a socket with SO_LINGER likes, but not in a process that exits (inet_release() in
 * the kernel's net/ipv4/af_inet.c). So what is closed by these functions must be open in another process,
 * too. */
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

typedef struct Waiting {
        struct pollfd *clients;
        size_t n, max;
        int *dismissed;
        size_t n_dismissed;
} Waiting;

/* Has room for max that wait for a session, and for as many again and further_max of all. -ENOMEM */
int waiting_new(size_t max, size_t further_max, Waiting *ret);
/* Takes the descriptor; false, and it stays the caller's, where max clients are there already. */
bool waiting_add(Waiting *waiting, int fd);
/* The first that has not left meanwhile, the caller's from then on; -1: there is none. */
int waiting_take(Waiting *waiting);
/* Takes the descriptor of one that is to have no session. */
void waiting_dismiss(Waiting *waiting, int fd);
void waiting_dismiss_all(Waiting *waiting);
/* In a process that has been forked, while the other keeps its own: closes all, or all that wait for a
 * session. */
void waiting_close(Waiting *waiting, bool keep_dismissed);
/* Closes those dismissed, which are to end with the process that has kept them. */
void waiting_let_go(Waiting *waiting);
/* Closes nothing: what is still there ends with this process. */
void waiting_free(Waiting *waiting);
