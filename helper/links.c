#include <errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <string.h>

#include "common/strings.h"
#include "helper/links.h"

static void socket_cleanup(struct nl_sock **socket) {
        nl_socket_free(*socket); /* takes NULL */
}

static void cache_cleanup(struct nl_cache **cache) {
        nl_cache_free(*cache); /* takes NULL */
}

/* libnl has error numbers of its own; their text is what helps. */
static int links_error(Error *reterr, int nl_error, const char *what) {
        if (nl_error == -NLE_NOMEM)
                return error_set_errno(reterr, ENOMEM, "%s", what);
        return error_set(reterr, ERROR_FAILED, EIO, "%s: %s", what, nl_geterror(nl_error));
}

/* A tap is known by its name from the moment it exists, and by its alias if somebody renamed it. */
static bool link_vm(const char *name, const char *alias, VmId *ret) {
        const char *id = alias ? string_after_prefix(alias, "banger:") : NULL;

        return vm_id_from_tap(name, ret) || (id && vm_id_parse(id, ret) >= 0);
}

/* A link of that name which is of another type was made by somebody else. */
static bool link_shared(const Host *host, const char *name, const char *type) {
        return (string_equal(name, host->paths->bridge) && string_equal(type, "bridge")) ||
               (string_equal(name, host->paths->carrier) &&
                string_equal(type, host->paths->carrier_kind));
}

static int link_add(const Host *host, struct rtnl_link *link, Inventory *inventory) {
        _cleanup_free_ char *detail = NULL;
        const char *name = rtnl_link_get_name(link), *type = rtnl_link_get_type(link);
        char state[32];
        VmId vm;
        bool has_vm;

        if (!name)
                return 0;
        has_vm = link_vm(name, rtnl_link_get_ifalias(link), &vm);
        if (!has_vm && !link_shared(host, name, type))
                return 0;
        rtnl_link_operstate2str(rtnl_link_get_operstate(link), state, sizeof(state));
        detail = string_format("%s, %s", type ? type : "unknown type", state);
        if (!detail)
                return -ENOMEM;
        return inventory_add(inventory, INVENTORY_LINK, name, has_vm ? &vm : NULL, detail);
}

int links_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_(socket_cleanup) struct nl_sock *socket = nl_socket_alloc();
        _cleanup_(cache_cleanup) struct nl_cache *cache = NULL;
        int r;

        if (!socket)
                return error_set_errno(reterr, ENOMEM, "cannot make a netlink socket");
        r = nl_connect(socket, NETLINK_ROUTE);
        if (r < 0)
                return links_error(reterr, r, "cannot connect to netlink");
        r = rtnl_link_alloc_cache(socket, AF_UNSPEC, &cache);
        if (r < 0)
                return links_error(reterr, r, "cannot read the links");
        for (struct nl_object *object = nl_cache_get_first(cache); object;
             object = nl_cache_get_next(object)) {
                /* A link cache holds links: this is libnl's own way of downcasting. */
                r = link_add(host, (struct rtnl_link *) object, inventory);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot note a link");
        }
        return 0;
}
