/* Links by libnl-route, rules by libnftables. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/bare.h"
#include "common/cleanup.h"

static struct nl_sock *connect_route(void) {
        struct nl_sock *sock = nl_socket_alloc();

        bench_check(sock ? nl_connect(sock, NETLINK_ROUTE) : -ENOMEM, "netlink");
        return sock;
}

static void write_text(const char *path, const char *text) {
        int fd = bench_check_errno(open(path, O_WRONLY | O_CLOEXEC), path);

        bench_check_errno((int) write(fd, text, strlen(text)), path);
        close(fd);
}

static void disable_ipv6(const char *name) {
        char path[96];

        (void) snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
        write_text(path, "1\n");
}

static void add_link(struct nl_sock *sock, const char *name, const char *kind, unsigned master) {
        struct rtnl_link *link = rtnl_link_alloc();

        rtnl_link_set_name(link, name);
        bench_check(rtnl_link_set_type(link, kind), kind);
        if (master)
                rtnl_link_set_master(link, (int) master);
        bench_check(rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL), name);
        rtnl_link_put(link);
}

/* Alias, master and state in one message, which the helper's order of steps does not allow. */
static void set_link(struct nl_sock *sock, unsigned index, const char *alias, unsigned master,
                     bool up) {
        struct rtnl_link *link = rtnl_link_alloc(), *change = rtnl_link_alloc();

        rtnl_link_set_ifindex(link, (int) index);
        if (alias)
                rtnl_link_set_ifalias(change, alias);
        if (master)
                rtnl_link_set_master(change, (int) master);
        if (up)
                rtnl_link_set_flags(change, IFF_UP);
        bench_check(rtnl_link_change(sock, link, change, 0), "change of a link");
        rtnl_link_put(link);
        rtnl_link_put(change);
}

static void delete_link(struct nl_sock *sock, const char *name) {
        struct rtnl_link *link = rtnl_link_alloc();

        rtnl_link_set_ifindex(link, (int) if_nametoindex(name));
        bench_check(rtnl_link_delete(sock, link), name);
        rtnl_link_put(link);
}

static void add_address(struct nl_sock *sock, unsigned index) {
        struct rtnl_addr *address = rtnl_addr_alloc();
        struct nl_addr *local = NULL;

        bench_check(nl_addr_parse("172.30.0.1/24", AF_INET, &local), "address");
        rtnl_addr_set_ifindex(address, (int) index);
        bench_check(rtnl_addr_set_local(address, local), "address");
        bench_check(rtnl_addr_add(sock, address, 0), "address");
        nl_addr_put(local);
        rtnl_addr_put(address);
}

static void run_rules(const char *text) {
        struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);

        (void) nft_ctx_buffer_output(context);
        if (nft_run_cmd_from_buffer(context, text) != 0)
                bench_fail("nftables", EIO);
        nft_ctx_free(context);
}

void bare_bridge_ensure(Bench *bench) {
        struct nl_sock *sock = connect_route();
        unsigned bridge, carrier;

        add_link(sock, BARE_BRIDGE, "bridge", 0);
        bridge = if_nametoindex(BARE_BRIDGE);
        set_link(sock, bridge, "banger", 0, false);
        disable_ipv6(BARE_BRIDGE);
        add_address(sock, bridge);
        add_link(sock, BARE_CARRIER, "dummy", bridge);
        carrier = if_nametoindex(BARE_CARRIER);
        disable_ipv6(BARE_CARRIER);
        set_link(sock, carrier, "banger", 0, true);
        set_link(sock, bridge, NULL, 0, true);
        nl_socket_free(sock);
        run_rules(bench->tables);
}

void bare_bridge_remove(_unused_ Bench *bench) {
        struct nl_sock *sock = connect_route();

        delete_link(sock, BARE_BRIDGE);
        delete_link(sock, BARE_CARRIER);
        nl_socket_free(sock);
}

void bare_tap_create(_unused_ Bench *bench) {
        struct nl_sock *sock = connect_route();
        struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
        char path[96], alias[32];
        VmNames names;
        int fd;

        vm_names(&bare_vm, &names);
        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", names.tap);
        fd = bench_check_errno(open("/dev/net/tun", O_RDWR | O_CLOEXEC), "/dev/net/tun");
        bench_check_errno(ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
        bench_check_errno(ioctl(fd, TUNSETOWNER, (unsigned long) vm_slot_uid(BARE_SLOT)), "owner");
        bench_check_errno(ioctl(fd, TUNSETPERSIST, 1UL), "TUNSETPERSIST");
        close(fd);
        disable_ipv6(names.tap);
        (void) snprintf(alias, sizeof(alias), "banger:%s", bare_vm.text);
        set_link(sock, if_nametoindex(names.tap), alias, if_nametoindex(BARE_BRIDGE), false);
        (void) snprintf(path, sizeof(path), "/sys/class/net/%s/brport/isolated", names.tap);
        write_text(path, "1\n");
        set_link(sock, if_nametoindex(names.tap), NULL, 0, true);
        nl_socket_free(sock);
}

void bare_tap_delete(_unused_ Bench *bench) {
        struct nl_sock *sock = connect_route();
        VmNames names;

        vm_names(&bare_vm, &names);
        delete_link(sock, names.tap);
        nl_socket_free(sock);
}

void bare_network_set(Bench *bench) {
        run_rules(bench->network);
        write_text("/proc/sys/net/ipv4/ip_forward", "1\n");
}

void bare_network_clear(_unused_ Bench *bench) {
        run_rules("delete table bridge banger\ndelete table ip banger\n");
        write_text("/proc/sys/net/ipv4/ip_forward", "0\n");
}

static void look(struct nl_object *object, void *userdata) {
        *(unsigned *) userdata += rtnl_link_get_flags((struct rtnl_link *) object);
}

void bare_inventory_links(void) {
        struct nl_sock *sock = connect_route();
        struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
        struct nl_cache *cache = NULL;
        unsigned sum = 0;

        bench_check(rtnl_link_alloc_cache(sock, AF_UNSPEC, &cache), "links");
        nl_cache_foreach(cache, look, &sum);
        nl_cache_free(cache);
        nl_socket_free(sock);
        (void) nft_ctx_buffer_output(context);
        nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_NUMERIC_ALL);
        if (nft_run_cmd_from_buffer(context, "list counters table bridge banger") != 0 ||
            nft_run_cmd_from_buffer(context, "list counters table ip banger") != 0)
                bench_fail("nftables", EIO);
        nft_ctx_free(context);
}
