#pragma once
/* The last bytes of a VM's serial console and of its VMM's log, in memory that outlives the daemon: a
 * memfd that systemd's descriptor store keeps. A reader that is killed at any point loses nothing:
 * what has landed in the memory counts, counted or not. Loop thread only. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

/* The last bytes of a stream. Views memory that somebody else owns. */
typedef struct Ring {
        char *bytes;
        size_t size;
        size_t scratch;    /* so much ahead of the end is zero: what comes next lands there first */
        uint64_t *written; /* bytes so far, of all time */
} Ring;

/* Holds the last size - 2 * scratch bytes of what was written. Where *written is not new, takes over
 * what had landed uncounted; a stream that then ended in NULs loses those. */
void ring_attach(Ring *ring, char *bytes, size_t size, size_t scratch, uint64_t *written);
/* One read of at most `scratch` bytes: how many, 0 for the end, -errno. */
ssize_t ring_read(Ring *ring, int fd);
size_t ring_used(const Ring *ring);
/* The last bytes, max at most; returns how many. */
size_t ring_copy_last(const Ring *ring, char *buffer, size_t max);
/* The last lines as one allocated line: control characters dropped, ends of lines made " | ", at
 * most n_lines and max bytes. Empty when there is nothing. NULL for no memory. */
char *ring_tail(const Ring *ring, size_t n_lines, size_t max);

/* Both rings of a VM. */
typedef struct Rings {
        int fd; /* the memfd; owned */
        void *memory;
        Ring serial, log;
} Rings;

#define RINGS_INIT ((Rings) {.fd = -1})

/* Empty ones. -errno. */
int rings_new(Rings *ret);
/* From a descriptor of an earlier rings_new() (taken, even on failure); -EUCLEAN for another's. */
int rings_open(int fd, Rings *ret);
void rings_close(Rings *rings);
