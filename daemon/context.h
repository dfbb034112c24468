#pragma once
/* What the handlers of all interfaces work with; made and owned by the manager. */

#include "common/install.h"
#include "daemon/pool.h"

typedef struct DaemonContext {
        const char *root_socket; /* BANGERD_ROOT_SOCKET outside tests */
        InstallConf install;
        Pool *pool;
} DaemonContext;
