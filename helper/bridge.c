/* The bridge: a port that holds it up, an address, and no IPv6. */
#include <errno.h>

#include "common/strings.h"
#include "helper/link-ipv6.h"
#include "helper/netlink.h"
#include "helper/network.h"

/* An alias says whose a link is: its name could be anybody's. */
#define SHARED_ALIAS "banger"

static void links_cleanup(LinkState **links) {
        free(*links);
}

static void addresses_cleanup(LinkAddress **addresses) {
        free(*addresses);
}

/* Ports of a bridge beside its carrier: how many, and one's name. */
static int count_ports(Netlink *netlink, const Host *host, int bridge, size_t *ret_n,
                       char ret_name[static IFNAMSIZ], Error *reterr) {
        _cleanup_(links_cleanup) LinkState *links = NULL;
        size_t n_links = 0, n = 0;
        int r;

        r = netlink_list(netlink, &links, &n_links, reterr);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_links; i++) {
                if (links[i].master != bridge || string_equal(links[i].name, host->paths->carrier))
                        continue;
                (void) snprintf(ret_name, IFNAMSIZ, "%s", links[i].name);
                n++;
        }
        *ret_n = n;
        return 0;
}

/* Ours, or left without its alias by a crash just after it was made: then it has no ports yet. */
static int check_ours(Netlink *netlink, const Host *host, const LinkState *link, const char *kind,
                      bool *ret_ours, Error *reterr) {
        char port[IFNAMSIZ] = "";
        size_t n_ports = 0;
        int r;

        if (string_equal(link->kind, kind) && string_equal(link->alias, SHARED_ALIAS)) {
                *ret_ours = true;
                return 0;
        }
        if (!string_equal(link->kind, kind) || link->alias[0] != '\0' || link->master != 0) {
                *ret_ours = false;
                return 0;
        }
        r = count_ports(netlink, host, link->index, &n_ports, port, reterr);
        if (r < 0)
                return r;
        *ret_ours = n_ports == 0;
        return 0;
}

/* Finds or makes a link of ours; fills what it is. *ret_made: by this call. */
static int ensure_link(Netlink *netlink, const Host *host, const char *name, const char *kind,
                       LinkState *ret, bool *ret_made, Error *reterr) {
        bool ours = false, made = false;
        LinkState link;
        int r;

        r = netlink_find(netlink, name, &link, reterr);
        if (r == -ENODEV) {
                r = netlink_add(netlink, name, kind, reterr);
                if (r >= 0)
                        r = netlink_find(netlink, name, &link, reterr);
                made = ours = true;
        } else if (r >= 0)
                r = check_ours(netlink, host, &link, kind, &ours, reterr);
        if (r < 0)
                return r;
        if (!ours) {
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                              "this host has a link %s that is not banger's", name);
                return error_set_hint(reterr, r, "set another \"bridge\" in [network] of "
                                                 "/etc/banger/banger.conf");
        }
        if (!string_equal(link.alias, SHARED_ALIAS))
                r = netlink_set_alias(netlink, link.index, SHARED_ALIAS, reterr);
        if (r < 0)
                return r;
        *ret = link;
        *ret_made = made;
        return 0;
}

static bool overlap(const LinkAddress *a, const LinkAddress *b) {
        unsigned prefix = a->prefix < b->prefix ? a->prefix : b->prefix;
        uint64_t mask = ~((uint64_t) UINT32_MAX >> prefix);

        return ((a->address ^ b->address) & mask & UINT32_MAX) == 0;
}

/* Is the network free for us? And what else did earlier settings leave on the bridge? Looked at
 * before anything is changed. */
static int check_address(const LinkAddress *wanted, const LinkAddress *addresses, size_t n,
                         Error *reterr) {
        for (size_t i = 0; i < n; i++) {
                int r;

                /* A default route's like is no network of this host's. */
                if (addresses[i].index == wanted->index || addresses[i].prefix == 0 ||
                    !overlap(&addresses[i], wanted))
                        continue;
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EADDRINUSE,
                              "the network of the VMs is in use on another link of this host");
                return error_set_hint(reterr, r, "set another \"address\" in [network] of "
                                                 "/etc/banger/banger.conf");
        }
        return 0;
}

static int ensure_address(Netlink *netlink, const LinkAddress *wanted, Error *reterr) {
        _cleanup_(addresses_cleanup) LinkAddress *addresses = NULL;
        bool there = false;
        size_t n = 0;
        int r;

        r = netlink_list_addresses(netlink, &addresses, &n, reterr);
        if (r >= 0)
                r = check_address(wanted, addresses, n, reterr);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (addresses[i].index != wanted->index)
                        continue;
                if (addresses[i].address == wanted->address &&
                    addresses[i].prefix == wanted->prefix)
                        there = true;
                else
                        r = netlink_delete_address(netlink, &addresses[i], reterr);
        }
        if (r < 0 || there)
                return r;
        return netlink_add_address(netlink, wanted, reterr);
}

/* Without a port that is up, a bridge has no carrier, and resolved drops its scope. */
static int ensure_carrier(Netlink *netlink, const Host *host, int bridge, Error *reterr) {
        const char *name = host->paths->carrier;
        LinkState link;
        bool made;
        int r;

        r = netlink_find(netlink, name, &link, reterr);
        if (r == -ENODEV || (r >= 0 && link.master != bridge)) {
                r = ensure_link(netlink, host, name, host->paths->carrier_kind, &link, &made,
                                reterr);
                if (r >= 0)
                        r = link_disable_ipv6(host, name, reterr);
                if (r >= 0)
                        r = netlink_set_master(netlink, link.index, bridge, reterr);
        }
        if (r >= 0 && !link.up)
                r = netlink_set_up(netlink, link.index, reterr);
        return error_prepend(reterr, r, "cannot set %s up", name);
}

