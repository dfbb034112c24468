#pragma once
/* Firecracker's API, over HTTP on the Unix socket of one VMM. Blocks: for pool jobs. */
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

typedef struct Firecracker Firecracker;

/* The oldest that finds its devices by ACPI, which Debian's kernel needs. */
#define FIRECRACKER_MAJOR_MIN 1
#define FIRECRACKER_MINOR_MIN 8

/* Once, before any thread. */
int firecracker_initialize(void);

/* socket_fd: opened with O_PATH; borrowed, must outlive the connection. -ENOMEM. */
int firecracker_new(int socket_fd, Firecracker **ret);
Firecracker *firecracker_free(Firecracker *firecracker);

typedef struct FirecrackerConfig {
        int64_t vcpus, memory_mib;
        const char *tap, *mac;
        uint32_t cid;
        bool modules; /* there is a drive of modules */
        bool work;    /* and a work disk */
} FirecrackerConfig;

/* The paths are the jail's (api-root.h). Errors have the VMM's own words. */
int firecracker_configure(Firecracker *firecracker, const FirecrackerConfig *config,
                          uint64_t deadline_usec, Error *reterr);
int firecracker_boot(Firecracker *firecracker, uint64_t deadline_usec, Error *reterr);
/* One request; body is JSON. */
int firecracker_put(Firecracker *firecracker, const char *path, const char *body,
                    uint64_t deadline_usec, Error *reterr);

/* From the output of `firecracker --version`: "Firecracker v1.12.1". ERROR_UNAVAILABLE when it is
 * not that or is too old. */
int firecracker_check_version(const char *output, Error *reterr);
