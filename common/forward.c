#include "common/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/strings.h"

#define PRIVILEGED_PORTS 1024 /* where the kernel has no setting for it */
#define ADDRESS_DEFAULT INADDR_LOOPBACK
#define FORM "[ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]"

const char *const forward_protocol_names[] = {
        [FORWARD_TCP] = "tcp",
        [FORWARD_UDP] = "udp",
        NULL,
};

static int parse_protocol(const char *text, ForwardProtocol *ret) {
        for (int i = 0; i < _FORWARD_PROTOCOL_MAX; i++)
                if (strcmp(forward_protocol_names[i], text) == 0) {
                        *ret = (ForwardProtocol) i;
                        return 0;
                }
        return -EINVAL;
}

static int parse_port(const char *text, uint16_t *ret) {
        uint64_t port;
        int r = string_parse_u64(text, FORWARD_PORT_MAX, &port);

        if (r < 0)
                return r;
        if (port == 0)
                return -ERANGE;
        *ret = (uint16_t) port;
        return 0;
}

/* No host can have one of 0.0.0.0/8 but 0.0.0.0, a broadcast, a multicast or a reserved address
 * (RFC 6890). */
static int parse_address(const char *text, uint32_t *ret) {
        struct in_addr address;

        if (inet_pton(AF_INET, text, &address) != 1)
                return -EINVAL;
        if (ntohl(address.s_addr) >= INADDR_UNSPEC_GROUP ||
            (ntohl(address.s_addr) >> 24 == 0 && address.s_addr != INADDR_ANY))
                return -ERANGE;
        *ret = ntohl(address.s_addr);
        return 0;
}

static int refuse(int errnum, const char *text, const char *why, Error *reterr) {
        return error_set(reterr, ERROR_INVALID_PARAMETER, errnum, "\"%s\" %s", text, why);
}

/* The words between the colons, and the one after the slash; cuts the text up. */
typedef struct Parts {
        char *words[3]; /* the last ones are the ports */
        size_t n_words;
        char *protocol; /* NULL: none */
} Parts;

static bool split(char *text, Parts *ret) {
        Parts parts = {.protocol = strchr(text, '/')};

        if (parts.protocol)
                *parts.protocol++ = '\0';
        for (char *word; (word = strsep(&text, ":"));) {
                if (parts.n_words == ELEMENTSOF(parts.words))
                        return false;
                parts.words[parts.n_words++] = word;
        }
        *ret = parts;
        return parts.n_words >= 2;
}

int forward_parse(const char *text, Forward *ret, Error *reterr) {
        Forward forward = {.protocol = FORWARD_TCP, .address = ADDRESS_DEFAULT};
        _cleanup_free_ char *copy = strdup(text);
        Parts parts;
        int r;

        if (!copy)
                return error_set_errno(reterr, ENOMEM, "cannot read a forward");
        if (strchr(text, '['))
                return refuse(EINVAL, text, "has an IPv6 address: guests have IPv4 only", reterr);
        if (!split(copy, &parts))
                return refuse(EINVAL, text, "is not of the form " FORM, reterr);
        if (parts.protocol && parse_protocol(parts.protocol, &forward.protocol) < 0)
                return refuse(EINVAL, parts.protocol, "is neither tcp nor udp", reterr);
        if (parts.n_words == ELEMENTSOF(parts.words)) {
                r = parse_address(parts.words[0], &forward.address);
                if (r < 0)
                        return refuse(-r, parts.words[0],
                                      r == -ERANGE ? "is no address that a host can have"
                                                   : "is not an IPv4 address",
                                      reterr);
        }
        for (size_t i = 0; i < 2; i++) {
                const char *word = parts.words[parts.n_words - 2 + i];

                r = parse_port(word, i == 0 ? &forward.host_port : &forward.guest_port);
                if (r < 0)
                        return refuse(-r, word, "is not a port (1..65535)", reterr);
        }
        *ret = forward;
        return 0;
}

int forward_check(const char *text, Error *reterr) {
        Forward ignored;

        return forward_parse(text, &ignored, reterr);
}

