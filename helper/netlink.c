#include "helper/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdarg.h>
#include <string.h>

#include "common/strings.h"

/* How often a listing that changes interrupted is begun anew. */
#define LIST_ATTEMPTS 50

struct Netlink {
        struct nl_sock *socket;
};

/* What a dump collects. */
typedef struct Collected {
        void *items;
        size_t n_items;
        int r;
} Collected;

static void message_cleanup(struct nl_msg **message) {
        nlmsg_free(*message); /* takes NULL */
}

/* libnl maps the kernel's errno to numbers of its own, several to one: back to the nearest. */
static int errno_of(int nl_error) {
        static const struct {
                int nl, number;
        } known[] = {
                {NLE_NOMEM, ENOMEM},
                {NLE_NODEV, ENODEV},
                {NLE_OBJ_NOTFOUND, ENODEV},
                {NLE_EXIST, EEXIST},
                {NLE_PERM, EPERM},
                {NLE_BUSY, EBUSY},
                {NLE_NOADDR, EADDRNOTAVAIL},
                {NLE_OPNOTSUPP, EOPNOTSUPP},
                {NLE_INVAL, EINVAL},
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (nl_error == -known[i].nl)
                        return known[i].number;
        return EIO;
}

/* -ENODEV and the like stay apart by the errno; the text is libnl's. */
_printf_(3, 4) static int failed(Error *reterr, int nl_error, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        int errnum = errno_of(nl_error);
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&what, format, arguments);
        va_end(arguments);
        if (n < 0) {
                what = NULL;
                return error_set_errno(reterr, ENOMEM, "cannot change the network");
        }
        return error_set(reterr, error_kind_from_errno(errnum), errnum, "%s: %s", what,
                         nl_geterror(nl_error));
}

int netlink_open(Netlink **ret, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = calloc(1, sizeof(*netlink));
        int r;

        if (netlink)
                netlink->socket = nl_socket_alloc();
        if (!netlink || !netlink->socket)
                return error_set_errno(reterr, ENOMEM, "cannot make a netlink socket");
        r = nl_connect(netlink->socket, NETLINK_ROUTE);
        if (r < 0)
                return failed(reterr, r, "cannot connect to netlink");
        *ret = steal_ptr(netlink);
        return 0;
}

Netlink *netlink_close(Netlink *netlink) {
        if (netlink)
                nl_socket_free(netlink->socket);
        free(netlink);
        return NULL;
}

/* Room for one more item, zeroed; NULL ends the dump with -ENOMEM. */
static void *collect(Collected *collected, size_t size) {
        void *items = reallocarray(collected->items, collected->n_items + 1, size);
        char *item;

        if (!items) {
                collected->r = -ENOMEM;
                return NULL;
        }
        collected->items = items;
        item = (char *) items + collected->n_items++ * size;
        memset(item, 0, size);
        return item;
}

static void copy_text(char *to, size_t size, const struct nlattr *attribute) {
        if (attribute)
                (void) nla_strlcpy(to, attribute, size);
}

static void read_tun(LinkState *state, struct nlattr *data) {
        struct nlattr *attributes[IFLA_TUN_MAX + 1];

        state->owner = (uid_t) -1;
        if (!data || nla_parse_nested(attributes, IFLA_TUN_MAX, data, NULL) < 0)
                return;
        if (attributes[IFLA_TUN_OWNER])
                state->owner = nla_get_u32(attributes[IFLA_TUN_OWNER]);
        if (attributes[IFLA_TUN_TYPE])
                state->tap = nla_get_u8(attributes[IFLA_TUN_TYPE]) == IFF_TAP;
        if (attributes[IFLA_TUN_PERSIST])
                state->persistent = nla_get_u8(attributes[IFLA_TUN_PERSIST]) != 0;
}

static void read_kind(LinkState *state, struct nlattr *link_info) {
        struct nlattr *attributes[IFLA_INFO_MAX + 1];

        if (!link_info || nla_parse_nested(attributes, IFLA_INFO_MAX, link_info, NULL) < 0)
                return;
        copy_text(state->kind, sizeof(state->kind), attributes[IFLA_INFO_KIND]);
        if (string_equal(state->kind, "tun"))
                read_tun(state, attributes[IFLA_INFO_DATA]);
}

