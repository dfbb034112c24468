#pragma once
/* The helper's one loop: accepts, gives each connection a process, reaps it, and leaves when there
 * is nothing to do and no VM. It keeps nothing from one request to the next. */

#include <stdint.h>

#include "helper/session.h"

typedef struct Manager Manager;

typedef struct ManagerConfig {
        int listen_fd; /* listening and nonblocking; borrowed */
        SessionConfig session;
        uint64_t idle_timeout_usec;
        bool guards; /* the tables of the guests' network: guard.h */
        size_t sessions_max;      /* at once */
        size_t sessions_reserved; /* of these, for root, who never waits for anybody else: at least 1 */
        size_t waiting_max;       /* others who wait for a session; further ones are closed at once */
} ManagerConfig;

/* Blocks SIGCHLD, SIGTERM and SIGINT in this process. config must outlive the manager. */
int manager_new(const ManagerConfig *config, Manager **ret);
/* Until idle or told to stop: then sessions under way are finished first, and connections that wait for
 * one are closed. 0, or what broke. */
int manager_run(Manager *manager);
size_t manager_n_sessions(const Manager *manager);
Manager *manager_free(Manager *manager);
