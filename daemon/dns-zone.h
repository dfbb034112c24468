#pragma once
/* What is said about names and addresses of VMs: NAME.vm, and the bridge's network in reverse. */

#include "daemon/dns-packet.h"

typedef struct DnsZone {
        uint32_t address; /* any of the network; host order */
        unsigned prefix;  /* 8..30, as the configuration has it */
        /* Of VMs that run. 0: none has that name. */
        uint32_t (*find_address)(const char *name, void *userdata);
        /* NULL: none has that address. Borrowed. */
        const char *(*find_name)(uint32_t address, void *userdata);
        void *userdata;
} DnsZone;

/* A DnsDecide; userdata: DnsZone. */
void dns_zone_decide(const DnsQuestion *question, DnsAnswer *ret, const void *userdata);
