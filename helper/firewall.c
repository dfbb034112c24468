#include "helper/firewall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/strings.h"
#include "helper/firewall-ports.h"
#include "helper/firewall-probe.h"
#include "helper/firewall-rules.h"
#include "helper/netlink.h"
#include "helper/nftables.h"
#include "helper/sysctl.h"

#define _cleanup_plan_ _cleanup_(firewall_plan_clear)
#define _cleanup_state_ _cleanup_(firewall_state_clear)
#define _cleanup_nftables_ _cleanup_(nftables_cleanup)

static int read_table(Nftables *nftables, const char *family, FirewallTable *table,
                      Error *reterr) {
        _cleanup_free_ char *what = string_format("table %s " FIREWALL_TABLE, family);
        _cleanup_free_ char *listing = NULL;
        int r;

        if (!what)
                return error_set_errno(reterr, ENOMEM, "cannot read a table");
        r = nftables_list(nftables, what, &listing, reterr);
        if (r < 0)
                return r;
        r = firewall_table_parse(listing, table);
        return r < 0 ? error_set_errno(reterr, -r, "cannot read a table") : 0;
}

static int read_state(Nftables *nftables, FirewallState *state, Error *reterr) {
        _cleanup_free_ char *listing = NULL;
        int r = nftables_list(nftables, "flowtables", &listing, reterr);

        if (r < 0)
                return r;
        firewall_state_find(listing, state);
        for (size_t i = 0; r >= 0 && i < _FIREWALL_FAMILY_MAX; i++)
                if (state->tables[i].present)
                        r = read_table(nftables, firewall_families[i], &state->tables[i], reterr);
        return r;
}

static int refuse_foreign(const FirewallState *state, Error *reterr) {
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++) {
                const FirewallTable *table = &state->tables[i];
                int r;

                if (!table->present || table->ours)
                        continue;
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                              "this host has a table %s " FIREWALL_TABLE " that is not banger's",
                              firewall_families[i]);
                return error_set_hint(reterr, r,
                                      "if nothing needs it, remove it: nft delete table %s "
                                      FIREWALL_TABLE, firewall_families[i]);
        }
        return 0;
}

/* ---- what the host routes ---- */

/* Bridges with addresses beside ours are of programs that route for containers or VMs of their own.
 * Who of us turned routing on cannot be told from its value. */
static int others_route(const char *bridge, bool *ret, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        _cleanup_free_ LinkAddress *addresses = NULL;
        _cleanup_free_ LinkState *links = NULL;
        size_t n_addresses = 0, n_links = 0;
        bool others = false;
        int r;

        r = netlink_open(&netlink, reterr);
        if (r >= 0)
                r = netlink_list(netlink, &links, &n_links, reterr);
        if (r >= 0)
                r = netlink_list_addresses(netlink, &addresses, &n_addresses, reterr);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_links; i++)
                for (size_t j = 0; j < n_addresses; j++)
                        others = others || (addresses[j].index == links[i].index && links[i].up &&
                                            string_equal(links[i].kind, "bridge") &&
                                            !string_equal(links[i].name, bridge));
        *ret = others;
        return 0;
}

/* Before the tables lose their note of it. A kill may have come between two of its steps. */
static int restore_forwarding(const Host *host, const char *bridge, const FirewallState *state,
                              Error *reterr) {
        const FirewallTable *table = &state->tables[FIREWALL_IP];
        bool on = false, others = false;
        int r;

        if (!table->routing_was_off)
                return 0;
        r = sysctl_get_forwarding(host, &on, reterr);
        if (r >= 0 && on)
                r = others_route(bridge, &others, reterr);
        return r < 0 || others ? r : sysctl_restore_routing(host, &table->routing, reterr);
}

/* ---- replacing ---- */

static bool all_tables(_unused_ const FirewallState *state, _unused_ size_t family) {
        return true;
}

static bool missing_tables(const FirewallState *state, size_t family) {
        return !state->tables[family].present;
}

/* One transaction for those of the tables that are chosen. */
static int write_tables(Nftables *nftables, const FirewallPlan *plan, const FirewallState *state,
                        const Routing *routing, bool (*choose)(const FirewallState *, size_t),
                        Error *reterr) {
        _cleanup_free_ char *commands = NULL;
        FILE *out;
        size_t size = 0;

        out = open_memstream(&commands, &size);
        if (!out)
                return error_set_errno(reterr, errno, "cannot write the tables");
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++)
                if (choose(state, i))
                        firewall_rules_write(out, (FirewallFamily) i, plan, &state->tables[i],
                                             i == FIREWALL_IP ? routing : NULL);
        if (ferror(out)) {
                (void) fclose(out);
                return error_set_errno(reterr, ENOMEM, "cannot write the tables");
        }
        if (fclose(out) != 0)
                return error_set_errno(reterr, ENOMEM, "cannot write the tables");
        return size == 0 ? 0 : nftables_run(nftables, commands, reterr);
}

