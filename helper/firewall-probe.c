#include "helper/firewall-probe.h"

#include <errno.h>
#include <netinet/in.h> /* before the kernel's, which then leave its types alone */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/strings.h"

/* libnftnl's NFTNL_UDATA_TABLE_COMMENT: what nft makes of a table's comment. */
#define USERDATA_COMMENT 0

typedef struct Request {
        struct nlmsghdr header;
        struct nfgenmsg family;
        struct nlattr attribute;
        char name[(sizeof(FIREWALL_TABLE) + 3) / 4 * 4];
} Request;

static const uint8_t protocols[_FIREWALL_FAMILY_MAX] = {
        [FIREWALL_BRIDGE] = NFPROTO_BRIDGE,
        [FIREWALL_IP] = NFPROTO_IPV4,
};

/* NLMSG_ALIGN() and NLA_ALIGN(), without their int. */
static size_t aligned(size_t size) {
        return (size + 3) & ~(size_t) 3;
}

/* The first attribute of that type in size bytes; NULL when there is none. */
static const struct nlattr *find_attribute(const char *data, size_t size, unsigned type) {
        struct nlattr attribute;

        for (size_t at = 0; at + sizeof(attribute) <= size; at += aligned(attribute.nla_len)) {
                memcpy(&attribute, data + at, sizeof(attribute));
                if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > size - at)
                        return NULL;
                if ((attribute.nla_type & NLA_TYPE_MASK) == type)
                        return (const struct nlattr *) (const void *) (data + at);
        }
        return NULL;
}

/* Entries of a byte of type, a byte of length and the value, which is a text with its NUL. */
static const char *find_comment(const uint8_t *data, size_t size) {
        for (size_t at = 0; at + 2 <= size && data[at + 1] <= size - at - 2;
             at += 2U + data[at + 1]) {
                const char *text = (const char *) data + at + 2;
                size_t length = data[at + 1];

                if (data[at] == USERDATA_COMMENT)
                        return length > 0 && text[length - 1] == '\0' ? text : NULL;
        }
        return NULL;
}

static void read_comment(const char *attributes, size_t size, FirewallTable *table) {
        const struct nlattr *userdata = find_attribute(attributes, size, NFTA_TABLE_USERDATA);
        const char *comment = userdata ? find_comment((const uint8_t *) (userdata + 1),
                                                      userdata->nla_len - sizeof(*userdata))
                                       : NULL;

        table->present = true;
        if (comment)
                firewall_table_take_comment(table, comment);
}

/* A table, or the number of an error: ENOENT for none. */
static int read_reply(const char *reply, size_t size, FirewallTable *table) {
        const size_t head = aligned(sizeof(struct nlmsghdr)) + aligned(sizeof(struct nfgenmsg));
        struct nlmsghdr header;
        struct nlmsgerr error;

        if (size < sizeof(header))
                return -EBADMSG;
        memcpy(&header, reply, sizeof(header));
        if (header.nlmsg_type == NLMSG_ERROR && size >= sizeof(header) + sizeof(error)) {
                memcpy(&error, reply + sizeof(header), sizeof(error));
                return error.error == -ENOENT ? 0 : -EBADMSG;
        }
        if (header.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE) ||
            header.nlmsg_len > size || header.nlmsg_len < head)
                return -EBADMSG;
        read_comment(reply + head, header.nlmsg_len - head, table);
        return 0;
}

static int ask(int fd, uint8_t protocol, FirewallTable *table) {
        Request request = {
                .header = {.nlmsg_len = sizeof(request),
                           .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
                           .nlmsg_flags = NLM_F_REQUEST},
                .family = {.nfgen_family = protocol, .version = NFNETLINK_V0},
                .attribute = {.nla_len = sizeof(struct nlattr) + sizeof(FIREWALL_TABLE),
                              .nla_type = NFTA_TABLE_NAME},
                .name = FIREWALL_TABLE,
        };
        _Alignas(struct nlmsghdr) char reply[4096];
        ssize_t size;

        if (send(fd, &request, sizeof(request), 0) != (ssize_t) sizeof(request))
                return -EBADMSG;
        /* The kernel answers a single request before send(2) returns. */
        size = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
        return size > 0 ? read_reply(reply, (size_t) size, table) : -EBADMSG;
}

int firewall_probe(FirewallState *ret) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        FirewallState state = {};

        if (fd < 0 || connect(fd, (const struct sockaddr *) &kernel, sizeof(kernel)) < 0)
                return -ENODEV;
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++) {
                int r = ask(fd, protocols[i], &state.tables[i]);

                if (r < 0)
                        return r;
        }
        *ret = state;
        return 0;
}
