#include "helper/firewall-ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strings.h"
#include "helper/netlink.h"

#define PRIVILEGED_PORTS 1024 /* where the kernel has no setting for it */
/* An unconnected UDP socket has a closed TCP's state (net/ipv4/udp.c of the kernel). */
#define UDP_UNCONNECTED TCP_CLOSE

typedef struct LocalAddresses {
        LinkAddress *items;
        size_t n_items;
} LocalAddresses;

static void local_addresses_cleanup(LocalAddresses *addresses) {
        free(addresses->items);
}

static int read_local_addresses(LocalAddresses *ret, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        int r = netlink_open(&netlink, reterr);

        return r < 0 ? r : netlink_list_addresses(netlink, &ret->items, &ret->n_items, reterr);
}

/* The first port that anybody may listen on. */
static int read_first_port(const Host *host, unsigned *ret, Error *reterr) {
        const char *setting = "sys/net/ipv4/ip_unprivileged_port_start";
        int fd = host_open_below(host->proc_fd, setting, O_RDONLY);
        char text[16] = "";
        uint64_t port;
        ssize_t n;

        if (fd == -ENOENT) {
                *ret = PRIVILEGED_PORTS;
                return 0;
        }
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (fd >= 0)
                close_fd(fd);
        text[strcspn(text, "\n")] = '\0';
        if (n <= 0 || string_parse_u64(text, UINT16_MAX + 1, &port) < 0)
                return error_set(reterr, ERROR_FAILED, EIO,
                                 "cannot read which ports are privileged");
        *ret = (unsigned) port;
        return 0;
}

static int check_port(const FirewallForward *forward, unsigned first_port, Error *reterr) {
        int r;

        if (forward->host_port >= first_port)
                return 0;
        r = error_set(reterr, ERROR_NOT_PERMITTED, EACCES, "ports below %u are root's on this host",
                      first_port);
        return error_set_hint(reterr, r, "choose a port from %u to 65535", first_port);
}

static int check_address(const FirewallForward *forward, const LocalAddresses *addresses,
                         Error *reterr) {
        int r;

        if (forward->address == 0 || firewall_address_is_loopback(forward->address))
                return 0;
        for (size_t i = 0; i < addresses->n_items; i++)
                if (addresses->items[i].address == forward->address)
                        return 0;
        r = error_set(reterr, ERROR_INVALID_PARAMETER, EADDRNOTAVAIL,
                      "this host has no such address");
        return error_set_hint(reterr, r,
                              "choose one that \"ip address\" lists, or 0.0.0.0 for all of them");
}

/* A local address as the tables of sockets write it: words of the host's byte order, four of them
 * for IPv6. Of IPv6, what takes IPv4 as well: the unspecified address (whether it does is not told)
 * and mapped ones. */
static bool read_address(const char *text, uint32_t *ret) {
        uint32_t words[4];
        size_t n;

        for (n = 0; n < 4 && strlen(text) >= 8; n++, text += 8) {
                char word[9] = "";

                memcpy(word, text, 8);
                words[n] = ntohl((uint32_t) strtoul(word, NULL, 16));
        }
        if (n == 1) {
                *ret = words[0];
                return true;
        }
        if (n != 4 || words[0] != 0 || words[1] != 0 || (words[2] != 0 && words[2] != 0xffff) ||
            (words[2] == 0 && words[3] != 0))
                return false;
        *ret = words[3];
        return true;
}

/* "  0: 0100007F:1F90 00000000:0000 0A ...": does this socket stand in a forward's way? The table's
 * head is no such line. */
static const FirewallForward *find_in_the_way(const FirewallForward *const *forwards, size_t n,
                                              RootProtocol protocol, const char *line) {
        unsigned wanted = protocol == ROOT_PROTOCOL_TCP ? TCP_LISTEN : UDP_UNCONNECTED;
        unsigned port, state;
        char address[33] = "";
        uint32_t local;

        if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", /* NOLINT */
                   address, &port, &state) != 3 ||
            state != wanted || !read_address(address, &local))
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (forwards[i]->protocol == protocol && forwards[i]->host_port == port &&
                    (forwards[i]->address == local || forwards[i]->address == 0 || local == 0))
                        return forwards[i];
        return NULL;
}

