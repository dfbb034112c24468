#pragma once
/* DNS over UDP, driven by the loop. */
#include <systemd/sd-event.h>

#include "daemon/dns-zone.h"

typedef struct DnsUdp DnsUdp;

/* Below what clients of the daemon and VMs need: anybody on this host may send queries. */
#define DNS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

/* Takes fd, even on failure; zone must outlive it. */
int dns_udp_new(sd_event *event, const DnsZone *zone, int fd, DnsUdp **ret);
DnsUdp *dns_udp_free(DnsUdp *udp);
