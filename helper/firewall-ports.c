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

static int read_first_port(const Host *host, unsigned *ret, Error *reterr) {
        int fd = host_open_kernel(host->proc_fd, "sys/net/ipv4/ip_unprivileged_port_start",
                                 O_RDONLY);
        int r = forward_read_first_port(fd, ret);

        close_fd(fd);
        return r < 0 ? error_set_errno(reterr, -r, "cannot read which ports are privileged") : 0;
}

static int check_address(const FirewallForward *forward, const LocalAddresses *addresses,
                         Error *reterr) {
        int r;

        if (forward->wanted.address == 0 || firewall_address_is_loopback(forward->wanted.address))
                return 0;
        for (size_t i = 0; i < addresses->n_items; i++)
                if (addresses->items[i].address == forward->wanted.address)
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

/* "  0: 0100007F:1F90 00000000:0000 0A ...": the socket, if it is one that takes what comes. The
 * table's head is no such line. */
static bool read_socket(const char *line, ForwardProtocol protocol, Forward *ret) {
        unsigned wanted = protocol == FORWARD_TCP ? TCP_LISTEN : UDP_UNCONNECTED, port, state;
        Forward socket = {.protocol = protocol};
        char address[33] = "";

        if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", /* NOLINT */
                   address, &port, &state) != 3 ||
            state != wanted || !read_address(address, &socket.address))
                return false;
        socket.host_port = (uint16_t) port;
        *ret = socket;
        return true;
}

/* Of the forwards that are not in force yet. */
typedef struct Check {
        FirewallForward **forwards;
        size_t n_forwards;
        RootNetworkDone *done;
} Check;

/* This one cannot be, says the error, which is moved: an optional one is left out. */
static int refuse(const Check *check, FirewallForward *forward, int r, Error *error,
                  Error *reterr) {
        RootLeftOut *left_out = check->done->left_out.items;
        char name[FORWARD_NAME_MAX], *reason;

        if (!forward->optional) {
                firewall_forward_name(forward, name);
                (void) error_prepend(error, r, "cannot forward %s to vm %s", name,
                                     forward->vm.text);
                if (reterr)
                        error_move(reterr, error);
                else
                        error_clear(error);
                return r;
        }
        reason = strdup(error->message ? error->message : "");
        error_clear(error);
        if (!reason)
                return error_set_errno(reterr, ENOMEM, "cannot check the forwards");
        forward->left_out = true;
        left_out[check->done->left_out.n_items++] = (RootLeftOut) {
                .forward = (int64_t) forward->place,
                .reason = reason,
        };
        return 0;
}

static int refuse_listener(const Check *check, FirewallForward *forward, Error *reterr) {
        Error error = ERROR_INIT;
        int r = error_set(&error, ERROR_BUSY, EADDRINUSE, "a program of this host listens there");

        (void) error_set_hint(&error, r, "choose another port; \"ss -lntu\" lists those that are "
                                         "taken");
        return refuse(check, forward, r, &error, reterr);
}

static int check_socket(const Check *check, const Forward *socket, Error *reterr) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < check->n_forwards; i++)
                if (!check->forwards[i]->left_out &&
                    forward_clashes(&check->forwards[i]->wanted, socket))
                        r = refuse_listener(check, check->forwards[i], reterr);
        return r;
}

/* Line by line: others may have very many sockets. No such table: no such protocol. */
static int check_sockets(const Host *host, const char *table, ForwardProtocol protocol,
                         const Check *check, Error *reterr) {
        _cleanup_free_ char *path = string_format("self/net/%s", table), *line = NULL;
        _cleanup_fclose_ FILE *file = NULL;
        size_t size = 0;
        int fd, r = 0;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot look who listens");
        fd = openat(host->proc_fd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        file = fd < 0 ? NULL : fdopen(fd, "re");
        if (!file) {
                r = error_set_errno(reterr, errno, "cannot read the table of %s", table);
                close_fd(fd);
                return r;
        }
        while (r >= 0 && getline(&line, &size, file) >= 0) {
                Forward socket;

                if (read_socket(line, protocol, &socket))
                        r = check_socket(check, &socket, reterr);
        }
        if (r >= 0 && ferror(file))
                r = error_set_errno(reterr, EIO, "cannot read the table of %s", table);
        return r;
}

static int check_listeners(const Host *host, const Check *check, Error *reterr) {
        static const struct {
                const char *name;
                ForwardProtocol protocol;
        } tables[] = {
                {"tcp", FORWARD_TCP},
                {"tcp6", FORWARD_TCP},
                {"udp", FORWARD_UDP},
                {"udp6", FORWARD_UDP},
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(tables); i++)
                r = check_sockets(host, tables[i].name, tables[i].protocol, check, reterr);
        return r;
}

static int check_all(const Host *host, const Check *check, Error *reterr) {
        _cleanup_(local_addresses_cleanup) LocalAddresses addresses = {};
        unsigned first_port = 0;
        int r;

        r = read_first_port(host, &first_port, reterr);
        if (r >= 0)
                r = read_local_addresses(&addresses, reterr);
        for (size_t i = 0; r >= 0 && i < check->n_forwards; i++) {
                FirewallForward *forward = check->forwards[i];
                Error error = ERROR_INIT;

                r = forward_check_port(&forward->wanted, first_port, &error);
                if (r >= 0)
                        r = check_address(forward, &addresses, &error);
                if (r < 0)
                        r = refuse(check, forward, r, &error, reterr);
        }
        return r < 0 ? r : check_listeners(host, check, reterr);
}

int firewall_check_forwards(const Host *host, FirewallPlan *plan, const FirewallTable *ip,
                            RootNetworkDone *done, Error *reterr) {
        _cleanup_free_ FirewallForward **forwards =
                calloc(plan->n_forwards + 1, sizeof(FirewallForward *));
        Check check = {.forwards = forwards, .done = done};
        char name[FORWARD_NAME_MAX];
        int r;

        done->left_out.items = calloc(plan->n_forwards + 1, sizeof(RootLeftOut));
        if (!forwards || !done->left_out.items)
                return error_set_errno(reterr, ENOMEM, "cannot check the forwards");
        for (size_t i = 0; i < plan->n_forwards; i++) {
                firewall_forward_name(&plan->forwards[i], name);
                if (!firewall_table_find(ip, name, NULL))
                        forwards[check.n_forwards++] = &plan->forwards[i];
        }
        if (check.n_forwards == 0)
                return 0;
        r = check_all(host, &check, reterr);
        if (r >= 0)
                firewall_plan_leave_out(plan);
        return r;
}
