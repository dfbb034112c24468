#pragma once
/* One client of a listener of varlink-event.c: its socket, its deadline, its end. */
#include <systemd/sd-event.h>

#include "common/varlink-server.h"

typedef struct VarlinkEventClient VarlinkEventClient;

typedef struct VarlinkEventClients {
        VarlinkEventClient *first;
        size_t n;
} VarlinkEventClients;

/* Takes fd, even on failure. The client links itself into `clients` and frees itself at its end. */
int varlink_event_client_new(sd_event *event, VarlinkServer *server, int fd, const Peer *peer,
                             uint64_t stall_timeout_usec, VarlinkEventClients *clients);
VarlinkEventClient *varlink_event_client_free(VarlinkEventClient *client);