int forward_make(int64_t protocol, const char *address, int64_t host_port, int64_t guest_port,
                 Forward *ret) {
        Forward forward = {.address = 0};

        if (protocol < 0 || protocol >= _FORWARD_PROTOCOL_MAX || !address || host_port < 1 ||
            host_port > FORWARD_PORT_MAX || guest_port < 1 || guest_port > FORWARD_PORT_MAX ||
            parse_address(address, &forward.address) < 0)
                return -EINVAL;
        forward.protocol = (ForwardProtocol) protocol;
        forward.host_port = (uint16_t) host_port;
        forward.guest_port = (uint16_t) guest_port;
        *ret = forward;
        return 0;
}

void forward_format_address(const Forward *forward, char ret[INET_ADDRSTRLEN]) {
        const struct in_addr address = {.s_addr = htonl(forward->address)};

        (void) inet_ntop(AF_INET, &address, ret, INET_ADDRSTRLEN);
}

void forward_format(const Forward *forward, char ret[FORWARD_TEXT_SIZE]) {
        char address[INET_ADDRSTRLEN];

        forward_format_address(forward, address);
        (void) snprintf(ret, FORWARD_TEXT_SIZE, "%s:%u:%u/%s", address, forward->host_port,
                        forward->guest_port, forward_protocol_names[forward->protocol]);
}

int forward_read_first_port(int fd, unsigned *ret) {
        char text[16] = "";
        uint64_t port;
        ssize_t n;
        int r;

        if (fd == -ENOENT) {
                *ret = PRIVILEGED_PORTS;
                return 0;
        }
        n = fd < 0 ? fd : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return fd < 0 ? fd : n < 0 ? -errno : -EIO;
        text[strcspn(text, "\n")] = '\0';
        r = string_parse_u64(text, UINT16_MAX + 1, &port);
        if (r >= 0)
                *ret = (unsigned) port;
        return r;
}

int forward_check_port(const Forward *forward, unsigned first, Error *reterr) {
        int r;

        if (forward->host_port >= first)
                return 0;
        r = error_set(reterr, ERROR_NOT_PERMITTED, EACCES, "ports below %u are root's on this host",
                      first);
        return error_set_hint(reterr, r, "choose a port from %u to 65535", first);
}

bool forward_equal(const Forward *a, const Forward *b) {
        return a->protocol == b->protocol && a->address == b->address &&
               a->host_port == b->host_port && a->guest_port == b->guest_port;
}

bool forward_clashes(const Forward *a, const Forward *b) {
        bool same_address = a->address == b->address || a->address == INADDR_ANY ||
                            b->address == INADDR_ANY;

        return a->protocol == b->protocol && a->host_port == b->host_port && same_address;
}

void forwards_clear(Forwards *forwards) {
        free(forwards->items);
        *forwards = (Forwards) {.items = NULL};
}

int forwards_copy(const Forwards *forwards, Forwards *ret) {
        Forwards copy = {.n_items = forwards->n_items};

        if (forwards->n_items > 0) {
                copy.items = calloc(forwards->n_items, sizeof(*copy.items));
                if (!copy.items)
                        return -ENOMEM;
                memcpy(copy.items, forwards->items, forwards->n_items * sizeof(*copy.items));
        }
        *ret = copy;
        return 0;
}

int forwards_add(Forwards *forwards, const Forward *forward) {
        Forward *items = reallocarray(forwards->items, forwards->n_items + 1, sizeof(*items));

        if (!items)
                return -ENOMEM;
        items[forwards->n_items++] = *forward;
        forwards->items = items;
        return 0;
}

static Forward *find_equal(const Forwards *forwards, const Forward *forward) {
        for (size_t i = 0; i < forwards->n_items; i++)
                if (forward_equal(&forwards->items[i], forward))
                        return &forwards->items[i];
        return NULL;
}

bool forwards_have(const Forwards *forwards, const Forward *forward) {
        return find_equal(forwards, forward) != NULL;
}

bool forwards_remove(Forwards *forwards, const Forward *forward) {
        Forward *item = find_equal(forwards, forward), *end;

        if (!item)
                return false;
        end = forwards->items + forwards->n_items;
        memmove(item, item + 1, (size_t) (end - item - 1) * sizeof(*item));
        forwards->n_items--;
        return true;
}

const Forward *forwards_find_clash(const Forwards *forwards, const Forward *forward) {
        for (size_t i = 0; i < forwards->n_items; i++)
                if (forward_clashes(&forwards->items[i], forward))
                        return &forwards->items[i];
        return NULL;
}
