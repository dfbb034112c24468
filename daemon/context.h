#pragma once
/* What the handlers of all interfaces work with; made and owned by the manager. */

#include <systemd/sd-event.h>

#include "common/config.h"
#include "common/install.h"
#include "daemon/events.h"
#include "daemon/image.h"
#include "daemon/kernel.h"
#include "daemon/load.h"
#include "daemon/network.h"
#include "daemon/operation.h"
#include "daemon/pool.h"
#include "daemon/store.h"

typedef struct Vms Vms;
typedef struct Recovery Recovery;
typedef struct Names Names;
typedef struct StartOps StartOps;

typedef struct DaemonContext {
        const char *root_socket;   /* BANGERD_ROOT_SOCKET outside tests */
        const char *worker_socket; /* of banger-worker.socket */
        const char *state_dir;     /* BANGER_STATE_DIR outside tests */
        char boot_id[40];          /* of the host's present boot */
        bool stopping;             /* the daemon: what is cut short now goes on after its next start */
        const char *first_port;    /* the kernel's setting: below that, ports are root's */
        const StartOps *start_ops; /* NULL outside tests: the real ones */
        InstallConf install;
        Config config;
        Load load;
        sd_event *event;
        Pool *pool;       /* for what may wait long: a guest, an import, a file system */
        Pool *short_pool; /* for what ends in seconds, whatever hangs: a ping, a dial */
        Store *store;
        EventBus *events;
        Operations *operations;
        Images *images;
        Kernels *kernels;
        Network *network; /* of the guests that run */
        Vms *vms;
        Recovery *recovery; /* NULL in tests without one */
        Names *names;       /* NULL until VMs are known */
} DaemonContext;
