#include "daemon/udp-share.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/strings.h"

/* Addresses of loopback that are tried for whether all of them are taken. */
#define N_PROBES 8

/* As the kernel's lists write an address: words of the host's byte order in hexadecimal, and the port. */
#define PLACE_SIZE 40
/* In each list, those that share a port with the IPv4 socket; the last may, for all of IPv6 is also IPv4
 * unless the socket says otherwise. Unspecified ones are sent nothing beside one that has the address,
 * but need only connect to have it too. */
enum {
        PLACE_SAME,
        PLACE_ANY,
        PLACE_MAPPED,
        PLACE_MAPPED_ANY,
        PLACE_IPV6_ANY,
        _PLACE_MAX,
};

typedef struct Look {
        struct sockaddr_in address;
        uint64_t inode;
        char places[_PLACE_MAX][PLACE_SIZE];
        bool seen;          /* the socket itself */
        bool shared, maybe; /* by that user's */
        uint64_t uid;
} Look;

int udp_share_end(int fd) {
        return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) {0}, sizeof(int)) < 0 ? -errno : 0;
}

static int look_init(int fd, Look *ret) {
        Look look = {.inode = 0};
        socklen_t size = sizeof(look.address);
        struct stat st;
        unsigned address, port;

        if (getsockname(fd, (struct sockaddr *) &look.address, &size) < 0 || fstat(fd, &st) < 0)
                return -errno;
        look.inode = st.st_ino;
        address = look.address.sin_addr.s_addr;
        port = ntohs(look.address.sin_port);
        (void) snprintf(look.places[PLACE_SAME], PLACE_SIZE, "%08X:%04X", address, port);
        (void) snprintf(look.places[PLACE_ANY], PLACE_SIZE, "%08X:%04X", 0U, port);
        (void) snprintf(look.places[PLACE_MAPPED], PLACE_SIZE, "%016X%08X%08X:%04X", 0U,
                        htonl(0xffff), address, port);
        (void) snprintf(look.places[PLACE_MAPPED_ANY], PLACE_SIZE, "%016X%08X%08X:%04X", 0U,
                        htonl(0xffff), 0U, port);
        (void) snprintf(look.places[PLACE_IPV6_ANY], PLACE_SIZE, "%032X:%04X", 0U, port);
        *ret = look;
        return 0;
}

/* "  0: 0100007F:A455 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000  0 4711 ...": the
 * second word is the place, the eighth the uid, the tenth the inode. */
static void look_at_line(Look *look, char *line) {
        char *state = NULL, *words[10];
        uint64_t uid, inode;
        size_t place;

        for (size_t i = 0; i < 10; i++) {
                words[i] = strtok_r(i == 0 ? line : NULL, " \n", &state);
                if (!words[i])
                        return;
        }
        for (place = 0; place < _PLACE_MAX; place++)
                if (string_equal(words[1], look->places[place]))
                        break;
        if (place == _PLACE_MAX || string_parse_u64(words[7], UINT32_MAX, &uid) < 0 ||
            string_parse_u64(words[9], UINT64_MAX, &inode) < 0)
                return;
        if (inode == look->inode) {
                look->seen = true;
                return;
        }
        if (look->shared)
                return;
        look->shared = place != PLACE_IPV6_ANY;
        look->maybe = look->maybe || !look->shared;
        look->uid = uid;
}

/* Line by line: others may have very many sockets. */
static int look_at_list(Look *look, const char *path) {
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!file)
                return -errno;
        while (getline(&line, &size, file) >= 0)
                look_at_line(look, line);
        return ferror(file) ? -EIO : 0;
}

/* A socket of all addresses leaves no other of loopback free either; one of IPv6 alone takes none.
 * Chance has others miss them who would bind them for this to fail. */
static bool all_are_taken(const Look *look) {
        for (size_t i = 0; i < N_PROBES; i++) {
                _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                struct sockaddr_in address = look->address;
                uint32_t chance;

                if (fd < 0 || getrandom(&chance, sizeof(chance), 0) < 0)
                        return true;
                address.sin_addr.s_addr = htonl(INADDR_LOOPBACK | (chance & 0xfffffe));
                if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) >= 0)
                        return false;
        }
        return true;
}

static int look_around(int fd, Look *ret) {
        int r = look_init(fd, ret);

        if (r >= 0)
                r = look_at_list(ret, "/proc/self/net/udp");
        /* Others that come and go may make the kernel skip some. */
        if (r >= 0 && !ret->seen)
                r = -EAGAIN;
        if (r < 0)
                return r;
        r = look_at_list(ret, "/proc/self/net/udp6");
        if (r < 0 && r != -ENOENT) /* the host has no IPv6 */
                return r;
        ret->shared = ret->shared || (ret->maybe && all_are_taken(ret));
        return 0;
}

int udp_share_check(int fd, Error *reterr) {
        Look look = {.inode = 0};
        int r = look_around(fd, &look);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot see who else has the UDP port");
        if (!look.shared)
                return 0;
        return error_set(reterr, ERROR_BUSY, EADDRINUSE,
                         "a program of uid %" PRIu64 " has UDP port %u too, and may be asked instead",
                         look.uid, ntohs(look.address.sin_port));
}
