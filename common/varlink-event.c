#include "common/varlink-event.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/varlink-event-client.h"

/* Clients accepted at one go, so that the others get their turn. */
#define ACCEPT_BATCH 16
/* How long accept is left alone when this process has no descriptor or memory left. */
#define ACCEPT_PAUSE_USEC (200 * USEC_PER_MSEC)

struct VarlinkListener {
        sd_event *event;
        VarlinkServer *server;
        VarlinkListenerConfig config;
        int fd;
        sd_event_source *io, *resume;
        VarlinkEventClients clients;
};

static int refuse(const VarlinkListener *listener, const Peer *peer, Error *error) {
        varlink_server_refuse(listener->server, peer, error);
        error_clear(error);
        return 0;
}

/* Takes fd. */
static int admit_client(VarlinkListener *listener, int client_fd) {
        const VarlinkListenerConfig *config = &listener->config;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_close_ int fd = client_fd;
        Peer peer = {.pid = 0, .uid = (uid_t) -1, .gid = (gid_t) -1};
        int r;

        r = peer_read(fd, &peer);
        if (r < 0) {
                error_set_errno(&error, -r, "cannot tell who connects");
                return refuse(listener, &peer, &error);
        }
        r = config->authorize ? config->authorize(&peer, config->userdata) : 0;
        if (r < 0) {
                error_set(&error, ERROR_NOT_PERMITTED, -r, "uid %u may not connect",
                          (unsigned) peer.uid);
                return refuse(listener, &peer, &error);
        }
        if (listener->clients.n >= config->clients_max) {
                error_set(&error, ERROR_BUSY, EBUSY, "there are %zu clients already",
                          listener->clients.n);
                return refuse(listener, &peer, &error);
        }
        r = varlink_event_client_new(listener->event, listener->server, steal_fd(&fd), &peer,
                                     config->stall_timeout_usec, &listener->clients);
        if (r < 0) {
                error_set_errno(&error, -r, "cannot take a client");
                return refuse(listener, &peer, &error);
        }
        return 0;
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata) {
        VarlinkListener *listener = userdata;

        (void) source;
        (void) usec;
        return sd_event_source_set_enabled(listener->io, SD_EVENT_ON);
}

/* The connection stays in the queue and epoll would report it again and again. */
static int pause_accept(VarlinkListener *listener) {
        int r;

        r = sd_event_source_set_time(listener->resume, clock_monotonic_usec() + ACCEPT_PAUSE_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(listener->resume, SD_EVENT_ONESHOT);
        if (r >= 0)
                r = sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
        return r;
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        VarlinkListener *listener = userdata;

        (void) source;
        (void) revents;
        for (size_t n = 0; n < ACCEPT_BATCH; n++) {
                int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (client_fd >= 0) {
                        admit_client(listener, client_fd);
                        continue;
                }
                if (errno == EAGAIN)
                        return 0;
                if (errno != EINTR && errno != ECONNABORTED)
                        return pause_accept(listener);
        }
        return 0;
}

static int listener_start(VarlinkListener *listener) {
        int r;

        r = io_set_nonblock(listener->fd);
        if (r < 0)
                return r;
        r = sd_event_add_io(listener->event, &listener->io, listener->fd, EPOLLIN, on_connect,
                            listener);
        if (r < 0)
                return r;
        r = sd_event_add_time(listener->event, &listener->resume, CLOCK_MONOTONIC, 0, 0, on_resume,
                              listener);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(listener->resume, SD_EVENT_OFF);
}

int varlink_listener_new(sd_event *event, VarlinkServer *server, int fd,
                         const VarlinkListenerConfig *config, VarlinkListener **ret) {
        VarlinkListener *listener = calloc(1, sizeof(*listener));
        int r;

        if (!listener) {
                close_fd(fd);
                return -ENOMEM;
        }
        listener->event = sd_event_ref(event);
        listener->server = server;
        listener->fd = fd;
        listener->config = *config;
        r = listener_start(listener);
        if (r < 0) {
                varlink_listener_free(listener);
                return r;
        }
        *ret = listener;
        return 0;
}

VarlinkListener *varlink_listener_free(VarlinkListener *listener) {
        if (!listener)
                return NULL;
        while (listener->clients.first)
                varlink_event_client_free(listener->clients.first);
        sd_event_source_disable_unref(listener->io);
        sd_event_source_disable_unref(listener->resume);
        sd_event_unref(listener->event);
        close_fd(listener->fd);
        free(listener);
        return NULL;
}

int varlink_listener_stop_accepting(VarlinkListener *listener) {
        int r = sd_event_source_set_enabled(listener->resume, SD_EVENT_OFF);

        return r < 0 ? r : sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
}

size_t varlink_listener_n_clients(const VarlinkListener *listener) {
        return listener->clients.n;
}
