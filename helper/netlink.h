#pragma once
/* Network links over rtnetlink, in the network namespace of the caller; the only module that knows
 * libnl. Each function is one request of the kernel; what belongs together is put together in
 * bridge.c and tap.c. */
#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

#define LINK_ALIAS_MAX 64
#define LINK_KIND_MAX 16
#define LINK_STATE_MAX 16

typedef struct Netlink Netlink;

typedef struct LinkState {
        int index, master; /* master 0: none */
        char name[IFNAMSIZ];
        char kind[LINK_KIND_MAX];   /* "bridge", "dummy", "tun"; "" for hardware */
        char alias[LINK_ALIAS_MAX]; /* cut to this */
        bool up;
        char state[LINK_STATE_MAX]; /* RFC 2863's, which its carrier decides: "up", "down", "unknown" */
        /* Of kind "tun". */
        bool tap, persistent;
        uid_t owner; /* (uid_t) -1: none */
} LinkState;

typedef struct LinkAddress {
        int index;
        uint32_t address; /* host order */
        unsigned prefix;
} LinkAddress;

int netlink_open(Netlink **ret, Error *reterr);
Netlink *netlink_close(Netlink *netlink);
static inline void netlink_cleanup(Netlink **netlink) {
        netlink_close(*netlink);
}

/* -ENODEV without reterr when there is none of that name. */
int netlink_find(Netlink *netlink, const char *name, LinkState *ret, Error *reterr);
/* All links; the caller frees. */
int netlink_list(Netlink *netlink, LinkState **ret, size_t *ret_n, Error *reterr);
/* All IPv4 addresses of all links; the caller frees. */
int netlink_list_addresses(Netlink *netlink, LinkAddress **ret, size_t *ret_n, Error *reterr);

int netlink_add(Netlink *netlink, const char *name, const char *kind, Error *reterr);
int netlink_delete(Netlink *netlink, int index, Error *reterr); /* gone already: 0 */
/* Whether a bridge keeps a table of multicast groups, which its ports' IGMP fills. */
int netlink_set_snooping(Netlink *netlink, int bridge, bool on, Error *reterr);
int netlink_set_alias(Netlink *netlink, int index, const char *alias, Error *reterr);
int netlink_set_master(Netlink *netlink, int index, int master, Error *reterr);
int netlink_set_up(Netlink *netlink, int index, Error *reterr);
/* An isolated bridge port talks only with ports that are not. Frames of the MACs that it is given find it,
 * and no others: from what comes in it learns none. (The bridge would, from an LLDP frame, before any rule
 * of nftables sees it: br_handle_frame() of the kernel.) */
int netlink_set_port(Netlink *netlink, int index, bool isolated, Error *reterr);
/* Gives a port a MAC, for as long as it is one, also if another has it. */
int netlink_add_fdb(Netlink *netlink, int index, const struct ether_addr *mac, Error *reterr);
/* The address may be there already. */
int netlink_add_address(Netlink *netlink, const LinkAddress *address, Error *reterr);
int netlink_delete_address(Netlink *netlink, const LinkAddress *address, Error *reterr);
/* What the host knows of who has an IPv4 address (host order) on this link; nothing: 0. */
int netlink_forget_neighbour(Netlink *netlink, int index, uint32_t address, Error *reterr);
