#include "common/varlink-event-client.h"

#include <errno.h>
#include <sys/epoll.h>

#include "common/clock.h"
#include "common/varlink-stall.h"

#define ACCURACY_USEC USEC_PER_MSEC

struct VarlinkEventClient {
        VarlinkEventClients *clients;
        VarlinkEventClient *next, *previous;
        VarlinkServer *server;
        Peer peer;
        int fd;
        VarlinkConnection *connection;
        sd_event_source *io, *again, *timer;
        VarlinkStall stall;
        uint64_t stall_timeout_usec;
        bool ended;   /* nothing more will come in */
        bool closing; /* nothing more is taken; what is pending still goes out */
};

VarlinkEventClient *varlink_event_client_free(VarlinkEventClient *client) {
        if (!client)
                return NULL;
        if (client->previous)
                client->previous->next = client->next;
        else
                client->clients->first = client->next;
        if (client->next)
                client->next->previous = client->previous;
        client->clients->n--;

        sd_event_source_disable_unref(client->io);
        sd_event_source_disable_unref(client->again);
        sd_event_source_disable_unref(client->timer);
        varlink_connection_free(client->connection);
        close_fd(client->fd);
        free(client);
        return NULL;
}

/* The connection becomes another protocol's; the client ends. */
static void client_hand_over(VarlinkEventClient *client, VarlinkUpgrade upgrade, void *userdata) {
        VarlinkWire *wire = varlink_connection_wire(client->connection);
        const void *rest;
        size_t rest_size;

        /* The new owner may watch the descriptor in the same loop. */
        client->io = sd_event_source_disable_unref(client->io);
        rest = varlink_wire_rest(wire, &rest_size);
        upgrade(steal_fd(&client->fd), rest, rest_size, userdata);
        varlink_event_client_free(client);
}

/* Input is left in the socket, and the client so held back, while a call is under way and more than
 * that waits here already. */
static bool client_reads(const VarlinkEventClient *client) {
        const VarlinkWire *wire = varlink_connection_wire(client->connection);

        return !client->ended && !client->closing && !varlink_wire_ready(wire);
}

