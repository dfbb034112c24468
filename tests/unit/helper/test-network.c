/* The bridge and taps, for real, in a network namespace of the test's own. */
#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "common/strings.h"
#include "helper/links.h"
#include "helper/netlink.h"
#include "helper/network.h"
#include "tests/unit/helper/fixture.h"

#define OWNER 60578

static const VmId vm = {.text = "0123456789"};

/* A namespace of network and mounts, and the host's real /dev with a /sys of that namespace. */
typedef struct Network {
        Fixture *fixture;
        HostPaths paths;
        Host host;
        Netlink *netlink;
} Network;

static bool enter_namespace(const Fixture *fixture) {
        return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
               mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("sysfs", fixture->sys, "sysfs", 0, NULL) == 0 &&
               access("/dev/net/tun", R_OK | W_OK) == 0;
}

/* Any kind of link that needs no hardware does: this kernel may not have a dummy. */
static const char *choose_kind(Netlink *netlink) {
        const char *kind = netlink_add(netlink, "probe0", "dummy", NULL) < 0 ? "ifb" : "dummy";
        LinkState probe;

        if (netlink_find(netlink, "probe0", &probe, NULL) >= 0)
                assert_int_equal(netlink_delete(netlink, probe.index, NULL), 0);
        return kind;
}

static int network_setup(void **state) {
        Network *network = calloc(1, sizeof(*network));
        void *fixture = NULL;

        assert_non_null(network);
        assert_int_equal(fixture_setup(&fixture), 0);
        network->fixture = fixture;
        network->host = HOST_INIT;
        *state = network;
        if (!enter_namespace(network->fixture))
                return 0;
        network->paths = network->fixture->paths;
        network->paths.proc = "/proc";
        network->paths.dev = "/dev";
        assert_int_equal(host_open(&network->paths, &network->host, NULL), 0);
        assert_int_equal(netlink_open(&network->netlink, NULL), 0);
        network->paths.carrier_kind = choose_kind(network->netlink);
        return 0;
}

static int network_teardown(void **state) {
        Network *network = *state;
        void *fixture = network->fixture;

        netlink_close(network->netlink);
        host_close(&network->host);
        (void) umount2(network->fixture->sys, MNT_DETACH);
        free(network);
        return fixture_teardown(&fixture);
}

/* For tests that need the namespace. */
static Network *need(void **state) {
        Network *network = *state;

        if (!network->netlink)
                skip();
        return network;
}

static void add(const Network *network, const char *name, const char *kind) {
        assert_int_equal(netlink_add(network->netlink, name, kind, NULL), 0);
}

static void succeeds(const Network *network, int r) {
        if (r < 0)
                fail_msg("%s", network->fixture->error.message);
}

static void ensure(Network *network) {
        succeeds(network, bridge_ensure(&network->host, &config_default, &network->fixture->error));
}

static void ensure_tap(Network *network) {
        ensure(network);
        succeeds(network, tap_ensure(&network->host, &vm, OWNER, true, &network->fixture->error));
}

static LinkState find(const Network *network, const char *name) {
        LinkState link = {};

        if (netlink_find(network->netlink, name, &link, NULL) < 0)
                fail_msg("there is no %s", name);
        return link;
}

static bool is_there(const Network *network, const char *name) {
        LinkState link;

        return netlink_find(network->netlink, name, &link, NULL) >= 0;
}

/* One line of a file below the namespace's own sysfs or procfs. */
static bool reads(const char *directory, const char *path, const char *expected) {
        _cleanup_free_ char *full = string_format("%s/%s", directory, path);
        char line[64] = "";
        FILE *file;

        assert_non_null(full);
        file = fopen(full, "re");
        if (!file)
                fail_msg("cannot open %s", full);
        assert_non_null(fgets(line, sizeof(line), file));
        assert_int_equal(fclose(file), 0);
        line[strcspn(line, "\n")] = '\0';
        return string_equal(line, expected);
}

