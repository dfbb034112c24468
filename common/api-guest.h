#pragma once
/* Both directions of the guest channel (vsock). io.banger.Host: what a guest may ask of bangerd, on
 * the socket of its jail. io.banger.Guest: what the agent does for its host. */
#include "common/action.h"

/* One port number serves both: the agent listens on it in the guest, and Firecracker carries the
 * guest's calls to CID 2 at it to the Unix socket v.sock_PORT. */
#define GUEST_VSOCK_PORT 1024

typedef struct HostHello {
        char *version; /* of the agent */
        bool again;    /* an agent that was configured already: its connection broke (resume, fork) */
} HostHello;

/* Where the guest finds its disks, and who it is. */
typedef struct GuestConfig {
        char *hostname;
        char *machine_id;   /* 32 hex digits */
        char *root;         /* "/dev/vda" */
        char *modules;      /* "/dev/vdb", mounted at /lib/modules/VERSION; NULL: none */
        char *work;         /* "/dev/vdc", mounted at /root; NULL: none */
        char *address;      /* "172.30.0.2" */
        int64_t prefix;     /* 24 */
        char *gateway;
        char *mac;          /* of the interface that this is for */
        char **dns;
        int64_t time_us;    /* the host's clock, CLOCK_REALTIME */
} GuestConfig;

typedef enum GuestStage {
        GUEST_AGENT,  /* the root is mounted, the agent lives in it and answers */
        GUEST_INIT,   /* the image's init has finished its start, or the agent is the init */
        GUEST_FAILED, /* message says why; the guest ends itself after this */
} GuestStage;

typedef struct HostReport {
        int stage;
        char *message; /* why it failed; of other stages: what the guest lacks; NULL: nothing */
} HostReport;

typedef struct GuestExec {
        char **command;      /* at least one word; looked up in the guest's PATH */
        char **environment;  /* KEY=VALUE, over the agent's defaults */
        char *directory;     /* NULL: /root, or / where there is none */
} GuestExec;

typedef struct GuestStop {
        int64_t timeout_ms; /* for the image's init; then the root is frozen and the guest ended */
} GuestStop;

typedef struct GuestInfo {
        char *version;
        char *kernel; /* release */
        bool is_init;
} GuestInfo;

extern const Schema host_hello_schema, guest_config_schema, host_report_schema, guest_exec_schema,
        guest_stop_schema, guest_info_schema;
/* io.banger.Host: Hello(HostHello) -> GuestConfig; Report(HostReport) -> {}.
 * io.banger.Guest: Info() -> GuestInfo; Exec(GuestExec) -> {}, upgrades to exec-frame.h; Stop(GuestStop)
 * -> {} (answered before the stop begins). */
extern const Interface interface_host, interface_guest;