static int client_arm(VarlinkEventClient *client, bool again) {
        VarlinkWire *wire = varlink_connection_wire(client->connection);
        bool reads = client_reads(client);
        uint32_t events = 0;
        uint64_t deadline;
        int r;

        /* EPOLLHUP always comes: a client that leaves during its call is noticed. */
        if (reads)
                events |= EPOLLIN;
        if (varlink_wire_queued(wire) > 0)
                events |= EPOLLOUT;
        r = sd_event_source_set_io_events(client->io, events);
        if (r < 0)
                return r;
        if (again) {
                r = sd_event_source_set_enabled(client->again, SD_EVENT_ONESHOT);
                if (r < 0)
                        return r;
        }
        deadline = varlink_stall_update(&client->stall, wire, reads, clock_monotonic_usec(),
                                        client->stall_timeout_usec);
        if (deadline == UINT64_MAX)
                return sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
        r = sd_event_source_set_time(client->timer, deadline);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

/* Takes what can be taken, sends what can be sent, and sets up the next wait. Frees the client at
 * its end. */
static void client_step(VarlinkEventClient *client) {
        VarlinkWire *wire = varlink_connection_wire(client->connection);
        VarlinkUpgrade upgrade;
        void *userdata;
        int taken = 0, sent;

        if (!client->closing) {
                taken = varlink_connection_process(client->connection);
                client->closing = taken < 0;
        }
        sent = varlink_wire_send(wire, client->fd);
        if (sent < 0 || taken == -ENOBUFS || (sent == 1 && client->closing)) {
                varlink_event_client_free(client);
                return;
        }
        upgrade = varlink_connection_upgrade(client->connection, &userdata);
        if (upgrade) {
                client_hand_over(client, upgrade, userdata);
                return;
        }
        if (client->ended && sent == 1 && taken == 0 &&
            !varlink_connection_busy(client->connection)) {
                varlink_event_client_free(client);
                return;
        }
        if (client_arm(client, taken == 1 && sent == 1) < 0)
                varlink_event_client_free(client);
}

static void client_cut(VarlinkEventClient *client, Error *error) {
        varlink_server_refuse(client->server, &client->peer, error);
        varlink_event_client_free(client);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        VarlinkEventClient *client = userdata;
        VarlinkWire *wire = varlink_connection_wire(client->connection);
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        (void) source;
        if (revents & (EPOLLHUP | EPOLLERR)) {
                if (client->closing || client->ended ||
                    varlink_connection_awaited(client->connection)) {
                        varlink_event_client_free(client);
                        return 0;
                }
                /* A oneway call still runs, others of the kind may wait. Hang-up cannot be masked;
                 * the reply that ends the call wakes this client. */
                if (varlink_connection_busy(client->connection) && !client_reads(client)) {
                        if (sd_event_source_set_enabled(client->io, SD_EVENT_OFF) < 0)
                                varlink_event_client_free(client);
                        return 0;
                }
                revents |= EPOLLIN;
        }
        if ((revents & EPOLLIN) && client_reads(client)) {
                r = varlink_wire_receive(wire, fd, &error);
                if (r < 0 && r != -EAGAIN) {
                        client_cut(client, &error);
                        return 0;
                }
                if (r == 0) {
                        client->ended = true;
                        if (varlink_wire_midway(wire)) {
                                error_set(&error, ERROR_PROTOCOL, EPROTO,
                                          "the client left in the middle of a message");
                                client_cut(client, &error);
                                return 0;
                        }
                }
        }
        client_step(client);
        return 0;
}

static int on_again(sd_event_source *source, void *userdata) {
        VarlinkEventClient *client = userdata;

        (void) source;
        /* It may have been silenced by a hang-up. */
        if (sd_event_source_set_enabled(client->io, SD_EVENT_ON) < 0)
                varlink_event_client_free(client);
        else
                client_step(client);
        return 0;
}

static int on_stall(sd_event_source *source, uint64_t usec, void *userdata) {
        VarlinkEventClient *client = userdata;
        VarlinkWire *wire = varlink_connection_wire(client->connection);
        _cleanup_error_ Error error = ERROR_INIT;

        (void) source;
        (void) usec;
        error_set(&error, ERROR_TIMED_OUT, ETIMEDOUT, "the client stalled: it does not %s",
                  varlink_wire_queued(wire) > 0 ? "read its replies" : "end its message");
        client_cut(client, &error);
        return 0;
}

/* Replies may come from anywhere, deep in code that still uses the connection: go on later. */
static void on_wakeup(VarlinkConnection *connection, void *userdata) {
        VarlinkEventClient *client = userdata;

        (void) connection;
        (void) sd_event_source_set_enabled(client->again, SD_EVENT_ONESHOT);
}

static int client_start(VarlinkEventClient *client, sd_event *event) {
        int r;

        r = varlink_connection_new(client->server, &client->peer, &client->connection);
        if (r < 0)
                return r;
        varlink_connection_set_wakeup(client->connection, on_wakeup, client);
        r = sd_event_add_io(event, &client->io, client->fd, EPOLLIN, on_io, client);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &client->again, on_again, client);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(client->again, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_time(event, &client->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_stall,
                              client);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
}

int varlink_event_client_new(sd_event *event, VarlinkServer *server, int fd, const Peer *peer,
                             uint64_t stall_timeout_usec, VarlinkEventClients *clients) {
        VarlinkEventClient *client = calloc(1, sizeof(*client));
        int r;

        if (!client) {
                close_fd(fd);
                return -ENOMEM;
        }
        client->clients = clients;
        client->server = server;
        client->peer = *peer;
        client->fd = fd;
        client->stall_timeout_usec = stall_timeout_usec;
        client->next = clients->first;
        if (client->next)
                client->next->previous = client;
        clients->first = client;
        clients->n++;
        r = client_start(client, event);
        if (r < 0)
                varlink_event_client_free(client);
        return r < 0 ? r : 0;
}
