#pragma once
/* What an installation consists of, besides binaries and static units. Paths are absolute. */
#include <stdbool.h>
#include <sys/types.h>

#include "common/install.h"

typedef enum LayoutOwner {
        LAYOUT_ROOT,
        LAYOUT_USER,
} LayoutOwner;

typedef enum LayoutKind {
        LAYOUT_CONFIG, /* removed when empty */
        LAYOUT_STATE,  /* holds what the owner made: only --purge removes it with its content */
        LAYOUT_SCRATCH, /* holds nothing that lasts */
} LayoutKind;

typedef struct LayoutDirectory {
        const char *path;
        mode_t mode;
        LayoutOwner owner;
        LayoutKind kind;
} LayoutDirectory;

typedef struct LayoutFile {
        const char *path;
        int (*format)(const InstallConf *conf, char **ret);
        bool settings; /* the administrator's from then on: never overwritten */
} LayoutFile;

typedef struct LayoutUnit {
        const char *name;
        bool enabled; /* wanted at boot */
        /* Where VMs work without it: what to do to have it back. NULL: start it. */
        const char *remedy;
} LayoutUnit;

/* Those above come before those below. */
extern const LayoutDirectory layout_directories[];
extern const size_t layout_n_directories;
extern const LayoutFile layout_files[];
extern const size_t layout_n_files;
/* In the order in which they are to be stopped: sockets first, or they would start them again. */
extern const LayoutUnit layout_units[];
extern const size_t layout_n_units;
/* Of the socket units; they outlive a stopped socket. */
extern const char *const layout_runtime_directories[];
extern const size_t layout_n_runtime_directories;

#define LAYOUT_FILE_MODE 0644
#define LAYOUT_HELPER_OWNER "/etc/systemd/system/bangerd-root.socket.d/50-owner.conf"
#define UNIT_BANGERD_SOCKET "bangerd.socket"
#define UNIT_BANGERD_SERVICE "bangerd.service"
#define UNIT_HELPER_SOCKET "bangerd-root.socket"
#define UNIT_DNS_SOCKET "bangerd-dns.socket"
#define UNIT_WORKER_SOCKET "banger-worker.socket"
#define UNIT_WORKER_INSTANCES "banger-worker@*.service" /* a pattern */
#define UNIT_VM_INSTANCES "banger-vm-*.service"         /* likewise */
#define UNIT_HELPER_SERVICE "bangerd-root.service"
/* systemd's own: reads what banger has in modules-load.d. */
#define UNIT_MODULES_LOAD "systemd-modules-load.service"
#define UNIT_SLICE "banger.slice"
