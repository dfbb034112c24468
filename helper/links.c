#include "helper/links.h"

#include <errno.h>

#include "common/strings.h"
#include "helper/netlink.h"

/* A tap is known by its name from the moment it exists, and by its alias if somebody renamed it. */
static bool link_vm(const LinkState *link, VmId *ret) {
        const char *id = string_after_prefix(link->alias, "banger:");

        return vm_id_from_tap(link->name, ret) || (id && vm_id_parse(id, ret) >= 0);
}

/* A link of that name which is of another kind was made by somebody else. */
static bool link_shared(const Host *host, const LinkState *link) {
        return (string_equal(link->name, host->paths->bridge) &&
                string_equal(link->kind, "bridge")) ||
               (string_equal(link->name, host->paths->carrier) &&
                string_equal(link->kind, host->paths->carrier_kind));
}

static int link_add(const Host *host, const LinkState *link, Inventory *inventory) {
        _cleanup_free_ char *detail = NULL;
        VmId vm;
        bool has_vm = link_vm(link, &vm);

        if (!has_vm && !link_shared(host, link))
                return 0;
        detail = string_format("%s, %s", link->kind[0] ? link->kind : "unknown type", link->state);
        if (!detail)
                return -ENOMEM;
        return inventory_add(inventory, INVENTORY_LINK, link->name, has_vm ? &vm : NULL, detail);
}

int links_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        _cleanup_free_ LinkState *links = NULL;
        size_t n_links = 0;
        int r;

        r = netlink_open(&netlink, reterr);
        if (r >= 0)
                r = netlink_list(netlink, &links, &n_links, reterr);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_links; i++) {
                r = link_add(host, &links[i], inventory);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot note a link");
        }
        return 0;
}
