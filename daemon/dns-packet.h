#pragma once
/* DNS messages (RFC 1035, RFC 6891) by libldns: a query in, its answer out. What is said is decided
 * by the caller. No I/O. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Queries are a name and perhaps EDNS options; longer ones are nobody's. */
#define DNS_QUERY_MAX 4096
/* What UDP carries for everybody (RFC 1035, 2.3.4). Nothing of ours is longer: a name of 255 bytes
 * and one record. So no answer is ever truncated. */
#define DNS_ANSWER_MAX 512
/* Of the longest name that we have, 1.0.30.172.in-addr.arpa, and one below. */
#define DNS_LABELS_KEPT 7
#define DNS_LABEL_SIZE 64
/* Of what we put into answers: NAME.vm, and the names of our zones. */
#define DNS_OWN_NAME_SIZE 64

/* IANA's numbers of those that mean something here. */
typedef enum DnsType {
        DNS_TYPE_A = 1,
        DNS_TYPE_SOA = 6,
        DNS_TYPE_PTR = 12,
        DNS_TYPE_OPT = 41,
        DNS_TYPE_META_FIRST = 249, /* TKEY, TSIG, IXFR, AXFR, MAILB, MAILA */
        DNS_TYPE_META_LAST = 254,
        DNS_TYPE_ANY = 255,
} DnsType;

typedef enum DnsRcode {
        DNS_NOERROR = 0,
        DNS_FORMERR = 1,
        DNS_NXDOMAIN = 3,
        DNS_NOTIMP = 4,
        DNS_REFUSED = 5,
} DnsRcode;

typedef struct DnsQuestion {
        /* From the root down, in lower case; "?" for a byte that no host's name has. */
        char labels[DNS_LABELS_KEPT][DNS_LABEL_SIZE];
        size_t n_labels; /* maybe more than are kept */
        uint16_t type;   /* DnsType, or any other */
        bool internet;   /* the class IN */
} DnsQuestion;

typedef enum DnsRecord {
        DNS_NO_RECORD,
        DNS_RECORD_ADDRESS,
        DNS_RECORD_POINTER,
        DNS_RECORD_AUTHORITY, /* the zone's SOA was asked for */
} DnsRecord;

typedef struct DnsAnswer {
        DnsRcode rcode;
        DnsRecord record;
        uint32_t address;                /* host order */
        char target[DNS_OWN_NAME_SIZE];  /* of a pointer */
        char zone[DNS_OWN_NAME_SIZE];    /* ours that the name is in: its SOA tells that there is no
                                          * such name or record; "": none of ours */
} DnsAnswer;

typedef void (*DnsDecide)(const DnsQuestion *question, DnsAnswer *ret, const void *userdata);

/* -EBADMSG for what is not to be answered: no whole header, or an answer itself. -ENOMEM. decide is
 * called for what is a proper question only. */
int dns_packet_answer(const uint8_t *query, size_t size, DnsDecide decide, const void *userdata,
                      uint8_t ret[static DNS_ANSWER_MAX], size_t *ret_size);