static void assert_reads(const char *directory, const char *path, const char *expected) {
        if (!reads(directory, path, expected))
                fail_msg("%s does not read %s", path, expected);
}

static size_t count_addresses(const Network *network, int index, uint32_t address,
                              unsigned prefix) {
        LinkAddress *addresses = NULL;
        size_t n = 0, found = 0;

        assert_int_equal(netlink_list_addresses(network->netlink, &addresses, &n, NULL), 0);
        for (size_t i = 0; i < n; i++) {
                if (addresses[i].index != index)
                        continue;
                assert_int_equal(addresses[i].address, address);
                assert_int_equal(addresses[i].prefix, prefix);
                found++;
        }
        free(addresses);
        return found;
}

static void the_bridge_is_up_with_its_address_and_a_port_that_holds_it(void **state) {
        Network *network = need(state);
        LinkState bridge, carrier;

        ensure(network);
        bridge = find(network, "br-banger");
        assert_true(bridge.up);
        assert_string_equal(bridge.kind, "bridge");
        assert_string_equal(bridge.alias, "banger");
        assert_int_equal(count_addresses(network, bridge.index, 0xac1e0001, 24), 1);
        carrier = find(network, "bgr-carrier");
        assert_true(carrier.up);
        assert_int_equal(carrier.master, bridge.index);
        assert_reads(network->fixture->sys, "class/net/br-banger/carrier", "1");
}

/* Guests would fill it. */
static void the_bridge_keeps_no_table_of_groups(void **state) {
        Network *network = need(state);

        ensure_tap(network);
        assert_reads(network->fixture->sys, "class/net/br-banger/bridge/multicast_snooping", "0");
}

static void ipv6_is_off_on_all_our_links(void **state) {
        Network *network = need(state);

        if (access("/proc/sys/net/ipv6", F_OK) < 0)
                skip();
        ensure_tap(network);
        assert_reads("/proc", "sys/net/ipv6/conf/br-banger/disable_ipv6", "1");
        assert_reads("/proc", "sys/net/ipv6/conf/bgr-carrier/disable_ipv6", "1");
        assert_reads("/proc", "sys/net/ipv6/conf/bgr-0123456789/disable_ipv6", "1");
}

static void ensuring_the_bridge_again_changes_nothing(void **state) {
        Network *network = need(state);
        LinkState before, after;

        ensure(network);
        before = find(network, "br-banger");
        ensure(network);
        after = find(network, "br-banger");
        assert_int_equal(before.index, after.index);
        assert_int_equal(count_addresses(network, after.index, 0xac1e0001, 24), 1);
}

static void a_bridge_that_was_left_half_made_is_finished(void **state) {
        Network *network = need(state);

        add(network, "br-banger", "bridge");
        add(network, "bgr-carrier", network->paths.carrier_kind);
        ensure(network);
        assert_string_equal(find(network, "br-banger").alias, "banger");
        assert_int_equal(find(network, "bgr-carrier").master, find(network, "br-banger").index);
}

static void an_address_of_earlier_settings_is_replaced(void **state) {
        Network *network = need(state);
        Config other = config_default;

        ensure(network);
        other.address = 0x0a010001;
        other.prefix = 20;
        succeeds(network, bridge_ensure(&network->host, &other, &network->fixture->error));
        assert_int_equal(count_addresses(network, find(network, "br-banger").index, 0x0a010001, 20),
                         1);
}

static void a_bridge_of_another_name_in_earlier_settings_goes(void **state) {
        Network *network = need(state);

        ensure(network);
        network->paths.bridge = "br-second";
        ensure(network);
        assert_false(is_there(network, "br-banger"));
        assert_int_equal(find(network, "bgr-carrier").master, find(network, "br-second").index);
        network->paths.bridge = "br-third";
        succeeds(network, bridge_remove(&network->host, &network->fixture->error));
        assert_false(is_there(network, "br-second"));
        assert_false(is_there(network, "bgr-carrier"));
}

