#pragma once
/* Port forwards, written as Podman does: [ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define FORWARD_PORT_MAX 65535
/* Of all VMs together: with as many guests as there are slots they fit into one request to the
 * helper (its message_max, 64 KiB; a forward takes at most 121 bytes, a guest 46). */
#define FORWARDS_MAX 400
#define FORWARD_TEXT_SIZE (INET_ADDRSTRLEN + sizeof(":65535:65535/udp"))

typedef enum ForwardProtocol {
        FORWARD_TCP,
        FORWARD_UDP,
        _FORWARD_PROTOCOL_MAX,
} ForwardProtocol;

extern const char *const forward_protocol_names[]; /* by ForwardProtocol, NULL-terminated */

typedef struct Forward {
        ForwardProtocol protocol;
        uint32_t address; /* of the host, host order; INADDR_ANY: all that it has */
        uint16_t host_port, guest_port;
} Forward;

/* An array that grows; start from {}. */
typedef struct Forwards {
        Forward *items;
        size_t n_items;
} Forwards;

/* -EINVAL, -ERANGE: ERROR_INVALID_PARAMETER, in words that go on after the field's name. */
int forward_parse(const char *text, Forward *ret, Error *reterr);
int forward_check(const char *text, Error *reterr); /* for Field.check */
/* In full, so that the text is the same for the same forward. */
void forward_format(const Forward *forward, char ret[FORWARD_TEXT_SIZE]);
void forward_format_address(const Forward *forward, char ret[INET_ADDRSTRLEN]);
/* As the kernel's numbers and texts would have it; -EINVAL. */
int forward_make(int64_t protocol, const char *address, int64_t host_port, int64_t guest_port,
                 Forward *ret);

/* Out of the kernel's setting, /proc/sys/net/ipv4/ip_unprivileged_port_start; -ENOENT in place of a
 * descriptor: the kernel has none (before Linux 4.11). Ports below are root's. -errno. */
int forward_read_first_port(int fd, unsigned *ret);
/* ERROR_NOT_PERMITTED, -EACCES where it lies below first. */
int forward_check_port(const Forward *forward, unsigned first, Error *reterr);

bool forward_equal(const Forward *a, const Forward *b);
/* Would both take the same packets? */
bool forward_clashes(const Forward *a, const Forward *b);

void forwards_clear(Forwards *forwards);
int forwards_copy(const Forwards *forwards, Forwards *ret); /* -ENOMEM */
int forwards_add(Forwards *forwards, const Forward *forward); /* -ENOMEM */
bool forwards_have(const Forwards *forwards, const Forward *forward);
/* False when it is not in there. */
bool forwards_remove(Forwards *forwards, const Forward *forward);
/* The first that clashes with it; NULL. */
const Forward *forwards_find_clash(const Forwards *forwards, const Forward *forward);