static int collect_link(struct nl_msg *message, void *userdata) {
        struct nlmsghdr *header = nlmsg_hdr(message);
        const struct ifinfomsg *info = nlmsg_data(header);
        struct nlattr *attributes[IFLA_MAX + 1];
        LinkState *state;

        if (header->nlmsg_type != RTM_NEWLINK ||
            nlmsg_parse(header, sizeof(*info), attributes, IFLA_MAX, NULL) < 0)
                return NL_SKIP;
        state = collect(userdata, sizeof(*state));
        if (!state)
                return NL_STOP;
        state->index = info->ifi_index;
        state->up = info->ifi_flags & IFF_UP;
        copy_text(state->name, sizeof(state->name), attributes[IFLA_IFNAME]);
        copy_text(state->alias, sizeof(state->alias), attributes[IFLA_IFALIAS]);
        if (attributes[IFLA_OPERSTATE])
                (void) rtnl_link_operstate2str(nla_get_u8(attributes[IFLA_OPERSTATE]), state->state,
                                               sizeof(state->state));
        if (attributes[IFLA_MASTER])
                state->master = (int) nla_get_u32(attributes[IFLA_MASTER]);
        read_kind(state, attributes[IFLA_LINKINFO]);
        return NL_OK;
}

static int collect_address(struct nl_msg *message, void *userdata) {
        struct nlmsghdr *header = nlmsg_hdr(message);
        const struct ifaddrmsg *info = nlmsg_data(header);
        struct nlattr *attributes[IFA_MAX + 1];
        LinkAddress *address;

        if (header->nlmsg_type != RTM_NEWADDR || info->ifa_family != AF_INET ||
            nlmsg_parse(header, sizeof(*info), attributes, IFA_MAX, NULL) < 0 ||
            !attributes[IFA_LOCAL])
                return NL_SKIP;
        address = collect(userdata, sizeof(*address));
        if (!address)
                return NL_STOP;
        *address = (LinkAddress) {
                .index = (int) info->ifa_index,
                .address = ntohl(nla_get_u32(attributes[IFA_LOCAL])),
                .prefix = info->ifa_prefixlen,
        };
        return NL_OK;
}

/* A request with its fixed header; NULL without memory. */
static struct nl_msg *request_new(int type, int flags, void *header, size_t size) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

        if (!message || nlmsg_append(message, header, size, NLMSG_ALIGNTO) < 0)
                return NULL;
        return steal_ptr(message);
}

static struct nl_msg *link_request(int type, int flags, struct ifinfomsg info) {
        return request_new(type, flags, &info, sizeof(info));
}

/* Sends a request for data and gives each answer to `take`. */
static int query(Netlink *netlink, struct nl_msg *message,
                 int (*take)(struct nl_msg *message, void *userdata), Collected *collected) {
        bool dump = (nlmsg_hdr(message)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
        int r = callbacks ? 0 : -NLE_NOMEM;

        if (r >= 0)
                r = nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, take, collected);
        if (r >= 0)
                r = nl_send_auto(netlink->socket, message);
        if (r >= 0)
                r = nl_recvmsgs(netlink->socket, callbacks);
        nl_cb_put(callbacks);
        /* A dump ends by itself; after a single answer comes the acknowledgement that libnl asks
         * for, which the next request must not meet. */
        if (r >= 0 && !dump)
                r = nl_wait_for_ack(netlink->socket);
        return r >= 0 && collected->r < 0 ? -NLE_NOMEM : r;
}

int netlink_find(Netlink *netlink, const char *name, LinkState *ret, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                link_request(RTM_GETLINK, 0, (struct ifinfomsg) {});
        _cleanup_free_ void *items = NULL;
        Collected collected = {};
        int r = -NLE_NOMEM;

        if (message && nla_put_string(message, IFLA_IFNAME, name) >= 0)
                r = query(netlink, message, collect_link, &collected);
        items = collected.items;
        if (r >= 0 && collected.n_items == 0)
                r = -NLE_NODEV;
        if (r < 0 && errno_of(r) == ENODEV)
                return -ENODEV;
        if (r < 0)
                return failed(reterr, r, "cannot ask about the link %s", name);
        *ret = *(const LinkState *) items;
        return 0;
}