/* What the tables are to remember of the host's routing, if they are to: it goes over from the
 * earlier ones. read is for what it is now, and for the caller to clear. */
static int find_routing(const Host *host, const FirewallState *state, bool on, Routing *read,
                        const Routing **ret, Error *reterr) {
        const FirewallTable *table = &state->tables[FIREWALL_IP];
        int r = 0;

        if (table->routing_was_off)
                *ret = &table->routing;
        else if (!on) {
                r = sysctl_read_routing(host, read, reterr);
                *ret = read;
        }
        return r;
}

/* What lets more through is turned on after the rules about it hold, and off before they go. */
static int replace(const Host *host, Nftables *nftables, const FirewallPlan *plan,
                   const FirewallState *state, Error *reterr) {
        bool routes = firewall_plan_routes(plan), loopback = firewall_plan_has_loopback(plan);
        _cleanup_(routing_clear) Routing read = {};
        const Routing *routing = NULL;
        bool on = false;
        int r = 0;

        if (!loopback)
                r = sysctl_set_route_localnet(host, plan->bridge, false, reterr);
        if (r >= 0 && !routes)
                r = restore_forwarding(host, plan->bridge, state, reterr);
        if (r >= 0 && routes)
                r = sysctl_get_forwarding(host, &on, reterr);
        if (r >= 0 && routes)
                r = find_routing(host, state, on, &read, &routing, reterr);
        if (r >= 0)
                r = write_tables(nftables, plan, state, routing, all_tables, reterr);
        if (r >= 0 && loopback)
                r = sysctl_set_route_localnet(host, plan->bridge, true, reterr);
        if (r >= 0 && routes && !on)
                r = sysctl_set_forwarding(host, true, reterr);
        return r;
}

/* Who is there and whose it is, without what is in them. */
static int read_tables(FirewallState *ret, Error *reterr) {
        _cleanup_nftables_ Nftables *nftables = NULL;
        int r;

        if (firewall_probe(ret) >= 0)
                return 0;
        r = nftables_open(&nftables, reterr);
        return r < 0 ? r : read_state(nftables, ret, reterr);
}

/* And what they remember of the host's routing, for which nft has to be asked. */
static int read_tables_to_drop(FirewallState *ret, Error *reterr) {
        _cleanup_nftables_ Nftables *nftables = NULL;
        int r = read_tables(ret, reterr);

        if (r < 0 || !ret->tables[FIREWALL_IP].routing_was_off)
                return r;
        firewall_state_clear(ret);
        r = nftables_open(&nftables, reterr);
        return r < 0 ? r : read_state(nftables, ret, reterr);
}

static int delete_tables(const char *commands, Error *reterr) {
        _cleanup_nftables_ Nftables *nftables = NULL;
        int r;

        if (commands[0] == '\0')
                return 0;
        r = nftables_open(&nftables, reterr);
        return r < 0 ? r : nftables_run(nftables, commands, reterr);
}

static int drop_tables(const Host *host, const char *bridge, Error *reterr) {
        _cleanup_state_ FirewallState state = {};
        char commands[128] = "";
        int r;

        r = read_tables_to_drop(&state, reterr);
        if (r >= 0)
                r = sysctl_set_route_localnet(host, bridge, false, reterr);
        if (r >= 0)
                r = restore_forwarding(host, bridge, &state, reterr);
        for (size_t i = 0; i < _FIREWALL_FAMILY_MAX; i++) {
                size_t length = strlen(commands);

                if (state.tables[i].present && state.tables[i].ours)
                        (void) snprintf(commands + length, sizeof(commands) - length,
                                        "delete table %s " FIREWALL_TABLE "\n",
                                        firewall_families[i]);
        }
        return r < 0 ? r : delete_tables(commands, reterr);
}

static int count_taps(size_t *ret, Error *reterr) {
        _cleanup_(netlink_cleanup) Netlink *netlink = NULL;
        _cleanup_free_ LinkState *links = NULL;
        size_t n_links = 0, n = 0;
        VmId vm;
        int r;

        r = netlink_open(&netlink, reterr);
        if (r >= 0)
                r = netlink_list(netlink, &links, &n_links, reterr);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_links; i++)
                n += vm_id_from_tap(links[i].name, &vm);
        *ret = n;
        return 0;
}

static int set_plan(const Host *host, FirewallPlan *plan, RootNetworkDone *done, Error *reterr) {
        _cleanup_nftables_ Nftables *nftables = NULL;
        _cleanup_state_ FirewallState state = {};
        size_t n_taps = 0;
        int r;

        if (plan->n_guests == 0) {
                r = count_taps(&n_taps, reterr);
                if (r < 0 || n_taps == 0)
                        return r < 0 ? r : drop_tables(host, plan->bridge, reterr);
        }
        r = nftables_open(&nftables, reterr);
        if (r >= 0)
                r = read_state(nftables, &state, reterr);
        if (r >= 0)
                r = refuse_foreign(&state, reterr);
        if (r >= 0)
                r = firewall_check_forwards(host, plan, &state.tables[FIREWALL_IP], done, reterr);
        return r < 0 ? r : replace(host, nftables, plan, &state, reterr);
}