static void a_bridge_of_earlier_settings_with_guests_stays_and_is_said(void **state) {
        Network *network = need(state);
        Error *error = &network->fixture->error;

        ensure_tap(network);
        network->paths.bridge = "br-second";
        assert_int_equal(bridge_ensure(&network->host, &config_default, error), -EBUSY);
        assert_non_null(strstr(error->message, "br-banger of earlier settings is in use by bgr-01"));
        assert_false(is_there(network, "br-second"));
        error_clear(error);
        assert_int_equal(bridge_remove(&network->host, error), -EBUSY);
        assert_true(is_there(network, "br-banger"));
        assert_true(is_there(network, "bgr-carrier"));
}

static void a_network_that_the_host_has_elsewhere_is_refused_and_nothing_stays(void **state) {
        Network *network = need(state);
        LinkAddress taken = {.address = 0xac1e0009, .prefix = 16};
        Error *error = &network->fixture->error;

        add(network, "lan0", network->paths.carrier_kind);
        taken.index = find(network, "lan0").index;
        assert_int_equal(netlink_add_address(network->netlink, &taken, NULL), 0);
        assert_int_equal(bridge_ensure(&network->host, &config_default, error), -EADDRINUSE);
        assert_int_equal(error->kind, ERROR_ALREADY_EXISTS);
        assert_non_null(strstr(error->hint, "banger.conf"));
        assert_false(is_there(network, "br-banger"));
}

static void a_link_of_that_name_which_is_not_ours_is_refused_and_left_alone(void **state) {
        Network *network = need(state);

        add(network, "br-banger", network->paths.carrier_kind);
        assert_int_equal(bridge_ensure(&network->host, &config_default, &network->fixture->error),
                         -EEXIST);
        assert_int_equal(network->fixture->error.kind, ERROR_ALREADY_EXISTS);
        succeeds(network, bridge_remove(&network->host, &network->fixture->error));
        assert_true(is_there(network, "br-banger"));
}

static void somebody_elses_bridge_with_ports_is_left_alone(void **state) {
        Network *network = need(state);

        add(network, "br-banger", "bridge");
        add(network, "port0", network->paths.carrier_kind);
        assert_int_equal(netlink_set_master(network->netlink, find(network, "port0").index,
                                            find(network, "br-banger").index, NULL),
                         0);
        assert_int_equal(bridge_ensure(&network->host, &config_default, NULL), -EEXIST);
        assert_int_equal(bridge_remove(&network->host, NULL), 0);
        assert_true(is_there(network, "br-banger"));
}

static void removing_the_bridge_leaves_nothing_and_may_be_repeated(void **state) {
        Network *network = need(state);

        ensure(network);
        succeeds(network, bridge_remove(&network->host, &network->fixture->error));
        assert_false(is_there(network, "br-banger"));
        assert_false(is_there(network, "bgr-carrier"));
        succeeds(network, bridge_remove(&network->host, &network->fixture->error));
}

static void a_bridge_with_a_tap_is_not_removed(void **state) {
        Network *network = need(state);

        ensure_tap(network);
        assert_int_equal(bridge_remove(&network->host, &network->fixture->error), -EBUSY);
        assert_non_null(strstr(network->fixture->error.message, "bgr-0123456789"));
        assert_true(is_there(network, "br-banger"));
}

static void a_tap_is_up_isolated_and_its_uids(void **state) {
        Network *network = need(state);
        LinkState tap;

        ensure_tap(network);
        tap = find(network, "bgr-0123456789");
        assert_true(tap.up && tap.tap && tap.persistent);
        assert_int_equal(tap.owner, OWNER);
        assert_string_equal(tap.alias, "banger:0123456789");
        assert_int_equal(tap.master, find(network, "br-banger").index);
        assert_reads(network->fixture->sys, "class/net/bgr-0123456789/brport/isolated", "1");
}