/* Line by line: others may have very many sockets. No such table: no such protocol. */
static int check_sockets(const Host *host, const char *table, RootProtocol protocol,
                         const FirewallForward *const *forwards, size_t n,
                         const FirewallForward **ret, Error *reterr) {
        _cleanup_free_ char *path = string_format("self/net/%s", table), *line = NULL;
        _cleanup_fclose_ FILE *file = NULL;
        size_t size = 0;
        int fd;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot look who listens");
        fd = openat(host->proc_fd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        file = fd < 0 ? NULL : fdopen(fd, "re");
        if (!file) {
                int r = error_set_errno(reterr, errno, "cannot read the table of %s", table);

                close_fd(fd);
                return r;
        }
        while (getline(&line, &size, file) >= 0) {
                *ret = find_in_the_way(forwards, n, protocol, line);
                if (*ret)
                        return 0;
        }
        return ferror(file) ? error_set_errno(reterr, EIO, "cannot read the table of %s", table) :
                              0;
}

static int check_listeners(const Host *host, const FirewallForward *const *forwards, size_t n,
                           const FirewallForward **ret, Error *reterr) {
        static const struct {
                const char *name;
                RootProtocol protocol;
        } tables[] = {
                {"tcp", ROOT_PROTOCOL_TCP},
                {"tcp6", ROOT_PROTOCOL_TCP},
                {"udp", ROOT_PROTOCOL_UDP},
                {"udp6", ROOT_PROTOCOL_UDP},
        };

        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                int r = check_sockets(host, tables[i].name, tables[i].protocol, forwards, n, ret,
                                      reterr);

                if (r < 0)
                        return r;
                if (!*ret)
                        continue;
                r = error_set(reterr, ERROR_BUSY, EADDRINUSE,
                              "a program of this host listens there");
                return error_set_hint(reterr, r, "choose another port; \"ss -lntu\" lists those "
                                                 "that are taken");
        }
        return 0;
}

static int check_new(const Host *host, const FirewallForward *const *forwards, size_t n,
                     const FirewallForward **ret_culprit, Error *reterr) {
        _cleanup_(local_addresses_cleanup) LocalAddresses addresses = {};
        unsigned first_port = 0;
        int r;

        r = read_first_port(host, &first_port, reterr);
        if (r >= 0)
                r = read_local_addresses(&addresses, reterr);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                r = check_port(forwards[i], first_port, reterr);
                if (r >= 0)
                        r = check_address(forwards[i], &addresses, reterr);
                if (r < 0)
                        *ret_culprit = forwards[i];
        }
        return r < 0 ? r : check_listeners(host, forwards, n, ret_culprit, reterr);
}

int firewall_check_forwards(const Host *host, const FirewallPlan *plan, const FirewallTable *ip,
                            Error *reterr) {
        _cleanup_free_ const FirewallForward **forwards =
                calloc(plan->n_forwards + 1, sizeof(const FirewallForward *));
        const FirewallForward *culprit = NULL;
        char name[FORWARD_NAME_MAX];
        size_t n = 0;
        int r;

        if (!forwards)
                return error_set_errno(reterr, ENOMEM, "cannot check the forwards");
        for (size_t i = 0; i < plan->n_forwards; i++) {
                firewall_forward_name(&plan->forwards[i], name);
                if (!firewall_table_find(ip, name, NULL))
                        forwards[n++] = &plan->forwards[i];
        }
        if (n == 0)
                return 0;
        r = check_new(host, forwards, n, &culprit, reterr);
        if (r >= 0 || !culprit)
                return r;
        firewall_forward_name(culprit, name);
        return error_prepend(reterr, r, "cannot forward %s to vm %s", name, culprit->vm.text);
}