int firewall_set(const Host *host, const Config *settings, const RootNetwork *network,
                 RootNetworkDone *ret, Error *reterr) {
        _cleanup_plan_ FirewallPlan plan = {};
        RootNetworkDone done = {.left_out = {.items = NULL}};
        int r;

        r = firewall_plan_make(network, settings, &plan, reterr);
        if (r >= 0)
                r = set_plan(host, &plan, &done, reterr);
        if (r < 0)
                schema_clear(&root_network_done_schema, &done);
        else
                *ret = done;
        return error_prepend(reterr, r, "cannot set the network of the guests");
}

static int make_missing(const FirewallState *state, const Config *settings, const Routing *routing,
                        Error *reterr) {
        const RootNetwork nobody = {};
        _cleanup_nftables_ Nftables *nftables = NULL;
        _cleanup_plan_ FirewallPlan plan = {};
        int r;

        r = refuse_foreign(state, reterr);
        if (r >= 0)
                r = firewall_plan_make(&nobody, settings, &plan, reterr);
        if (r >= 0)
                r = nftables_open(&nftables, reterr);
        return r < 0 ? r : write_tables(nftables, &plan, state, routing, missing_tables, reterr);
}

int firewall_ensure(const Config *settings, Error *reterr) {
        _cleanup_state_ FirewallState state = {};
        int r = read_tables(&state, reterr);

        if (r >= 0 && !firewall_state_is_whole(&state))
                r = make_missing(&state, settings, NULL, reterr);
        return error_prepend(reterr, r, "cannot set the tables of the guests' network up");
}

/* What lets more through is off before the tables are there, which a later call takes for the end. */
static int mend(const Host *host, const FirewallState *state, const Config *settings,
                const Routing *routing, Error *reterr) {
        bool on = false;
        int r;

        r = sysctl_set_route_localnet(host, settings->bridge, false, reterr);
        if (r >= 0)
                r = sysctl_get_forwarding(host, &on, reterr);
        return r < 0 ? r : make_missing(state, settings, on ? routing : NULL, reterr);
}

int firewall_mend(const Host *host, const Config *settings, const Routing *routing, Error *reterr) {
        _cleanup_state_ FirewallState state = {};
        size_t n_taps = 0;
        int r;

        r = read_tables(&state, reterr);
        if (r < 0 || firewall_state_is_whole(&state))
                return r;
        r = count_taps(&n_taps, reterr);
        if (r < 0 || n_taps == 0)
                return r;
        r = mend(host, &state, settings, routing, reterr);
        if (r >= 0)
                return 1;
        return error_prepend(reterr, r, "cannot set the tables of the guests' network up");
}

int firewall_remove(const Host *host, const Config *settings, Error *reterr) {
        int r = drop_tables(host, settings->bridge, reterr);

        return error_prepend(reterr, r, "cannot remove the tables of the guests' network");
}

/* ---- reading back ---- */

static int add_table(const char *family, const FirewallTable *table, Inventory *inventory) {
        _cleanup_free_ char *own = string_format("%s " FIREWALL_TABLE, family);
        int r = own ? inventory_add(inventory, INVENTORY_NFT, own, NULL, "table") : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < table->n_counters; i++) {
                const FirewallCounter *counter = &table->counters[i];
                _cleanup_free_ char *name = NULL, *detail = NULL;

                if (counter->vm.text[0] == '\0')
                        continue;
                name = string_format("%s %s", own, counter->name);
                detail = string_format("%" PRIu64 " packets, %" PRIu64 " bytes", counter->packets,
                                       counter->bytes);
                r = name && detail ?
                            inventory_add(inventory, INVENTORY_NFT, name, &counter->vm, detail) :
                            -ENOMEM;
        }
        if (r >= 0 && table->routing_was_off)
                r = inventory_add(inventory, INVENTORY_SYSCTL, "net.ipv4.ip_forward", NULL,
                                  "was 0, to be put back");
        return r;
}

int firewall_read(_unused_ const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_nftables_ Nftables *nftables = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_state_ FirewallState state = {};
        int r;

        r = nftables_open(&nftables, &error);
        if (r < 0 && error.kind == ERROR_UNAVAILABLE)
                return 0;
        if (r >= 0)
                r = read_state(nftables, &state, &error);
        if (r < 0) {
                if (reterr)
                        error_move(reterr, &error);
                return r;
        }
        for (size_t i = 0; r >= 0 && i < _FIREWALL_FAMILY_MAX; i++)
                if (state.tables[i].ours)
                        r = add_table(firewall_families[i], &state.tables[i], inventory);
        return r < 0 ? error_set_errno(reterr, -r, "cannot note a table") : 0;
}