static void a_tap_that_may_talk_to_others_is_not_isolated(void **state) {
        Network *network = need(state);

        ensure_tap(network);
        succeeds(network, tap_ensure(&network->host, &vm, OWNER, false, &network->fixture->error));
        assert_reads(network->fixture->sys, "class/net/bgr-0123456789/brport/isolated", "0");
}

/* An LLDP frame comes up by the tap itself, and teaches the bridge whose its sender is. */
static void say_lldp(const Network *network, const char *tap, const struct ether_addr *from) {
        _cleanup_free_ char *state = string_format("class/net/%s/brport/state", tap);
        struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
        unsigned char frame[10 + 60] = {0};
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
        assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
        /* Forwarding, which it becomes a moment after its carrier: if_bridge.h. */
        for (int i = 0; !reads(network->fixture->sys, state, "3"); i++) {
                assert_true(i < 1000);
                (void) usleep(10000);
        }
        memcpy(frame + 10, "\x01\x80\xc2\x00\x00\x0e", 6);
        memcpy(frame + 16, from, 6);
        memcpy(frame + 22, "\x88\xcc", 2);
        assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
        close_fd(fd);
}

/* The bridge's port of a MAC, as text: "bgr-0123456789"; "" where it knows of none. */
static void find_port(const char *mac, char ret[static IFNAMSIZ]) {
        _cleanup_free_ char *command =
                string_format("bridge fdb show br br-banger | sed -n 's|^%s dev \\([^ ]*\\) .*|\\1|p'", mac);
        FILE *out = popen(command, "re"); /* NOLINT */

        assert_non_null(out);
        memset(ret, 0, IFNAMSIZ);
        (void) !fread(ret, 1, IFNAMSIZ - 1, out);
        assert_int_equal(pclose(out), 0);
        ret[strcspn(ret, "\n")] = '\0';
}

static void a_tap_has_its_guests_mac_and_no_other_takes_it(void **state) {
        const VmId other = {.text = "9876543210"};
        const struct ether_addr nobodys = {{2, 9, 9, 9, 9, 9}};
        Network *network = need(state);
        char port[IFNAMSIZ];
        VmNames names;

        vm_names(&vm, &names);
        ensure_tap(network);
        succeeds(network, tap_ensure(&network->host, &other, OWNER + 1, true,
                                     &network->fixture->error));
        find_port(names.mac_text, port);
        assert_string_equal(port, "bgr-0123456789");
        say_lldp(network, "bgr-9876543210", &names.mac);
        say_lldp(network, "bgr-9876543210", &nobodys);
        find_port(names.mac_text, port);
        assert_string_equal(port, "bgr-0123456789");
        find_port("02:09:09:09:09:09", port);
        assert_string_equal(port, "");
        /* Nor at a port that learns. */
        assert_int_equal(system("bridge link set dev bgr-9876543210 learning on"), 0); /* NOLINT */
        say_lldp(network, "bgr-9876543210", &names.mac);
        find_port(names.mac_text, port);
        assert_string_equal(port, "bgr-0123456789");
}

static void ensuring_a_tap_again_keeps_it(void **state) {
        Network *network = need(state);
        int index;

        ensure_tap(network);
        index = find(network, "bgr-0123456789").index;
        ensure_tap(network);
        assert_int_equal(find(network, "bgr-0123456789").index, index);
}

static void a_tap_of_another_owner_is_made_anew(void **state) {
        Network *network = need(state);
        int index;

        ensure_tap(network);
        index = find(network, "bgr-0123456789").index;
        succeeds(network, tap_ensure(&network->host, &vm, OWNER + 1, true, &network->fixture->error));
        assert_int_not_equal(find(network, "bgr-0123456789").index, index);
        assert_int_equal(find(network, "bgr-0123456789").owner, OWNER + 1);
}

