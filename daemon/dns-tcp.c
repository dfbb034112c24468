#include "daemon/dns-tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/io.h"
#include "daemon/dns-udp.h"

#define LENGTH_SIZE 2
/* How long accept is left alone when this process has no descriptor or memory left. */
#define ACCEPT_PAUSE_USEC (200 * USEC_PER_MSEC)

const DnsTcpLimits dns_tcp_limits = {
        .clients_max = 32,
        .timeout_usec = 10 * USEC_PER_SEC,
};

typedef struct Client Client;

struct Client {
        DnsTcp *tcp;
        Client *next;
        int fd;
        sd_event_source *io, *timer;
        uint64_t heard_usec; /* of its last query, or when it came */
        size_t used;
        uint8_t bytes[LENGTH_SIZE + DNS_QUERY_MAX];
};

struct DnsTcp {
        sd_event *event;
        const DnsZone *zone;
        DnsTcpLimits limits;
        int fd;
        sd_event_source *io, *resume;
        Client *clients; /* owned */
        size_t n_clients;
};

static void client_free(Client *client) {
        DnsTcp *tcp = client->tcp;
        Client **at = &tcp->clients;

        while (*at && *at != client)
                at = &(*at)->next;
        if (*at) {
                *at = client->next;
                tcp->n_clients--;
        }
        sd_event_source_disable_unref(client->io);
        sd_event_source_disable_unref(client->timer);
        close_fd(client->fd);
        free(client);
}

/* Has it all been sent? A client that does not read its answers, of which the kernel takes
 * hundreds, is not worth a queue of them. */
static bool send_answer(const Client *client, const uint8_t *query, size_t size) {
        uint8_t reply[LENGTH_SIZE + DNS_ANSWER_MAX];
        size_t reply_size;

        if (dns_packet_answer(query, size, dns_zone_decide, client->tcp->zone, reply + LENGTH_SIZE,
                              &reply_size) < 0)
                return false;
        reply[0] = (uint8_t) (reply_size >> 8);
        reply[1] = (uint8_t) reply_size;
        reply_size += LENGTH_SIZE;
        return send(client->fd, reply, reply_size, MSG_DONTWAIT | MSG_NOSIGNAL) ==
               (ssize_t) reply_size;
}

/* All whole messages, which may be several; false when the client is to go. */
static bool answer_all(Client *client) {
        size_t at = 0;

        while (client->used - at >= LENGTH_SIZE) {
                const uint8_t *message = client->bytes + at;
                size_t size = (size_t) message[0] << 8 | message[1];

                if (size > DNS_QUERY_MAX)
                        return false;
                if (client->used - at < LENGTH_SIZE + size)
                        break;
                if (!send_answer(client, message + LENGTH_SIZE, size))
                        return false;
                at += LENGTH_SIZE + size;
        }
        if (at == 0)
                return true;
        client->used -= at;
        memmove(client->bytes, client->bytes + at, client->used);
        client->heard_usec = clock_monotonic_usec();
        return sd_event_source_set_time_relative(client->timer,
                                                 client->tcp->limits.timeout_usec) >= 0;
}

static int on_readable(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
                       void *userdata) {
        Client *client = userdata;
        ssize_t n = recv(fd, client->bytes + client->used, sizeof(client->bytes) - client->used,
                         MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0)
                client->used += (size_t) n;
        if (n <= 0 || !answer_all(client))
                client_free(client);
        return 0;
}

static int on_silence(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        client_free(userdata);
        return 0;
}

/* Takes fd, even on failure. */
static int client_new(DnsTcp *tcp, int fd) {
        Client *client = calloc(1, sizeof(*client));
        int r;

        if (!client) {
                close_fd(fd);
                return -ENOMEM;
        }
        client->tcp = tcp;
        client->fd = fd;
        client->heard_usec = clock_monotonic_usec();
        r = sd_event_add_io(tcp->event, &client->io, fd, EPOLLIN, on_readable, client);
        if (r >= 0)
                r = sd_event_source_set_priority(client->io, DNS_PRIORITY);
        if (r >= 0)
                r = sd_event_add_time_relative(tcp->event, &client->timer, CLOCK_MONOTONIC,
                                               tcp->limits.timeout_usec, 0, on_silence, client);
        if (r < 0) {
                client_free(client);
                return r;
        }
        client->next = tcp->clients;
        tcp->clients = client;
        tcp->n_clients++;
        return 0;
}

/* So that whoever holds connections without asking keeps nobody else from it. */
static void make_room(DnsTcp *tcp) {
        Client *longest = tcp->clients;

        if (tcp->n_clients < tcp->limits.clients_max)
                return;
        for (Client *client = tcp->clients; client; client = client->next)
                if (client->heard_usec <= longest->heard_usec)
                        longest = client;
        client_free(longest);
}

static int on_resume(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        const DnsTcp *tcp = userdata;

        return sd_event_source_set_enabled(tcp->io, SD_EVENT_ON);
}

/* The connection stays in the queue and epoll would report it again and again. */
static int pause_accept(DnsTcp *tcp) {
        int r;

        tcp->resume = sd_event_source_disable_unref(tcp->resume);
        r = sd_event_add_time_relative(tcp->event, &tcp->resume, CLOCK_MONOTONIC, ACCEPT_PAUSE_USEC,
                                       0, on_resume, tcp);
        return r < 0 ? r : sd_event_source_set_enabled(tcp->io, SD_EVENT_OFF);
}

static int on_connect(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
                      void *userdata) {
        DnsTcp *tcp = userdata;
        int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (client_fd < 0)
                return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
                               ? 0
                               : pause_accept(tcp);
        make_room(tcp);
        (void) client_new(tcp, client_fd);
        return 0;
}

int dns_tcp_new(sd_event *event, const DnsZone *zone, int fd, const DnsTcpLimits *limits,
                DnsTcp **ret) {
        DnsTcp *tcp = calloc(1, sizeof(*tcp));
        int r;

        if (!tcp) {
                close_fd(fd);
                return -ENOMEM;
        }
        *tcp = (DnsTcp) {
                .event = sd_event_ref(event),
                .zone = zone,
                .limits = *limits,
                .fd = fd,
        };
        r = io_set_nonblock(fd);
        if (r >= 0)
                r = sd_event_add_io(event, &tcp->io, fd, EPOLLIN, on_connect, tcp);
        if (r >= 0)
                r = sd_event_source_set_priority(tcp->io, DNS_PRIORITY);
        if (r < 0) {
                dns_tcp_free(tcp);
                return r;
        }
        *ret = tcp;
        return 0;
}

DnsTcp *dns_tcp_free(DnsTcp *tcp) {
        if (!tcp)
                return NULL;
        while (tcp->clients)
                client_free(tcp->clients);
        sd_event_source_disable_unref(tcp->io);
        sd_event_source_disable_unref(tcp->resume);
        sd_event_unref(tcp->event);
        close_fd(tcp->fd);
        free(tcp);
        return NULL;
}
