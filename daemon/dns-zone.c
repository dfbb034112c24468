#include "daemon/dns-zone.h"

#include <stdio.h>

#include "common/dns.h"
#include "common/strings.h"

#define OCTETS 4
#define OCTET_MAX 255
/* Labels of in-addr.arpa. */
#define REVERSE_LABELS 2

static bool wants(const DnsQuestion *question, DnsType type) {
        /* Of ANY one record is enough (RFC 8482, 4.1), and no name has more. */
        return question->type == type || question->type == DNS_TYPE_ANY;
}

/* Until told otherwise: the name exists, and has no such record. */
static void has_nothing(DnsAnswer *ret) {
        ret->rcode = DNS_NOERROR;
        ret->record = DNS_NO_RECORD;
}

static void answer_apex(const DnsQuestion *question, DnsAnswer *ret) {
        has_nothing(ret);
        if (wants(question, DNS_TYPE_SOA))
                ret->record = DNS_RECORD_AUTHORITY;
}

static void answer_name(const DnsZone *zone, const DnsQuestion *question, DnsAnswer *ret) {
        uint32_t address;

        (void) snprintf(ret->zone, sizeof(ret->zone), "%s", DNS_DOMAIN);
        if (question->n_labels == 1) {
                answer_apex(question, ret);
                return;
        }
        ret->rcode = DNS_NXDOMAIN;
        address = question->n_labels == 2 ? zone->find_address(question->labels[1], zone->userdata)
                                          : 0;
        if (address == 0)
                return;
        has_nothing(ret);
        if (!wants(question, DNS_TYPE_A))
                return;
        ret->record = DNS_RECORD_ADDRESS;
        ret->address = address;
}

static void answer_address(const DnsZone *zone, const DnsQuestion *question, uint32_t address,
                           DnsAnswer *ret) {
        const char *name = zone->find_name(address, zone->userdata);

        if (!name)
                return;
        has_nothing(ret);
        if (!wants(question, DNS_TYPE_PTR))
                return;
        ret->record = DNS_RECORD_POINTER;
        (void) snprintf(ret->target, sizeof(ret->target), "%s.%s", name, DNS_DOMAIN);
}

/* As it is written in a name: 0, not 00. */
static bool read_octet(const char *label, uint32_t *ret) {
        uint64_t octet;

        if ((label[0] == '0' && label[1] != '\0') ||
            string_parse_u64(label, OCTET_MAX, &octet) < 0)
                return false;
        *ret = (uint32_t) octet;
        return true;
}

/* The zone has whole octets, so that of some networks it is larger than they are. */
static size_t zone_octets(const DnsZone *zone) {
        return zone->prefix / 8;
}

static void name_zone(const DnsZone *zone, char ret[static DNS_OWN_NAME_SIZE]) {
        size_t used = 0;

        for (size_t i = zone_octets(zone); i-- > 0;)
                used += (size_t) snprintf(ret + used, DNS_OWN_NAME_SIZE - used, "%u.",
                                          zone->address >> (24 - 8 * i) & OCTET_MAX);
        (void) snprintf(ret + used, DNS_OWN_NAME_SIZE - used, "in-addr.arpa");
}

/* The octets that the name has, the first of the address first. */
static size_t read_octets(const DnsQuestion *question, uint32_t *ret_address) {
        uint32_t address = 0;
        size_t n = 0;

        while (n < OCTETS && n + REVERSE_LABELS < question->n_labels) {
                uint32_t octet;

                if (!read_octet(question->labels[n + REVERSE_LABELS], &octet))
                        break;
                address |= octet << (24 - 8 * n);
                n++;
        }
        *ret_address = address;
        return n;
}

/* Has the network an address that begins with these octets? */
static bool overlaps(const DnsZone *zone, uint32_t address, size_t n_octets) {
        unsigned bits = (unsigned) (8 * n_octets);
        unsigned common = bits < zone->prefix ? bits : zone->prefix;

        return common == 0 || ((address ^ zone->address) >> (32 - common)) == 0;
}

static void answer_reverse(const DnsZone *zone, const DnsQuestion *question, DnsAnswer *ret) {
        size_t n_below = question->n_labels - REVERSE_LABELS, n_octets;
        uint32_t address;

        n_octets = read_octets(question, &address);
        if (n_octets < zone_octets(zone) || !overlaps(zone, address, n_octets))
                return;
        name_zone(zone, ret->zone);
        ret->rcode = DNS_NXDOMAIN;
        if (n_below != n_octets)
                return;
        if (n_octets == OCTETS)
                answer_address(zone, question, address, ret);
        else if (n_octets == zone_octets(zone))
                answer_apex(question, ret);
        else
                has_nothing(ret); /* names are below it */
}

void dns_zone_decide(const DnsQuestion *question, DnsAnswer *ret, const void *userdata) {
        const DnsZone *zone = userdata;

        *ret = (DnsAnswer) {.rcode = DNS_REFUSED};
        if (!question->internet || question->type == DNS_TYPE_OPT ||
            (question->type >= DNS_TYPE_META_FIRST && question->type <= DNS_TYPE_META_LAST))
                return;
        if (question->n_labels >= 1 && string_equal(question->labels[0], DNS_DOMAIN))
                answer_name(zone, question, ret);
        else if (question->n_labels >= REVERSE_LABELS &&
                 string_equal(question->labels[0], "arpa") &&
                 string_equal(question->labels[1], "in-addr"))
                answer_reverse(zone, question, ret);
}
