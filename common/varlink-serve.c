#include <errno.h>
#include <poll.h>

#include "common/clock.h"
#include "common/varlink-poll.h"
#include "common/varlink-stall.h"

typedef struct Serving {
        VarlinkServer *server;
        const VarlinkServeConfig *config;
        const Peer *peer;
        int fd;
        VarlinkConnection *connection;
        VarlinkWire *wire;
        VarlinkStall stall;
        uint64_t end_usec, idle_usec; /* deadlines */
        uint64_t messages_in;         /* when idle_usec was set */
        bool ended;                   /* the peer sends no more */
} Serving;

static uint64_t deadline_after(uint64_t now, uint64_t timeout) {
        return timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

static void refuse(const Serving *serving, const Error *error) {
        varlink_server_refuse(serving->server, serving->peer, error);
}

/* Which of the deadlines it was. */
static int time_is_up(const Serving *serving, uint64_t stall_usec) {
        _cleanup_error_ Error error = ERROR_INIT;

        if (serving->idle_usec < earlier(stall_usec, serving->end_usec))
                return 0;
        error_set(&error, ERROR_TIMED_OUT, ETIMEDOUT,
                  stall_usec <= serving->end_usec ? "the client stalled"
                                                  : "the connection's time is over");
        refuse(serving, &error);
        return -ETIMEDOUT;
}

/* 1: something can be done; 0 or negative: the end. */
static int serving_wait(Serving *serving) {
        struct pollfd item = {.fd = serving->fd};
        uint64_t now = clock_monotonic_usec(), messages, stall_usec;
        bool output = varlink_wire_queued(serving->wire) > 0;
        bool reads = !serving->ended && !varlink_wire_ready(serving->wire);
        int r;

        messages = varlink_wire_progress(serving->wire).messages_in;
        if (messages != serving->messages_in) {
                serving->messages_in = messages;
                serving->idle_usec = deadline_after(now, serving->config->idle_timeout_usec);
        }
        stall_usec = varlink_stall_update(&serving->stall, serving->wire, reads, now,
                                          serving->config->stall_timeout_usec);
        /* Asked before poll(2): a peer that always has one more byte ready gets no more time. */
        if (now >= earlier(stall_usec, serving->end_usec))
                return time_is_up(serving, stall_usec);
        if (reads)
                item.events |= POLLIN;
        if (output)
                item.events |= POLLOUT;
        do {
                r = poll(&item, 1, clock_poll_timeout(earlier(
                        earlier(stall_usec, serving->end_usec), serving->idle_usec)));
        } while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        return r == 0 ? time_is_up(serving, stall_usec) : 1;
}

static int serving_receive(Serving *serving) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        if (serving->ended || varlink_wire_ready(serving->wire))
                return 0;
        r = varlink_wire_receive(serving->wire, serving->fd, &error);
        if (r == -EAGAIN)
                return 0;
        if (r == 0) {
                serving->ended = true;
                if (varlink_wire_midway(serving->wire))
                        r = error_set(&error, ERROR_PROTOCOL, EPROTO,
                                      "the client left in the middle of a message");
        }
        if (r < 0)
                refuse(serving, &error);
        return r;
}

/* After a refusal the peer should still get what was queued before, as far as it reads. */
static void serving_drain(Serving *serving) {
        int r;

        while (varlink_wire_send(serving->wire, serving->fd) == 0) {
                r = serving_wait(serving);
                if (r <= 0)
                        return;
        }
}

static int serving_run(Serving *serving) {
        VarlinkUpgrade upgrade;
        void *userdata;
        int sent, taken, r;

        for (;;) {
                taken = varlink_connection_process(serving->connection);
                if (taken < 0) {
                        serving->ended = true;
                        if (taken != -ENOBUFS)
                                serving_drain(serving);
                        return taken;
                }
                if (varlink_connection_busy(serving->connection))
                        return -EDEADLK;
                sent = varlink_wire_send(serving->wire, serving->fd);
                if (sent < 0)
                        return sent == -EPIPE || sent == -ECONNRESET ? 0 : sent;
                upgrade = varlink_connection_upgrade(serving->connection, &userdata);
                if (upgrade) {
                        size_t rest_size;
                        const void *rest = varlink_wire_rest(serving->wire, &rest_size);

                        upgrade(steal_fd(&serving->fd), rest, rest_size, userdata);
                        return 0;
                }
                if (sent == 1 && taken == 1)
                        continue;
                if (sent == 1 && serving->ended)
                        return 0;
                r = serving_wait(serving);
                if (r <= 0)
                        return r;
                r = serving_receive(serving);
                if (r < 0)
                        return r;
        }
}

int varlink_serve(VarlinkServer *server, int fd, const Peer *peer,
                  const VarlinkServeConfig *config) {
        Serving serving = {.server = server, .config = config, .peer = peer, .fd = fd};
        uint64_t now = clock_monotonic_usec();
        int r;

        r = varlink_connection_new(server, peer, &serving.connection);
        if (r >= 0) {
                serving.wire = varlink_connection_wire(serving.connection);
                serving.end_usec = deadline_after(now, config->total_timeout_usec);
                serving.idle_usec = deadline_after(now, config->idle_timeout_usec);
                r = serving_run(&serving);
        }
        varlink_connection_free(serving.connection);
        close_fd(serving.fd);
        return r;
}