/* Two guests of one uid could open each other's tap and jail. */
static void a_slot_that_another_vms_tap_has_is_refused(void **state) {
        const VmId other = {.text = "9876543210"};
        Network *network = need(state);

        ensure_tap(network);
        assert_int_equal(tap_ensure(&network->host, &other, OWNER, true, &network->fixture->error),
                         -EBUSY);
        assert_int_equal(network->fixture->error.kind, ERROR_BUSY);
        assert_string_equal(network->fixture->error.message,
                            "cannot make the tap bgr-9876543210: its slot is taken by the tap "
                            "bgr-0123456789");
        assert_false(is_there(network, "bgr-9876543210"));
        error_clear(&network->fixture->error);
        succeeds(network, tap_ensure(&network->host, &other, OWNER + 1, true,
                                     &network->fixture->error));
        /* Nor may one that has its own take another's. */
        assert_int_equal(tap_ensure(&network->host, &other, OWNER, true, NULL), -EBUSY);
        assert_int_equal(find(network, "bgr-9876543210").owner, OWNER + 1);
        succeeds(network, tap_remove(&vm, &network->fixture->error));
        succeeds(network, tap_ensure(&network->host, &other, OWNER, true,
                                     &network->fixture->error));
}

/* So there are no more of them than slots. */
static void where_every_slot_has_its_tap_no_vm_gets_one_more(void **state) {
        const VmId another = {.text = "9876543210"};
        Network *network = need(state);
        VmId last = {};

        ensure(network);
        for (unsigned slot = VM_SLOT_MIN; slot <= VM_SLOT_MAX; slot++) {
                (void) snprintf(last.text, sizeof(last.text), "%010x", slot);
                succeeds(network, tap_ensure(&network->host, &last, vm_slot_uid(slot), true,
                                             &network->fixture->error));
        }
        for (unsigned slot = VM_SLOT_MIN; slot <= VM_SLOT_MAX; slot++)
                assert_int_equal(tap_ensure(&network->host, &another, vm_slot_uid(slot), true, NULL),
                                 -EBUSY);
        /* One that has its tap may ask for it again. */
        succeeds(network, tap_ensure(&network->host, &last, vm_slot_uid(VM_SLOT_MAX), true,
                                     &network->fixture->error));
}

static void a_link_of_another_kind_in_the_taps_place_is_replaced(void **state) {
        Network *network = need(state);

        add(network, "bgr-0123456789", network->paths.carrier_kind);
        ensure_tap(network);
        assert_true(find(network, "bgr-0123456789").tap);
}

static void a_tap_without_a_bridge_is_refused(void **state) {
        Network *network = need(state);

        assert_int_equal(tap_ensure(&network->host, &vm, OWNER, true, &network->fixture->error), -ENODEV);
        assert_int_equal(network->fixture->error.kind, ERROR_UNAVAILABLE);
        assert_false(is_there(network, "bgr-0123456789"));
}

static void a_tap_that_cannot_be_set_up_does_not_stay(void **state) {
        Network *network = need(state);
        const Host real = network->host;

        ensure(network);
        /* A file where sysctl's directory should be: turning IPv6 off fails. */
        fixture_write(network->fixture, "proc/sys", "");
        network->host.proc_fd = network->fixture->host.proc_fd;
        assert_int_equal(tap_ensure(&network->host, &vm, OWNER, true, &network->fixture->error),
                         -ENOTDIR);
        network->host = real;
        assert_non_null(strstr(network->fixture->error.message, "bgr-0123456789"));
        assert_false(is_there(network, "bgr-0123456789"));
}

/* As the kernel does when an answer to its question comes. */
static void learn(int fd, const char *address) {
        struct arpreq entry = {.arp_flags = ATF_COM, .arp_ha = {.sa_family = ARPHRD_ETHER}};
        struct sockaddr_in at = {.sin_family = AF_INET};

        assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
        memcpy(&entry.arp_pa, &at, sizeof(at));
        memcpy(entry.arp_ha.sa_data, "\x02\x11\x22\x33\x44\x55", ETH_ALEN);
        (void) snprintf(entry.arp_dev, sizeof(entry.arp_dev), "%s", config_default.bridge);
        assert_int_equal(ioctl(fd, SIOCSARP, &entry), 0);
}

