#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "helper/links.h"
#include "helper/netlink.h"
#include "tests/unit/helper/fixture.h"

/* A network namespace for this process, entered before each test; false where that is refused. */
static bool enter_namespace(void) {
        return unshare(CLONE_NEWNET) == 0;
}

/* The tap lives as long as the descriptor. */
static int make_tap(const char *name) {
        struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -1;
        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        return ioctl(fd, TUNSETIFF, &request) < 0 ? close_fd(fd) : fd;
}

static bool make_bridge(const char *name) {
        struct nl_sock *socket = nl_socket_alloc();
        int r;

        assert_non_null(socket);
        assert_int_equal(nl_connect(socket, NETLINK_ROUTE), 0);
        r = rtnl_link_bridge_add(socket, name);
        nl_socket_free(socket);
        return r >= 0;
}

static void set_alias(const char *name, const char *alias) {
        struct nl_sock *socket = nl_socket_alloc();
        struct rtnl_link *link = NULL, *change = rtnl_link_alloc();

        assert_non_null(socket);
        assert_non_null(change);
        assert_int_equal(nl_connect(socket, NETLINK_ROUTE), 0);
        assert_int_equal(rtnl_link_get_kernel(socket, 0, name, &link), 0);
        rtnl_link_set_ifalias(change, alias);
        assert_int_equal(rtnl_link_change(socket, link, change, 0), 0);
        rtnl_link_put(link);
        rtnl_link_put(change);
        nl_socket_free(socket);
}

static void a_tap_is_listed_with_its_vm(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int tap = -1;
        const InventoryEntry *entry;

        if (!enter_namespace() || (tap = make_tap("bgr-0123456789")) < 0)
                skip();
        assert_int_equal(links_read(&fixture->host, &fixture->inventory, &fixture->error), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 1);
        entry = fixture_find(fixture, "bgr-0123456789");
        assert_int_equal(entry->kind, INVENTORY_LINK);
        assert_string_equal(entry->vm, "0123456789");
        assert_string_equal(entry->detail, "tun, down");
}

static void a_tap_that_was_renamed_is_known_by_its_alias(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int tap = -1;

        if (!enter_namespace() || (tap = make_tap("renamed0")) < 0)
                skip();
        set_alias("renamed0", "banger:0123456789");
        assert_int_equal(links_read(&fixture->host, &fixture->inventory, NULL), 0);
        (void) fixture_find(fixture, "renamed0");
        assert_string_equal(fixture_find(fixture, "renamed0")->vm, "0123456789");
}

static void links_of_others_are_not_listed(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int near = -1, aliased = -1;

        if (!enter_namespace() || (near = make_tap("bgr-012345678x")) < 0)
                skip();
        aliased = make_tap("tap0");
        assert_true(aliased >= 0);
        set_alias("tap0", "banger:nonsense");
        assert_int_equal(links_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void the_bridge_is_listed_without_a_vm(void **state) {
        Fixture *fixture = *state;
        const InventoryEntry *entry;

        if (!enter_namespace() || !make_bridge("br-banger"))
                skip();
        assert_int_equal(links_read(&fixture->host, &fixture->inventory, NULL), 0);
        entry = fixture_find(fixture, "br-banger");
        assert_null(entry->vm);
        assert_non_null(strstr(entry->detail, "bridge"));
}

static void a_link_with_the_bridges_name_but_of_another_type_is_not_ours(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int tap = -1;

        if (!enter_namespace() || (tap = make_tap("br-banger")) < 0)
                skip();
        assert_int_equal(links_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

/* In a process of its own, until it is killed. */
static void come_and_go(void) {
        Netlink *netlink = NULL;
        LinkState link;

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || netlink_open(&netlink, NULL) < 0)
                _exit(1);
        for (;;)
                if (netlink_add(netlink, "passing", "bridge", NULL) < 0 ||
                    netlink_find(netlink, "passing", &link, NULL) < 0 ||
                    netlink_delete(netlink, link.index, NULL) < 0)
                        _exit(1);
}

/* The kernel gives a long list in parts, and says so if it changed in between. */
static void a_list_is_whole_while_other_links_come_and_go(void **state) {
        Fixture *fixture = *state;
        char name[IFNAMSIZ];
        size_t n_listed = 0;
        pid_t child;

        if (!enter_namespace() || !make_bridge("br-banger"))
                skip();
        for (int i = 0; i < 60; i++) {
                (void) snprintf(name, sizeof(name), "bgr-%010x", i);
                assert_true(make_bridge(name));
        }
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
                come_and_go();
        for (int i = 0; i < 300 && n_listed <= 61; i++) {
                if (links_read(&fixture->host, &fixture->inventory, &fixture->error) < 0)
                        break;
                n_listed = fixture->inventory.entries.n_items;
                if (n_listed != 61)
                        break;
                schema_clear(&inventory_schema, &fixture->inventory);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (fixture->error.message)
                fail_msg("%s", fixture->error.message);
        assert_int_equal(n_listed, 61);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_tap_is_listed_with_its_vm),
                TEST(a_tap_that_was_renamed_is_known_by_its_alias),
                TEST(links_of_others_are_not_listed),
                TEST(the_bridge_is_listed_without_a_vm),
                TEST(a_link_with_the_bridges_name_but_of_another_type_is_not_ours),
                TEST(a_list_is_whole_while_other_links_come_and_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
