#pragma once
/* DNS messages by hand, so that libldns is not checked against itself. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/strings.h"
#include "daemon/dns-zone.h"

#define HEADER_SIZE 12
#define ID 0xbeef

/* Header bits, in the upper byte of the flags and the lower. */
enum {
        BIT_QR = 0x8000,
        BIT_AA = 0x0400,
        BIT_TC = 0x0200,
        BIT_RD = 0x0100,
        BIT_CD = 0x0010,
};

typedef struct Query {
        uint8_t bytes[DNS_QUERY_MAX + 16];
        size_t size;
} Query;

static inline void put8(Query *query, unsigned value) {
        assert_true(query->size < sizeof(query->bytes));
        query->bytes[query->size++] = (uint8_t) value;
}

static inline void put16(Query *query, unsigned value) {
        put8(query, value >> 8);
        put8(query, value & 0xff);
}

static inline void set16(Query *query, size_t at, unsigned value) {
        query->bytes[at] = (uint8_t) (value >> 8);
        query->bytes[at + 1] = (uint8_t) value;
}

/* "web.vm": without the last dot. "": the root. */
static inline void put_name(Query *query, const char *name) {
        while (*name) {
                size_t length = strcspn(name, ".");

                put8(query, (unsigned) length);
                for (size_t i = 0; i < length; i++)
                        put8(query, (uint8_t) name[i]);
                name += length + (name[length] == '.');
        }
        put8(query, 0);
}

static inline Query query_new(const char *name, unsigned type) {
        Query query = {.size = 0};

        put16(&query, ID);
        put16(&query, BIT_RD);
        put16(&query, 1);
        put16(&query, 0);
        put16(&query, 0);
        put16(&query, 0);
        put_name(&query, name);
        put16(&query, type);
        put16(&query, 1);
        return query;
}

static inline void put_opt(Query *query, unsigned udp_size, unsigned version, bool dnssec_ok) {
        set16(query, 10, 1);
        put8(query, 0);
        put16(query, DNS_TYPE_OPT);
        put16(query, udp_size);
        put8(query, 0);
        put8(query, version);
        put16(query, dnssec_ok ? 0x8000 : 0);
        put16(query, 0);
}

/* A socket on a port of loopback's own choice; of type SOCK_STREAM it is to listen yet. */
static inline int loopback_socket(int type, struct sockaddr_in *ret_address) {
        const struct sockaddr_in any = {.sin_family = AF_INET,
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof(*ret_address);
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (const struct sockaddr *) &any, sizeof(any)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) ret_address, &size), 0);
        return fd;
}

/* One that shares the port of a socket of loopback's, as that lets it from now on. */
static inline int loopback_sharer(int fd, const struct sockaddr_in *address) {
        int sharer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const int one = 1;

        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        assert_int_equal(setsockopt(sharer, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        assert_int_equal(bind(sharer, (const struct sockaddr *) address, sizeof(*address)), 0);
        return sharer;
}

typedef struct Reply {
        uint8_t bytes[DNS_ANSWER_MAX];
        size_t size;
} Reply;

static inline unsigned get16(const Reply *reply, size_t at) {
        assert_true(at + 2 <= reply->size);
        return (unsigned) reply->bytes[at] << 8 | reply->bytes[at + 1];
}

static inline unsigned reply_rcode(const Reply *reply) {
        return get16(reply, 2) & 0xf;
}

static inline bool reply_has(const Reply *reply, unsigned bit) {
        return (get16(reply, 2) & bit) != 0;
}

static inline unsigned n_answers(const Reply *reply) {
        return get16(reply, 6);
}

static inline unsigned n_authorities(const Reply *reply) {
        return get16(reply, 8);
}

static inline unsigned n_additional(const Reply *reply) {
        return get16(reply, 10);
}

/* Appends the name at *at as text with a dot after each label, and moves *at behind it. */
static inline void read_reply_name(const Reply *reply, size_t *at, char *ret, size_t ret_size) {
        size_t here = *at, used = 0;
        bool jumped = false;

        ret[0] = '\0';
        for (;;) {
                size_t length;

                assert_true(here < reply->size);
                length = reply->bytes[here];
                if (length >= 0xc0) {
                        if (!jumped)
                                *at = here + 2;
                        jumped = true;
                        here = get16(reply, here) & 0x3fff;
                        continue;
                }
                here++;
                if (length == 0)
                        break;
                assert_true(here + length <= reply->size);
                used += (size_t) snprintf(ret + used, ret_size - used, "%.*s.", (int) length,
                                          (const char *) reply->bytes + here);
                here += length;
        }
        if (!jumped)
                *at = here;
}

typedef struct ReplyRecord {
        char owner[256];
        unsigned type, class;
        uint32_t ttl;
        size_t data, data_size;
} ReplyRecord;

static inline ReplyRecord read_record(const Reply *reply, size_t *at) {
        ReplyRecord record = {.type = 0};

        read_reply_name(reply, at, record.owner, sizeof(record.owner));
        record.type = get16(reply, *at);
        record.class = get16(reply, *at + 2);
        record.ttl = (uint32_t) get16(reply, *at + 4) << 16 | get16(reply, *at + 6);
        record.data_size = get16(reply, *at + 8);
        record.data = *at + 10;
        *at = record.data + record.data_size;
        assert_true(*at <= reply->size);
        return record;
}

/* The record behind the question: 0 is the first, whatever its section. */
static inline ReplyRecord find_record(const Reply *reply, size_t i) {
        size_t at = HEADER_SIZE;
        char name[256];
        ReplyRecord record = {.type = 0};

        assert_int_equal(get16(reply, 4), 1);
        read_reply_name(reply, &at, name, sizeof(name));
        at += 4;
        for (size_t n = 0; n <= i; n++)
                record = read_record(reply, &at);
        return record;
}

/* To a server of another process. */
static inline Reply ask_server(const struct sockaddr_in *address, const char *name, unsigned type) {
        const struct timeval patience = {.tv_sec = 20};
        const Query query = query_new(name, type);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        Reply reply;
        ssize_t size;

        assert_int_equal(connect(fd, (const struct sockaddr *) address, sizeof(*address)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        assert_int_equal(send(fd, query.bytes, query.size, 0), query.size);
        size = recv(fd, reply.bytes, sizeof(reply.bytes), 0);
        assert_true(size > 0);
        reply.size = (size_t) size;
        close_fd(fd);
        return reply;
}

/* A zone with web at 172.30.0.5. */
static inline uint32_t web_address(const char *name, _unused_ void *userdata) {
        return string_equal(name, "web") ? 0xac1e0005 : 0;
}

static inline const char *web_name(uint32_t address, _unused_ void *userdata) {
        return address == 0xac1e0005 ? "web" : NULL;
}

static inline DnsZone web_zone(unsigned prefix) {
        return (DnsZone) {
                .address = 0xac1e0001,
                .prefix = prefix,
                .find_address = web_address,
                .find_name = web_name,
        };
}