static bool knows(int fd, const char *address) {
        struct arpreq entry = {};
        struct sockaddr_in at = {.sin_family = AF_INET};

        assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
        memcpy(&entry.arp_pa, &at, sizeof(at));
        (void) snprintf(entry.arp_dev, sizeof(entry.arp_dev), "%s", config_default.bridge);
        return ioctl(fd, SIOCGARP, &entry) == 0;
}

static void who_had_an_address_before_is_forgotten(void **state) {
        Network *network = need(state);
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ensure(network);
        learn(fd, "172.30.0.2");
        learn(fd, "172.30.0.3");
        assert_true(knows(fd, "172.30.0.2"));
        for (size_t i = 0; i < 2; i++)
                succeeds(network, tap_forget_address(&network->host, 0xac1e0002,
                                                     &network->fixture->error));
        assert_false(knows(fd, "172.30.0.2"));
        assert_true(knows(fd, "172.30.0.3"));
}

static void removing_a_tap_may_be_repeated(void **state) {
        Network *network = need(state);

        ensure_tap(network);
        succeeds(network, tap_remove(&vm, &network->fixture->error));
        assert_false(is_there(network, "bgr-0123456789"));
        succeeds(network, tap_remove(&vm, &network->fixture->error));
}

static void the_inventory_has_all_three_and_only_the_tap_is_a_vms(void **state) {
        Network *network = need(state);
        Inventory *inventory = &network->fixture->inventory;

        ensure_tap(network);
        assert_int_equal(links_read(&network->host, inventory, NULL), 0);
        assert_int_equal(inventory->entries.n_items, 3);
        assert_string_equal(fixture_find(network->fixture, "bgr-0123456789")->vm, vm.text);
        assert_null(fixture_find(network->fixture, "br-banger")->vm);
        assert_null(fixture_find(network->fixture, "bgr-carrier")->vm);
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, network_setup, network_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_bridge_is_up_with_its_address_and_a_port_that_holds_it),
                TEST(ipv6_is_off_on_all_our_links),
                TEST(the_bridge_keeps_no_table_of_groups),
                TEST(ensuring_the_bridge_again_changes_nothing),
                TEST(a_bridge_that_was_left_half_made_is_finished),
                TEST(a_bridge_of_another_name_in_earlier_settings_goes),
                TEST(a_bridge_of_earlier_settings_with_guests_stays_and_is_said),
                TEST(an_address_of_earlier_settings_is_replaced),
                TEST(a_network_that_the_host_has_elsewhere_is_refused_and_nothing_stays),
                TEST(a_link_of_that_name_which_is_not_ours_is_refused_and_left_alone),
                TEST(somebody_elses_bridge_with_ports_is_left_alone),
                TEST(removing_the_bridge_leaves_nothing_and_may_be_repeated),
                TEST(a_bridge_with_a_tap_is_not_removed),
                TEST(a_tap_is_up_isolated_and_its_uids),
                TEST(a_tap_that_may_talk_to_others_is_not_isolated),
                TEST(a_tap_has_its_guests_mac_and_no_other_takes_it),
                TEST(ensuring_a_tap_again_keeps_it),
                TEST(a_tap_of_another_owner_is_made_anew),
                TEST(a_slot_that_another_vms_tap_has_is_refused),
                TEST(where_every_slot_has_its_tap_no_vm_gets_one_more),
                TEST(a_link_of_another_kind_in_the_taps_place_is_replaced),
                TEST(a_tap_without_a_bridge_is_refused),
                TEST(a_tap_that_cannot_be_set_up_does_not_stay),
                TEST(who_had_an_address_before_is_forgotten),
                TEST(removing_a_tap_may_be_repeated),
                TEST(the_inventory_has_all_three_and_only_the_tap_is_a_vms),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
