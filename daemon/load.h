#pragma once
/* What all VMs together take of the host, from the cgroup of their slice (cgroup-v2.rst). */
#include <stdint.h>

/* Kept between looks, zeroed at first. */
typedef struct Load {
        uint64_t looked_usec, cpu_usec; /* CLOCK_MONOTONIC; processor time until then */
        int64_t cpu_percent;            /* between the last two looks */
} Load;

typedef struct LoadNow {
        int64_t cpu_percent;  /* 0..100 of all processors; -1: no earlier look */
        int64_t memory_bytes; /* 0 without a slice: no VM has run yet */
        int64_t memory_total_bytes;
} LoadNow;

/* cgroup_fd is the slice's directory, or negative when there is none. A look within a second of the
 * last one gives that one's share: over less, the share is noise. */
void load_look(Load *load, int cgroup_fd, uint64_t now_usec, LoadNow *ret);
