#include "daemon/dns-udp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/cleanup.h"

/* Queries answered at one go, so that others get their turn. */
#define BATCH 32

struct DnsUdp {
        const DnsZone *zone;
        int fd;
        sd_event_source *io;
};

/* An answer that does not go at once is lost, as any datagram may be: the client asks again. */
static void answer(const DnsUdp *udp, const uint8_t *query, size_t size,
                   const struct sockaddr_storage *from, socklen_t from_size) {
        uint8_t reply[DNS_ANSWER_MAX];
        size_t reply_size;

        if (dns_packet_answer(query, size, dns_zone_decide, udp->zone, reply, &reply_size) >= 0)
                (void) sendto(udp->fd, reply, reply_size, MSG_DONTWAIT | MSG_NOSIGNAL,
                              (const struct sockaddr *) from, from_size);
}

static int on_readable(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
                       void *userdata) {
        const DnsUdp *udp = userdata;

        for (size_t n = 0; n < BATCH; n++) {
                uint8_t query[DNS_QUERY_MAX];
                struct sockaddr_storage from;
                socklen_t from_size = sizeof(from);
                /* With MSG_TRUNC it returns the datagram's own size. */
                ssize_t size = recvfrom(fd, query, sizeof(query), MSG_DONTWAIT | MSG_TRUNC,
                                        (struct sockaddr *) &from, &from_size);

                if (size < 0 && errno == EAGAIN)
                        break;
                if (size >= 0 && (size_t) size <= sizeof(query))
                        answer(udp, query, (size_t) size, &from, from_size);
        }
        return 0;
}

int dns_udp_new(sd_event *event, const DnsZone *zone, int fd, DnsUdp **ret) {
        DnsUdp *udp = calloc(1, sizeof(*udp));
        int r;

        if (!udp) {
                close_fd(fd);
                return -ENOMEM;
        }
        *udp = (DnsUdp) {.zone = zone, .fd = fd};
        r = sd_event_add_io(event, &udp->io, fd, EPOLLIN, on_readable, udp);
        if (r >= 0)
                r = sd_event_source_set_priority(udp->io, DNS_PRIORITY);
        if (r < 0) {
                dns_udp_free(udp);
                return r;
        }
        *ret = udp;
        return 0;
}

DnsUdp *dns_udp_free(DnsUdp *udp) {
        if (!udp)
                return NULL;
        sd_event_source_disable_unref(udp->io);
        close_fd(udp->fd);
        free(udp);
        return NULL;
}
