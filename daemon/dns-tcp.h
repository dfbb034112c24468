#pragma once
/* DNS over TCP (RFC 7766), driven by the loop: each message has its length before it. */
#include <systemd/sd-event.h>

#include "daemon/dns-zone.h"

typedef struct DnsTcp DnsTcp;

typedef struct DnsTcpLimits {
        size_t clients_max;    /* one more, and the client that was silent longest is cut off */
        uint64_t timeout_usec; /* for a whole query, from the last one or the connection on */
} DnsTcpLimits;

extern const DnsTcpLimits dns_tcp_limits; /* what holds outside tests */

/* Takes the listening socket, even on failure; zone must outlive it. */
int dns_tcp_new(sd_event *event, const DnsZone *zone, int fd, const DnsTcpLimits *limits,
                DnsTcp **ret);
DnsTcp *dns_tcp_free(DnsTcp *tcp);
