#pragma once
/* Connections that have been accepted and wait for a session, the first come first. */
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

typedef struct Waiting {
        struct pollfd *clients;
        size_t n, max;
} Waiting;

int waiting_new(size_t max, Waiting *ret); /* -ENOMEM */
/* Takes the descriptor; false, and it stays the caller's, where max clients are there already. */
bool waiting_add(Waiting *waiting, int fd);
/* The first that has not left meanwhile, the caller's from then on; -1: there is none. */
int waiting_take(Waiting *waiting);
/* Closes all. */
void waiting_clear(Waiting *waiting);
