#include "guest/network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/strings.h"

#define LOOPBACK_INDEX 1 /* the first interface of every network namespace */
#define LOOK_AGAIN_NSEC 5000000

static void *message_begin(NetworkMessage *message, int type, int flags, size_t body_size) {
        struct nlmsghdr *header = (void *) message->bytes;

        *message = (NetworkMessage) {.size = NLMSG_SPACE(body_size)};
        header->nlmsg_len = (uint32_t) message->size;
        header->nlmsg_type = (uint16_t) type;
        header->nlmsg_flags = (uint16_t) (NLM_F_REQUEST | NLM_F_ACK | flags);
        return message->bytes + NLMSG_HDRLEN;
}

/* Every message here has room for its few attributes. */
static void message_add(NetworkMessage *message, int type, const void *value, size_t size) {
        struct nlmsghdr *header = (void *) message->bytes;
        const struct rtattr attribute = {
                .rta_len = (uint16_t) RTA_LENGTH(size),
                .rta_type = (uint16_t) type,
        };

        memcpy(message->bytes + message->size, &attribute, sizeof(attribute));
        memcpy(message->bytes + message->size + RTA_LENGTH(0), value, size);
        message->size += RTA_SPACE(size);
        header->nlmsg_len = (uint32_t) message->size;
}

void network_link_up(NetworkMessage *ret, unsigned index) {
        struct ifinfomsg *body = message_begin(ret, RTM_NEWLINK, 0, sizeof(*body));

        body->ifi_family = AF_UNSPEC;
        body->ifi_index = (int) index;
        body->ifi_flags = IFF_UP;
        body->ifi_change = IFF_UP;
}

int network_address(NetworkMessage *ret, unsigned index, const char *address, unsigned prefix) {
        struct ifaddrmsg *body;
        struct in_addr parsed, broadcast;
        uint32_t hosts;

        if (prefix > 32 || inet_pton(AF_INET, address, &parsed) != 1)
                return -EINVAL;
        body = message_begin(ret, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));
        body->ifa_family = AF_INET;
        body->ifa_prefixlen = (uint8_t) prefix;
        body->ifa_index = index;
        message_add(ret, IFA_LOCAL, &parsed, sizeof(parsed));
        message_add(ret, IFA_ADDRESS, &parsed, sizeof(parsed));
        /* RFC 3021: a network of one or two hosts has no broadcast address. */
        if (prefix < 31) {
                hosts = UINT32_MAX >> prefix;
                broadcast.s_addr = parsed.s_addr | htonl(hosts);
                message_add(ret, IFA_BROADCAST, &broadcast, sizeof(broadcast));
        }
        return 0;
}

int network_default_route(NetworkMessage *ret, unsigned index, const char *gateway) {
        struct rtmsg *body;
        struct in_addr parsed;

        if (inet_pton(AF_INET, gateway, &parsed) != 1)
                return -EINVAL;
        body = message_begin(ret, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));
        body->rtm_family = AF_INET;
        body->rtm_table = RT_TABLE_MAIN;
        body->rtm_protocol = RTPROT_STATIC;
        body->rtm_scope = RT_SCOPE_UNIVERSE;
        body->rtm_type = RTN_UNICAST;
        message_add(ret, RTA_GATEWAY, &parsed, sizeof(parsed));
        message_add(ret, RTA_OIF, &index, sizeof(index));
        return 0;
}

/* The kernel answers at once, in the same system call. */
static int transact(int fd, const NetworkMessage *message) {
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        _Alignas(8) uint8_t bytes[1024];
        const struct nlmsghdr *header = (const void *) bytes;
        struct nlmsgerr answer;
        ssize_t n;

        if (sendto(fd, message->bytes, message->size, 0, (const struct sockaddr *) &kernel,
                   sizeof(kernel)) < 0)
                return -errno;
        n = recv(fd, bytes, sizeof(bytes), 0);
        if (n < 0)
                return -errno;
        if ((size_t) n < NLMSG_LENGTH(sizeof(answer)) || header->nlmsg_type != NLMSG_ERROR)
                return -EPROTO;
        memcpy(&answer, bytes + NLMSG_HDRLEN, sizeof(answer));
        return answer.error;
}

static bool has_mac(int directory, const char *name, const char *mac) {
        _cleanup_free_ char *path = string_format("%s/address", name);
        _cleanup_free_ char *text = NULL;

        if (!path || io_read_file(directory, path, 64, &text, NULL) < 0)
                return false;
        text[strcspn(text, "\n")] = '\0';
        return string_equal(text, mac);
}

static int read_index(int directory, const char *name, unsigned *ret) {
        _cleanup_free_ char *path = string_format("%s/ifindex", name);
        _cleanup_free_ char *text = NULL;
        uint64_t index;
        int r;

        if (!path)
                return -ENOMEM;
        r = io_read_file(directory, path, 64, &text, NULL);
        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = '\0';
        r = string_parse_u64(text, INT32_MAX, &index);
        if (r < 0)
                return r;
        *ret = (unsigned) index;
        return 0;
}

int network_find(const char *directory, const char *mac, unsigned *ret_index) {
        DIR *stream = opendir(directory);
        const struct dirent *entry;
        int r = -ENODEV;

        if (!stream)
                return -errno;
        while (r == -ENODEV && (entry = readdir(stream)))
                if (entry->d_name[0] != '.' && has_mac(dirfd(stream), entry->d_name, mac))
                        r = read_index(dirfd(stream), entry->d_name, ret_index);
        (void) closedir(stream);
        return r;
}

static int wait_for_interface(const char *mac, uint64_t deadline_usec, unsigned *ret_index) {
        const struct timespec pause_time = {.tv_nsec = LOOK_AGAIN_NSEC};
        int r;

        while ((r = network_find("/sys/class/net", mac, ret_index)) == -ENODEV) {
                if (clock_monotonic_usec() >= deadline_usec)
                        break;
                (void) nanosleep(&pause_time, NULL);
        }
        return r;
}

static int configure_interface(int fd, const GuestConfig *config, unsigned index, Error *reterr) {
        NetworkMessage message;
        int r;

        network_link_up(&message, index);
        r = transact(fd, &message);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot bring up the interface");
        r = network_address(&message, index, config->address, (unsigned) config->prefix);
        if (r >= 0)
                r = transact(fd, &message);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot set the address %s", config->address);
        if (!config->gateway)
                return 0;
        r = network_default_route(&message, index, config->gateway);
        if (r >= 0)
                r = transact(fd, &message);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot set the gateway %s", config->gateway);
        return 0;
}

int network_configure(const GuestConfig *config, uint64_t deadline_usec, Error *reterr) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        NetworkMessage message;
        unsigned index = 0;
        int r;

        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot talk to the kernel's network");
        network_link_up(&message, LOOPBACK_INDEX);
        r = transact(fd, &message);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot bring up lo");
        if (!config->address || !config->mac)
                return 0;
        r = wait_for_interface(config->mac, deadline_usec, &index);
        if (r < 0)
                return error_set_errno(reterr, -r, "no interface has the address %s", config->mac);
        return configure_interface(fd, config, index, reterr);
}