static int list(Netlink *netlink, struct nl_msg *request, int (*take)(struct nl_msg *, void *),
                Collected *ret, Error *reterr) {
        int r = -NLE_NOMEM;

        for (int attempt = 0; request && attempt < LIST_ATTEMPTS; attempt++) {
                Collected collected = {};

                nlmsg_hdr(request)->nlmsg_seq = NL_AUTO_SEQ;
                r = query(netlink, request, take, &collected);
                if (r >= 0) {
                        *ret = collected;
                        return 0;
                }
                free(collected.items);
                /* A link came or went meanwhile: some may be missing. */
                if (r != -NLE_DUMP_INTR)
                        break;
        }
        return failed(reterr, r, "cannot read the network's state");
}

int netlink_list(Netlink *netlink, LinkState **ret, size_t *ret_n, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                link_request(RTM_GETLINK, NLM_F_DUMP, (struct ifinfomsg) {});
        Collected collected = {};
        int r = list(netlink, message, collect_link, &collected, reterr);

        if (r < 0)
                return r;
        *ret = collected.items;
        *ret_n = collected.n_items;
        return 0;
}

int netlink_list_addresses(Netlink *netlink, LinkAddress **ret, size_t *ret_n, Error *reterr) {
        struct ifaddrmsg info = {.ifa_family = AF_INET};
        _cleanup_(message_cleanup) struct nl_msg *message =
                request_new(RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
        Collected collected = {};
        int r = list(netlink, message, collect_address, &collected, reterr);

        if (r < 0)
                return r;
        *ret = collected.items;
        *ret_n = collected.n_items;
        return 0;
}

/* Sends a change and waits for its acknowledgement; `filled` is how its making went. */
static int change(Netlink *netlink, struct nl_msg **message, int filled) {
        if (!*message || filled < 0)
                return -NLE_NOMEM;
        return nl_send_sync(netlink->socket, steal_ptr(*message)); /* frees it */
}

int netlink_add(Netlink *netlink, const char *name, const char *kind, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, (struct ifinfomsg) {});
        struct nlattr *info;
        int r = -1;

        if (message && nla_put_string(message, IFLA_IFNAME, name) >= 0 &&
            (info = nla_nest_start(message, IFLA_LINKINFO)) &&
            nla_put_string(message, IFLA_INFO_KIND, kind) >= 0)
                r = nla_nest_end(message, info);
        r = change(netlink, &message, r);
        return r < 0 ? failed(reterr, r, "cannot make the %s %s", kind, name) : 0;
}

int netlink_set_snooping(Netlink *netlink, int bridge, bool on, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                link_request(RTM_NEWLINK, 0, (struct ifinfomsg) {.ifi_index = bridge});
        struct nlattr *info, *data;
        int r = -1;

        if (message && (info = nla_nest_start(message, IFLA_LINKINFO)) &&
            nla_put_string(message, IFLA_INFO_KIND, "bridge") >= 0 &&
            (data = nla_nest_start(message, IFLA_INFO_DATA)) &&
            nla_put_u8(message, IFLA_BR_MCAST_SNOOPING, on) >= 0 && nla_nest_end(message, data) >= 0)
                r = nla_nest_end(message, info);
        r = change(netlink, &message, r);
        return r < 0 ? failed(reterr, r, "cannot set how it treats groups") : 0;
}

int netlink_delete(Netlink *netlink, int index, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                link_request(RTM_DELLINK, 0, (struct ifinfomsg) {.ifi_index = index});
        int r = change(netlink, &message, 0);

        if (r < 0 && errno_of(r) == ENODEV)
                return 0;
        return r < 0 ? failed(reterr, r, "cannot remove the link") : 0;
}

int netlink_set_alias(Netlink *netlink, int index, const char *alias, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                link_request(RTM_NEWLINK, 0, (struct ifinfomsg) {.ifi_index = index});
        int r = message ? nla_put_string(message, IFLA_IFALIAS, alias) : -1;

        r = change(netlink, &message, r);
        return r < 0 ? failed(reterr, r, "cannot set the link's alias") : 0;
}

int netlink_set_master(Netlink *netlink, int index, int master, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message =
                link_request(RTM_NEWLINK, 0, (struct ifinfomsg) {.ifi_index = index});
        int r = message ? nla_put_u32(message, IFLA_MASTER, (uint32_t) master) : -1;

        r = change(netlink, &message, r);
        return r < 0 ? failed(reterr, r, "cannot make it a port of the bridge") : 0;
}

