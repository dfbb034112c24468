#pragma once
#include <sys/types.h>

/* Where this host keeps things; tests pass others. */
typedef struct Host {
        int root_fd; /* files of the host are opened below this */
        const char *install_conf;
        const char *bangerd_socket;
        const char *helper_socket;
        uid_t root_uid; /* whom root's files belong to */
        gid_t root_gid;
} Host;
