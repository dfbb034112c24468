#pragma once
/* Drives Varlink servers from sd-event: listening sockets, clients, deadlines, the client cap. */
#include <systemd/sd-event.h>

#include "common/varlink-server.h"

typedef struct VarlinkListener VarlinkListener;

typedef struct VarlinkListenerConfig {
        size_t clients_max;          /* further ones are accepted and closed at once */
        uint64_t stall_timeout_usec; /* half a message, or a reply that is not read: then closed */
        /* May this peer speak at all? Negative closes it without a word; logged by `refused`. */
        int (*authorize)(const Peer *peer, void *userdata);
        void *userdata;
} VarlinkListenerConfig;

/* fd is a listening Unix socket (taken, even on failure), nonblocking or not; the listener makes it
 * nonblocking. The server must outlive the listener. A handler must not free its own listener. An
 * upgraded socket is handed over nonblocking. */
int varlink_listener_new(sd_event *event, VarlinkServer *server, int fd,
                         const VarlinkListenerConfig *config, VarlinkListener **ret);
VarlinkListener *varlink_listener_free(VarlinkListener *listener); /* closes its clients too */
/* Takes no further client: those that come wait in the socket, for whoever listens on it next. */
int varlink_listener_stop_accepting(VarlinkListener *listener);
size_t varlink_listener_n_clients(const VarlinkListener *listener);