int netlink_set_up(Netlink *netlink, int index, Error *reterr) {
        _cleanup_(message_cleanup) struct nl_msg *message = link_request(
                RTM_NEWLINK, 0,
                (struct ifinfomsg) {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP});
        int r = change(netlink, &message, 0);

        return r < 0 ? failed(reterr, r, "cannot bring the link up") : 0;
}

int netlink_set_port(Netlink *netlink, int index, bool isolated, Error *reterr) {
        /* libnl 3.7 has no name for the first of these flags of a port. */
        _cleanup_(message_cleanup) struct nl_msg *message = link_request(
                RTM_SETLINK, 0, (struct ifinfomsg) {.ifi_family = AF_BRIDGE, .ifi_index = index});
        struct nlattr *port;
        int r = -1;

        if (message && (port = nla_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED)) &&
            nla_put_u8(message, IFLA_BRPORT_ISOLATED, isolated) >= 0 &&
            nla_put_u8(message, IFLA_BRPORT_LEARNING, 0) >= 0 &&
            nla_put_u8(message, IFLA_BRPORT_UNICAST_FLOOD, 0) >= 0)
                r = nla_nest_end(message, port);
        r = change(netlink, &message, r);
        return r < 0 ? failed(reterr, r, "cannot set up the bridge's port") : 0;
}

int netlink_add_fdb(Netlink *netlink, int index, const struct ether_addr *mac, Error *reterr) {
        struct ndmsg info = {
                .ndm_family = AF_BRIDGE,
                .ndm_ifindex = index,
                .ndm_state = NUD_NOARP, /* not forgotten */
                /* Not moved by what comes in at a port that learns, either. */
                .ndm_flags = NTF_MASTER | NTF_STICKY,
        };
        _cleanup_(message_cleanup) struct nl_msg *message =
                request_new(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
        int r = message ? nla_put(message, NDA_LLADDR, sizeof(*mac), mac) : -1;

        r = change(netlink, &message, r);
        return r < 0 ? failed(reterr, r, "cannot tell the bridge whose port it is") : 0;
}

static int change_address(Netlink *netlink, int type, int flags, const LinkAddress *address) {
        struct ifaddrmsg info = {
                .ifa_family = AF_INET,
                .ifa_prefixlen = (uint8_t) address->prefix,
                .ifa_index = (unsigned) address->index,
        };
        _cleanup_(message_cleanup) struct nl_msg *message =
                request_new(type, flags, &info, sizeof(info));
        uint32_t hosts = (uint32_t) ((uint64_t) UINT32_MAX >> address->prefix);
        int r = -1;

        if (message && nla_put_u32(message, IFA_LOCAL, htonl(address->address)) >= 0 &&
            nla_put_u32(message, IFA_ADDRESS, htonl(address->address)) >= 0)
                r = nla_put_u32(message, IFA_BROADCAST, htonl(address->address | hosts));
        return change(netlink, &message, r);
}

int netlink_add_address(Netlink *netlink, const LinkAddress *address, Error *reterr) {
        int r = change_address(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, address);

        return r < 0 ? failed(reterr, r, "cannot set the bridge's address") : 0;
}

int netlink_delete_address(Netlink *netlink, const LinkAddress *address, Error *reterr) {
        int r = change_address(netlink, RTM_DELADDR, 0, address);

        if (r < 0 && errno_of(r) == EADDRNOTAVAIL)
                return 0;
        return r < 0 ? failed(reterr, r, "cannot remove an old address of the bridge") : 0;
}

int netlink_forget_neighbour(Netlink *netlink, int index, uint32_t address, Error *reterr) {
        struct ndmsg info = {.ndm_family = AF_INET, .ndm_ifindex = index};
        _cleanup_(message_cleanup) struct nl_msg *message =
                request_new(RTM_DELNEIGH, 0, &info, sizeof(info));
        int r = message ? nla_put_u32(message, NDA_DST, htonl(address)) : -1;

        r = change(netlink, &message, r);
        if (r == -NLE_OBJ_NOTFOUND)
                return 0;
        return r < 0 ? failed(reterr, r, "cannot forget who had the address before") : 0;
}
