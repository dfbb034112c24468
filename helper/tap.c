/* Taps: made with the VM's uid as owner, so that its VMM can open them without a capability. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/strings.h"
#include "helper/link-ipv6.h"
#include "helper/netlink.h"
#include "helper/network.h"

/* It lasts when the descriptor closes. Half-made it does not. */
static int make_tap(const Host *host, const char *name, uid_t owner, Error *reterr) {
        struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
        _cleanup_close_ int fd = host_open_kernel(host->dev_fd, "net/tun", O_RDWR);
        int r;

        if (fd < 0) {
                r = error_set(reterr, ERROR_UNAVAILABLE, -fd, "cannot open /dev/net/tun: %s",
                              strerrordesc_np(-fd));
                return error_set_hint(reterr, r, "is the kernel's module \"tun\" there?");
        }
        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        if (ioctl(fd, TUNSETIFF, &request) < 0)
                return error_set_errno(reterr, errno, "cannot make it");
        if (ioctl(fd, TUNSETOWNER, (unsigned long) owner) < 0)
                return error_set_errno(reterr, errno, "cannot give it to uid %u", owner);
        if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
                return error_set_errno(reterr, errno, "cannot make it last");
        return 0;
}

/* A tap of our name with another owner is from an earlier start in another slot, one of another
 * type nobody's that we know: both are in the way. */
static int ensure_made(Netlink *netlink, const Host *host, const char *name, uid_t owner,
                       LinkState *ret, Error *reterr) {
        LinkState link = {};
        int r;

        r = netlink_find(netlink, name, &link, reterr);
        if (r >= 0 && !(link.tap && link.persistent && link.owner == owner)) {
                r = netlink_delete(netlink, link.index, reterr);
                if (r < 0)
                        return r;
                r = -ENODEV;
        }
        if (r == -ENODEV) {
                r = make_tap(host, name, owner, reterr);
                if (r < 0)
                        return r;
                r = netlink_find(netlink, name, &link, reterr);
                if (r == -ENODEV)
                        return error_set(reterr, ERROR_FAILED, ENODEV, "it went away at once");
        }
        if (r < 0)
                return r;
        *ret = link;
        return 0;
}

/* Isolated before it is up, unless that is not wanted: not one frame reaches another guest. */
static int set_tap_up(Netlink *netlink, const Host *host, const char *alias,
                      const struct ether_addr *mac, int bridge, const LinkState *tap, bool isolated,
                      Error *reterr) {
        int r = 0;

        if (!string_equal(tap->alias, alias))
                r = netlink_set_alias(netlink, tap->index, alias, reterr);
        if (r >= 0)
                r = link_disable_ipv6(host, tap->name, reterr);
        if (r >= 0 && tap->master != bridge)
                r = netlink_set_master(netlink, tap->index, bridge, reterr);
        if (r >= 0)
                r = netlink_set_port(netlink, tap->index, isolated, reterr);
        if (r >= 0)
                r = netlink_add_fdb(netlink, tap->index, mac, reterr);
        if (r >= 0 && !tap->up)
                r = netlink_set_up(netlink, tap->index, reterr);
        return r;
}

static int find_bridge(Netlink *netlink, const Host *host, LinkState *ret, Error *reterr) {
        int r = netlink_find(netlink, host->paths->bridge, ret, reterr);

        if (r != -ENODEV && (r < 0 || string_equal(ret->kind, "bridge")))
                return r;
        return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "there is no bridge %s",
                         host->paths->bridge);
}

/* A slot is one VM's: with its uid another VM's VMM could open this tap and enter this jail. */
static int refuse_taken(Netlink *netlink, const char *name, const char *alias, uid_t owner,
                        Error *reterr) {
        _cleanup_free_ LinkState *links = NULL;
        size_t n_links = 0;
        int r;

        r = netlink_list(netlink, &links, &n_links, reterr);
        for (size_t i = 0; r >= 0 && i < n_links; i++)
                if (links[i].tap && links[i].owner == owner && !string_equal(links[i].name, name) &&
                    !string_equal(links[i].alias, alias))
                        r = error_set(reterr, ERROR_BUSY, EBUSY,
                                      "its slot is taken by the tap %s", links[i].name);
        return r;
}

int tap_ensure(const Host *host, const VmId *vm, uid_t owner, bool isolated, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        char alias[sizeof("banger:") + VM_ID_LENGTH];
        LinkState bridge = {}, tap = {};
        VmNames names;
        int r;

        vm_names(vm, &names);
        (void) snprintf(alias, sizeof(alias), "banger:%s", vm->text);
        r = netlink_open(&netlink, reterr);
        if (r >= 0)
                r = find_bridge(netlink, host, &bridge, reterr);
        if (r >= 0)
                r = refuse_taken(netlink, names.tap, alias, owner, reterr);
        if (r >= 0)
                r = ensure_made(netlink, host, names.tap, owner, &tap, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot make the tap %s", names.tap);
        r = set_tap_up(netlink, host, alias, &names.mac, bridge.index, &tap, isolated, reterr);
        if (r < 0) {
                _cleanup_error_ Error more = ERROR_INIT;

                r = error_join(reterr, r, &more, netlink_delete(netlink, tap.index, &more));
        }
        return error_prepend(reterr, r, "cannot set the tap %s up", names.tap);
}

/* By its name, and by its alias if somebody renamed it. */
int tap_remove(const VmId *vm, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        char alias[sizeof("banger:") + VM_ID_LENGTH];
        _cleanup_free_ LinkState *links = NULL;
        size_t n_links = 0;
        VmNames names;
        int r;

        vm_names(vm, &names);
        (void) snprintf(alias, sizeof(alias), "banger:%s", vm->text);
        r = netlink_open(&netlink, reterr);
        if (r >= 0)
                r = netlink_list(netlink, &links, &n_links, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot look for the tap %s", names.tap);
        for (size_t i = 0; i < n_links; i++) {
                _cleanup_error_ Error more = ERROR_INIT;
                int more_r;

                if (!string_equal(links[i].name, names.tap) &&
                    !string_equal(links[i].alias, alias))
                        continue;
                more_r = netlink_delete(netlink, links[i].index, &more);
                more_r = error_prepend(&more, more_r, "cannot remove %s", links[i].name);
                r = error_join(reterr, r, &more, more_r);
        }
        return r;
}

int tap_forget_address(const Host *host, uint32_t address, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        LinkState bridge = {};
        int r;

        r = netlink_open(&netlink, reterr);
        if (r >= 0)
                r = find_bridge(netlink, host, &bridge, reterr);
        return r < 0 ? r : netlink_forget_neighbour(netlink, bridge.index, address, reterr);
}
