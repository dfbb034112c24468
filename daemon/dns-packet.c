#include "daemon/dns-packet.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <string.h>

#include "common/strings.h"

/* What fits into an Ethernet frame on any path (the flag day's number); we would take more. */
#define UDP_SIZE 1232
/* RFC 6891, 9: BADVERS is 16, of which the OPT record has the upper bits. */
#define BADVERS_UPPER 1
/* An address goes to another VM as soon as this one stops, and a name may be there a moment after
 * it was not. Asking again costs nothing: it is this host, and it is in memory. */
#define TTL 0

static void packet_cleanup(ldns_pkt **packet) {
        ldns_pkt_free(*packet);
}

static void record_cleanup(ldns_rr **record) {
        ldns_rr_free(*record);
}

static void name_cleanup(ldns_rdf **name) {
        ldns_rdf_deep_free(*name);
}

#define _cleanup_packet_ _cleanup_(packet_cleanup)
#define _cleanup_record_ _cleanup_(record_cleanup)
#define _cleanup_name_ _cleanup_(name_cleanup)

/* ---- the question ---- */

static char fold(uint8_t byte) {
        if (byte >= 'A' && byte <= 'Z')
                return (char) (byte | 0x20);
        /* Neither a NUL nor anything else may look like the end of a label or a name of ours. */
        return byte > ' ' && byte < 0x7f && byte != '.' ? (char) byte : '?';
}

/* Length and bytes of each label, ended by the root's length of 0; libldns has checked it. */
static void read_name(const ldns_rdf *name, DnsQuestion *question) {
        const uint8_t *bytes = ldns_rdf_data(name), *at;
        size_t n = 0, i = 0;

        for (at = bytes; *at != 0; at += *at + 1)
                n++;
        question->n_labels = n;
        for (at = bytes; *at != 0; at += *at + 1, i++) {
                size_t from_root = n - 1 - i;

                if (from_root >= DNS_LABELS_KEPT)
                        continue;
                for (size_t k = 0; k < *at; k++)
                        question->labels[from_root][k] = fold(at[1 + k]);
        }
}

static void read_question(const ldns_pkt *query, DnsQuestion *ret) {
        const ldns_rr *asked = ldns_rr_list_rr(ldns_pkt_question(query), 0);

        *ret = (DnsQuestion) {
                .type = (uint16_t) ldns_rr_get_type(asked),
                .internet = ldns_rr_get_class(asked) == LDNS_RR_CLASS_IN,
        };
        read_name(ldns_rr_owner(asked), ret);
}

/* One question, no records but one more, which may be OPT (as Unbound has it). So little is to be
 * parsed that a query costs the same whoever has made it. */
static bool well_formed(const uint8_t *query) {
        return LDNS_QDCOUNT(query) == 1 && LDNS_ANCOUNT(query) == 0 && LDNS_NSCOUNT(query) == 0 &&
               LDNS_ARCOUNT(query) <= 1;
}

/* ---- the answer ---- */

static ldns_pkt *reply_new(const uint8_t *query, DnsRcode rcode) {
        ldns_pkt *reply = ldns_pkt_new();

        if (!reply)
                return NULL;
        ldns_pkt_set_id(reply, LDNS_ID_WIRE(query));
        ldns_pkt_set_opcode(reply, LDNS_OPCODE_WIRE(query));
        ldns_pkt_set_qr(reply, true);
        ldns_pkt_set_rd(reply, LDNS_RD_WIRE(query) != 0);
        ldns_pkt_set_cd(reply, LDNS_CD_WIRE(query) != 0);
        ldns_pkt_set_rcode(reply, (uint8_t) rcode);
        return reply;
}

/* Takes the record, NULL too. */
static int push(ldns_pkt *reply, ldns_pkt_section section, ldns_rr *record) {
        if (record && ldns_pkt_push_rr(reply, section, record))
                return 0;
        ldns_rr_free(record);
        return -ENOMEM;
}

/* As servers have it for zones of their own host (RFC 6303, 3). */
static ldns_rr *make_authority(const char *zone) {
        _cleanup_free_ char *text = string_format("%s. %d IN SOA %s. nobody.invalid. 1 3600 1200 "
                                                  "604800 %d",
                                                  zone, TTL, zone, TTL);
        ldns_rr *record = NULL;

        if (!text || ldns_rr_new_frm_str(&record, text, TTL, NULL, NULL) != LDNS_STATUS_OK)
                return NULL;
        return record;
}

