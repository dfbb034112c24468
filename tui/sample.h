#pragma once
/* How busy the host is, as the kernel says it. */
#include <stdint.h>

typedef struct HostSample {
        int cpu_percent;                     /* since the sample before; -1: not known */
        uint64_t memory_total, memory_used;  /* bytes; total 0: not known */
        uint64_t disk_total, disk_used;      /* of the file system with our state; bytes */
        uint64_t cpu_busy, cpu_all;          /* ticks since boot, for the next sample */
} HostSample;

/* Files below root_fd; what cannot be read stays not known. `sample`: the one before, or zeroed. */
void sample_read(int root_fd, HostSample *sample);