/* IPv6 goes before the link comes up, so that it never has an address. */
static int set_bridge_up(Netlink *netlink, const Host *host, const Config *settings,
                         const LinkState *bridge, Error *reterr) {
        const LinkAddress address = {
                .index = bridge->index, .address = settings->address, .prefix = settings->prefix};
        int r;

        r = link_disable_ipv6(host, bridge->name, reterr);
        if (r >= 0)
                r = netlink_set_snooping(netlink, bridge->index, false, reterr);
        if (r >= 0)
                r = ensure_address(netlink, &address, reterr);
        if (r >= 0)
                r = ensure_carrier(netlink, host, bridge->index, reterr);
        if (r >= 0 && !bridge->up)
                r = netlink_set_up(netlink, bridge->index, reterr);
        return r;
}

/* Bridges that had another name in earlier settings; one with guests stays, and is an error. */
static int remove_renamed(Netlink *netlink, const Host *host, Error *reterr) {
        _cleanup_(links_cleanup) LinkState *links = NULL;
        size_t n_links = 0;
        int r;

        r = netlink_list(netlink, &links, &n_links, reterr);
        for (size_t i = 0; r >= 0 && i < n_links; i++) {
                char port[IFNAMSIZ] = "";
                size_t n = 0;

                if (!string_equal(links[i].kind, "bridge") ||
                    !string_equal(links[i].alias, SHARED_ALIAS) ||
                    string_equal(links[i].name, host->paths->bridge))
                        continue;
                r = count_ports(netlink, host, links[i].index, &n, port, reterr);
                if (r < 0)
                        return r;
                if (n == 0) {
                        r = netlink_delete(netlink, links[i].index, reterr);
                        continue;
                }
                r = error_set(reterr, ERROR_BUSY, EBUSY,
                              "the bridge %s of earlier settings is in use by %s", links[i].name,
                              port);
                return error_set_hint(reterr, r, "stop the VMs that run");
        }
        return r;
}

int bridge_ensure(const Host *host, const Config *settings, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        LinkState bridge = {};
        bool made = false;
        int r;

        r = netlink_open(&netlink, reterr);
        if (r < 0)
                return r;
        r = remove_renamed(netlink, host, reterr);
        if (r >= 0)
                r = ensure_link(netlink, host, host->paths->bridge, "bridge", &bridge, &made,
                                reterr);
        if (r >= 0)
                r = set_bridge_up(netlink, host, settings, &bridge, reterr);
        if (r < 0 && made) {
                _cleanup_error_ Error more = ERROR_INIT;

                r = error_join(reterr, r, &more, bridge_remove(host, &more));
        }
        return error_prepend(reterr, r, "cannot set the bridge %s up", host->paths->bridge);
}

/* 0 as well when there is none, or it is somebody else's. */
static int remove_ours(Netlink *netlink, const Host *host, const char *name, const char *kind,
                       Error *reterr) {
        bool ours = false;
        LinkState link;
        int r;

        r = netlink_find(netlink, name, &link, reterr);
        if (r == -ENODEV)
                return 0;
        if (r >= 0)
                r = check_ours(netlink, host, &link, kind, &ours, reterr);
        if (r >= 0 && ours)
                r = netlink_delete(netlink, link.index, reterr);
        return error_prepend(reterr, r, "cannot remove %s", name);
}

int bridge_find(const Host *host, int *ret_index, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        LinkState link;
        int r;

        r = netlink_open(&netlink, reterr);
        if (r < 0)
                return r;
        r = netlink_find(netlink, host->paths->bridge, &link, reterr);
        if (r < 0 && r != -ENODEV)
                return error_prepend(reterr, r, "cannot look for %s", host->paths->bridge);
        if (r < 0 && reterr)
                error_clear(reterr);
        *ret_index = r >= 0 && string_equal(link.kind, "bridge") &&
                                     string_equal(link.alias, SHARED_ALIAS)
                             ? link.index
                             : 0;
        return 0;
}

static int check_unused(Netlink *netlink, const Host *host, Error *reterr) {
        char port[IFNAMSIZ] = "";
        LinkState bridge;
        size_t n = 0;
        int r;

        r = netlink_find(netlink, host->paths->bridge, &bridge, reterr);
        if (r == -ENODEV)
                return 0;
        if (r >= 0 && string_equal(bridge.alias, SHARED_ALIAS))
                r = count_ports(netlink, host, bridge.index, &n, port, reterr);
        if (r >= 0 && n > 0)
                return error_set(reterr, ERROR_BUSY, EBUSY, "the bridge %s is in use by %s",
                                 host->paths->bridge, port);
        return r;
}

int bridge_remove(const Host *host, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        _cleanup_error_ Error more = ERROR_INIT;
        int r;

        r = netlink_open(&netlink, reterr);
        if (r >= 0)
                r = check_unused(netlink, host, reterr);
        if (r >= 0)
                r = remove_renamed(netlink, host, reterr);
        if (r < 0)
                return r;
        r = remove_ours(netlink, host, host->paths->bridge, "bridge", reterr);
        return error_join(reterr, r, &more,
                          remove_ours(netlink, host, host->paths->carrier,
                                      host->paths->carrier_kind, &more));
}