/* Of the name that was asked about, as it was written; takes the data, NULL too. */
static ldns_rr *make_record(const ldns_pkt *query, ldns_rr_type type, ldns_rdf *data_taken) {
        const ldns_rr *asked = ldns_rr_list_rr(ldns_pkt_question(query), 0);
        _cleanup_name_ ldns_rdf *owner = ldns_rdf_clone(ldns_rr_owner(asked));
        _cleanup_name_ ldns_rdf *data = data_taken;
        _cleanup_record_ ldns_rr *record = ldns_rr_new();

        if (!record || !owner || !data)
                return NULL;
        ldns_rr_set_type(record, type);
        ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
        ldns_rr_set_ttl(record, TTL);
        ldns_rr_set_owner(record, steal_ptr(owner));
        if (!ldns_rr_push_rdf(record, data))
                return NULL;
        (void) steal_ptr(data);
        return steal_ptr(record);
}

static int push_answer(ldns_pkt *reply, const ldns_pkt *query, const DnsAnswer *answer) {
        switch (answer->record) {
        case DNS_RECORD_ADDRESS:
                return push(reply, LDNS_SECTION_ANSWER,
                            make_record(query, LDNS_RR_TYPE_A,
                                        ldns_native2rdf_int32(LDNS_RDF_TYPE_A, answer->address)));
        case DNS_RECORD_POINTER:
                return push(reply, LDNS_SECTION_ANSWER,
                            make_record(query, LDNS_RR_TYPE_PTR,
                                        ldns_dname_new_frm_str(answer->target)));
        case DNS_RECORD_AUTHORITY:
                return push(reply, LDNS_SECTION_ANSWER, make_authority(answer->zone));
        case DNS_NO_RECORD:
                break;
        }
        return answer->zone[0] == '\0'
                       ? 0
                       : push(reply, LDNS_SECTION_AUTHORITY, make_authority(answer->zone));
}

/* RFC 6891, 6.1.1: an OPT record is answered by one; options are none that we know. */
static void echo_edns(ldns_pkt *reply, const ldns_pkt *query) {
        if (!ldns_pkt_edns(query))
                return;
        ldns_pkt_set_edns_udp_size(reply, UDP_SIZE);
        ldns_pkt_set_edns_do(reply, ldns_pkt_edns_do(query));
        if (ldns_pkt_edns_version(query) > 0)
                ldns_pkt_set_edns_extended_rcode(reply, BADVERS_UPPER);
}

static int answer_question(ldns_pkt *reply, const ldns_pkt *query, DnsDecide decide,
                           const void *userdata) {
        DnsQuestion question;
        DnsAnswer answer = {.rcode = DNS_REFUSED};
        int r = push(reply, LDNS_SECTION_QUESTION,
                     ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0)));

        echo_edns(reply, query);
        if (r < 0 || (ldns_pkt_edns(query) && ldns_pkt_edns_version(query) > 0))
                return r;
        read_question(query, &question);
        decide(&question, &answer, userdata);
        ldns_pkt_set_rcode(reply, (uint8_t) answer.rcode);
        ldns_pkt_set_aa(reply, answer.zone[0] != '\0');
        return push_answer(reply, query, &answer);
}

static int to_wire(const ldns_pkt *reply, uint8_t ret[static DNS_ANSWER_MAX], size_t *ret_size) {
        _cleanup_free_ uint8_t *wire = NULL;
        size_t size = 0;

        if (ldns_pkt2wire(&wire, reply, &size) != LDNS_STATUS_OK)
                return -ENOMEM;
        if (size > DNS_ANSWER_MAX)
                return -EMSGSIZE;
        memcpy(ret, wire, size);
        *ret_size = size;
        return 0;
}

int dns_packet_answer(const uint8_t *query, size_t size, DnsDecide decide, const void *userdata,
                      uint8_t ret[static DNS_ANSWER_MAX], size_t *ret_size) {
        _cleanup_packet_ ldns_pkt *parsed = NULL, *reply = NULL;
        DnsRcode rcode = DNS_NOERROR;
        int r = 0;

        if (size < LDNS_HEADER_SIZE || LDNS_QR_WIRE(query))
                return -EBADMSG;
        if (LDNS_OPCODE_WIRE(query) != LDNS_PACKET_QUERY)
                rcode = DNS_NOTIMP;
        else if (!well_formed(query))
                rcode = DNS_FORMERR;
        else {
                ldns_status status = ldns_wire2pkt(&parsed, query, size);

                if (status == LDNS_STATUS_MEM_ERR)
                        return -ENOMEM;
                rcode = status == LDNS_STATUS_OK ? DNS_NOERROR : DNS_FORMERR;
        }
        reply = reply_new(query, rcode);
        if (!reply)
                return -ENOMEM;
        if (rcode == DNS_NOERROR)
                r = answer_question(reply, parsed, decide, userdata);
        return r < 0 ? r : to_wire(reply, ret, ret_size);
}
