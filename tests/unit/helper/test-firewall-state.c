/* The tables as a whole: replaced, kept, read back, removed; and what goes with them. */
#include "helper/firewall-state.h"
#include "tests/unit/helper/lab.h"

static void assert_lists(const char *what, bool wanted) {
        _cleanup_free_ char *text = lab_listing();

        if ((strstr(text, what) != NULL) != wanted)
                fail_msg("%s \"%s\" in: %s", wanted ? "no" : "there is", what, text);
}

static void assert_refused(Lab *lab, size_t n_guests, size_t n_forwards, int r, const char *message,
                           const char *hint) {
        _cleanup_free_ char *before = lab_listing(), *after = NULL;
        const Error *error = &lab->fixture->error;

        assert_int_equal(lab_try(lab, n_guests, n_forwards), r);
        if (!strstr(error->message, message))
                fail_msg("\"%s\" does not say \"%s\"", error->message, message);
        if (hint)
                assert_non_null(strstr(error->hint, hint));
        after = lab_listing();
        assert_string_equal(before, after);
}

static void setting_the_same_again_changes_nothing(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_free_ char *first = NULL, *second = NULL;

        lab->guests[0].nat = true;
        lab_set(lab, 2, 4);
        first = lab_listing();
        lab_set(lab, 2, 4);
        second = lab_listing();
        assert_string_equal(first, second);
        assert_non_null(strstr(first, "table bridge banger"));
}

static void counts_of_what_stays_are_kept_and_of_what_goes_are_not(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int guest = lab_udp(lab, lab->first_ns, FIRST_ADDRESS, 80);
        _cleanup_close_ int host = lab_udp(lab, lab->host_ns, "0.0.0.0", 0);

        lab_set(lab, 2, 1);
        lab_send(host, "127.0.0.1", 8080, "counted");
        lab_receives(guest, "counted", NULL);
        assert_lists("packets 1 bytes 35", true);
        lab_set(lab, 2, 2);
        lab_set(lab, 2, 1);
        assert_lists("packets 1 bytes 35", true);
        /* Another VM's forward at the same port begins anew. */
        lab->forwards[0].vm = lab->guests[1].vm;
        lab_set(lab, 2, 1);
        assert_lists("packets 1 bytes 35", false);
}

static void without_guests_nothing_is_left(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_free_ char *text = NULL;

        lab->guests[0].nat = true;
        lab_set(lab, 2, 1);
        lab_run("ip link delete bgr-" FIRST "; ip link delete bgr-" SECOND);
        lab_set(lab, 0, 0);
        text = lab_listing();
        assert_string_equal(text, "");
        assert_int_equal(lab_digit(IP_FORWARD), '0');
        assert_int_equal(lab_digit(ROUTE_LOCALNET), '0');
        lab_set(lab, 0, 0);
}

static void while_a_tap_is_there_no_guests_means_that_it_is_mute(void **state) {
        Lab *lab = lab_need(state);

        lab->guests[0].nat = true;
        lab_set(lab, 2, 1);
        lab_set(lab, 0, 0);
        assert_lists("table bridge banger", true);
        assert_lists("bgr-" FIRST, false);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
}

static void removing_leaves_nothing_whatever_is_there(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_free_ char *text = NULL;

        lab->guests[0].nat = true;
        lab_set(lab, 2, 1);
        lab_run("nft delete table bridge banger"); /* half of it */
        assert_int_equal(firewall_remove(&lab->host, &lab->settings, NULL), 0);
        text = lab_listing();
        assert_string_equal(text, "");
        assert_int_equal(lab_digit(IP_FORWARD), '0');
        assert_int_equal(lab_digit(ROUTE_LOCALNET), '0');
        assert_int_equal(firewall_remove(&lab->host, &lab->settings, NULL), 0);
}

static void what_somebody_damaged_is_mended(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_free_ char *good = NULL, *mended = NULL;

        lab_set(lab, 2, 1);
        good = lab_listing();
        lab_run("nft flush chain bridge banger from_guest; nft flush set bridge banger guests;"
                "nft add chain ip banger mine; nft delete chain ip banger source");
        lab_set(lab, 2, 1);
        mended = lab_listing();
        assert_string_equal(good, mended);
}

static void ensuring_keeps_the_guests_that_are_set(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_free_ char *before = NULL, *after = NULL;

        lab_set(lab, 2, 1);
        before = lab_listing();
        assert_int_equal(firewall_ensure(&lab->settings, NULL), 0);
        after = lab_listing();
        assert_string_equal(before, after);
        lab_run("nft delete table ip banger");
        assert_int_equal(firewall_ensure(&lab->settings, NULL), 0);
        assert_lists("bgr-" FIRST, true);
        assert_lists("table ip banger", true);
}

static void tables_of_others_are_not_touched(void **state) {
        Lab *lab = lab_need(state);

        lab_run("nft 'table inet banger { chain mine { accept; }; }; table ip mine { }'");
        lab_set(lab, 2, 1);
        lab_set(lab, 0, 0);
        assert_int_equal(firewall_remove(&lab->host, &lab->settings, NULL), 0);
        assert_lists("table inet banger", true);
        assert_lists("table ip mine", true);
        assert_lists("table bridge banger", false);
}

static void a_table_of_our_name_that_is_not_ours_is_refused_and_left_alone(void **state) {
        Lab *lab = lab_need(state);
        Error *error = &lab->fixture->error;

        lab_run("nft 'table ip banger { comment \"mine\"; chain mine { accept; }; }'");
        assert_refused(lab, 2, 1, -EEXIST, "table ip banger", "nft delete table ip banger");
        assert_int_equal(error->kind, ERROR_ALREADY_EXISTS);
        assert_int_equal(firewall_ensure(&lab->settings, NULL), -EEXIST);
        lab_run("ip link delete bgr-" FIRST "; ip link delete bgr-" SECOND);
        lab_set(lab, 0, 0);
        assert_int_equal(firewall_remove(&lab->host, &lab->settings, NULL), 0);
        assert_int_equal(firewall_read(&lab->host, &lab->fixture->inventory, NULL), 0);
        assert_int_equal(lab->fixture->inventory.entries.n_items, 0);
        assert_lists("chain mine", true);
}

/* ---- routing ---- */

static void routing_that_was_on_stays_on(void **state) {
        Lab *lab = lab_need(state);

        lab_write(IP_FORWARD, "1\n");
        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        assert_lists("ip_forward was 0", false);
        lab->guests[0].nat = false;
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
}

static void routing_is_put_back_when_no_guest_needs_it(void **state) {
        Lab *lab = lab_need(state);

        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        lab_set(lab, 2, 1); /* remembered over a replacement */
        assert_lists("ip_forward was 0", true);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
        lab->guests[0].nat = false;
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
        assert_lists("ip_forward was 0", false);
}

static void routing_that_somebody_turned_off_is_turned_on_again(void **state) {
        Lab *lab = lab_need(state);

        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        lab_write(IP_FORWARD, "0\n");
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
        lab_write(IP_FORWARD, "0\n");
        lab->guests[0].nat = false;
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
}

/* Turning ip_forward on and off sets these for every link. */
static void what_links_forwarded_by_themselves_is_put_back(void **state) {
        Lab *lab = lab_need(state);

        lab_write(ACCEPT_REDIRECTS, "0\n");
        lab_write(FORWARDING("out0"), "1\n");
        lab_write(FORWARDING("default"), "1\n");
        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        lab_set(lab, 2, 1);
        assert_int_equal(lab_digit(FORWARDING("lo")), '1');
        lab->guests[0].nat = false;
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
        assert_int_equal(lab_digit(FORWARDING("lo")), '0');
        assert_int_equal(lab_digit(FORWARDING("out0")), '1');
        assert_int_equal(lab_digit(FORWARDING("default")), '1');
        assert_int_equal(lab_digit(ACCEPT_REDIRECTS), '0');
        assert_lists("forwarded", false);
}

static void removing_puts_it_back_too_and_once_more_after_a_kill(void **state) {
        Lab *lab = lab_need(state);

        lab_write(ACCEPT_REDIRECTS, "0\n");
        lab_write(FORWARDING("out0"), "1\n");
        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        lab_run("ip link delete bgr-" FIRST "; ip link delete bgr-" SECOND);
        lab_write(IP_FORWARD, "0\n"); /* the first step of putting back */
        assert_int_equal(firewall_remove(&lab->host, &lab->settings, NULL), 0);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
        assert_int_equal(lab_digit(FORWARDING("out0")), '1');
        assert_int_equal(lab_digit(ACCEPT_REDIRECTS), '0');
        assert_lists("banger", false);
}

static void redirects_that_were_taken_are_taken_again(void **state) {
        Lab *lab = lab_need(state);

        lab_write(ACCEPT_REDIRECTS, "1\n");
        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        assert_int_equal(lab_digit(ACCEPT_REDIRECTS), '0');
        lab_set(lab, 0, 0);
        assert_int_equal(lab_digit(ACCEPT_REDIRECTS), '1');
}

static void a_link_that_has_gone_is_in_nobodys_way(void **state) {
        Lab *lab = lab_need(state);

        lab_run("ip link add gone0 type bridge");
        lab_write(FORWARDING("gone0"), "1\n");
        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        lab_run("ip link delete gone0");
        lab_set(lab, 0, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
}

static void routing_stays_on_for_another_bridge_with_an_address(void **state) {
        Lab *lab = lab_need(state);

        lab->guests[0].nat = true;
        lab_set(lab, 2, 0);
        lab_run("ip link add docker0 type bridge; ip link set docker0 up;"
                "ip address add 172.17.0.1/16 dev docker0");
        lab_set(lab, 0, 0);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
}

/* ---- what is refused ---- */

static void guests_that_are_there_twice_are_refused(void **state) {
        Lab *lab = lab_need(state);

        lab_set(lab, 2, 0);
        lab->guests[1].slot = 1;
        assert_refused(lab, 2, 0, -EEXIST, "slot 1", NULL);
        lab->guests[1] = lab->guests[0];
        lab->guests[1].slot = 2;
        assert_refused(lab, 2, 0, -EEXIST, FIRST, NULL);
}

static void a_slot_that_the_network_has_no_room_for_is_refused(void **state) {
        Lab *lab = lab_need(state);

        lab->settings.prefix = 29;
        lab->guests[1].slot = 6;
        assert_refused(lab, 2, 0, -ERANGE, "slot 6", NULL);
}

static void a_forward_into_no_guest_is_refused(void **state) {
        Lab *lab = lab_need(state);

        lab->forwards[0].vm = lab->guests[1].vm;
        assert_refused(lab, 1, 1, -ENOENT, "udp-127.0.0.1-8080", NULL);
        assert_refused(lab, 0, 1, -ENOENT, SECOND, NULL);
}

static void two_forwards_of_one_port_are_refused(void **state) {
        static char everywhere[] = "0.0.0.0", other[] = HOST_OTHER_ADDRESS;
        Lab *lab = lab_need(state);

        lab->forwards[1].host_port = 8080;
        assert_refused(lab, 2, 2, -EEXIST, "udp-127.0.0.1-8080", "another port");
        lab->forwards[1].address = everywhere;
        assert_refused(lab, 2, 2, -EEXIST, "udp-0.0.0.0-8080", "another port");
        lab->forwards[1].address = other;
        lab_set(lab, 2, 2);
        lab->forwards[1].address = NULL;
        lab->forwards[1].protocol = FORWARD_TCP;
        lab_set(lab, 2, 2);
}

static void a_privileged_port_is_refused(void **state) {
        Lab *lab = lab_need(state);

        lab->forwards[0].host_port = 1023;
        assert_refused(lab, 2, 1, -EACCES, "udp-127.0.0.1-1023", "1024");
        assert_int_equal(lab->fixture->error.kind, ERROR_NOT_PERMITTED);
        lab_write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "80\n");
        lab_set(lab, 2, 1);
        lab->forwards[1].host_port = 79;
        assert_refused(lab, 2, 2, -EACCES, "udp-127.0.0.1-79", "80");
}

static void an_address_that_is_not_this_hosts_is_refused(void **state) {
        static char address[] = "198.51.100.9", other[] = HOST_OTHER_ADDRESS;
        static char loopback[] = "127.9.9.9";
        Lab *lab = lab_need(state);

        lab->forwards[0].address = address;
        assert_refused(lab, 2, 1, -EADDRNOTAVAIL, "udp-198.51.100.9-8080", "ip address");
        lab->forwards[0].address = other;
        lab_set(lab, 2, 1);
        lab->forwards[0].address = loopback;
        lab_set(lab, 2, 1);
}

/* A socket at `bound` and a forward of `address`, both of port 8080. */
static void try_listener(Lab *lab, int type, const char *bound, char *address, int r) {
        _cleanup_close_ _unused_ int fd = lab_socket(lab, lab->host_ns, type, bound, 8080);

        lab->forwards[0].address = address;
        lab->forwards[0].protocol = type == SOCK_STREAM ? FORWARD_TCP : FORWARD_UDP;
        if (r < 0) {
                assert_refused(lab, 2, 1, r, "-8080", "ss -lntu");
                assert_int_equal(lab->fixture->error.kind, ERROR_BUSY);
        } else
                lab_set(lab, 2, 1);
        lab_set(lab, 0, 0);
}

static void a_port_on_which_somebody_listens_is_refused(void **state) {
        static char everywhere[] = "0.0.0.0", other[] = HOST_OTHER_ADDRESS;
        static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
        Lab *lab = lab_need(state);

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                try_listener(lab, types[i], "127.0.0.1", NULL, -EADDRINUSE);
                try_listener(lab, types[i], "0.0.0.0", NULL, -EADDRINUSE);
                try_listener(lab, types[i], "127.0.0.1", everywhere, -EADDRINUSE);
                try_listener(lab, types[i], "127.0.0.1", other, 0);
                try_listener(lab, types[i], HOST_OTHER_ADDRESS, NULL, 0);
        }
}

static void another_protocols_listener_is_in_nobodys_way(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int fd = lab_socket(lab, lab->host_ns, SOCK_STREAM, "127.0.0.1", 8080);

        assert_true(fd >= 0);
        lab_set(lab, 2, 1);
}

static void try_listener_ipv6(Lab *lab, const char *address, int r) {
        _cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(8080)};

        if (fd < 0)
                skip();
        assert_int_equal(inet_pton(AF_INET6, address, &at.sin6_addr), 1);
        assert_int_equal(bind(fd, (const struct sockaddr *) (const void *) &at, sizeof(at)), 0);
        assert_int_equal(listen(fd, 1), 0);
        lab->forwards[0].protocol = FORWARD_TCP;
        assert_int_equal(lab_try(lab, 2, 1), r);
        lab_set(lab, 0, 0);
}

static void a_listener_of_ipv6_counts_where_it_takes_ipv4(void **state) {
        Lab *lab = lab_need(state);

        try_listener_ipv6(lab, "::", -EADDRINUSE);
        try_listener_ipv6(lab, "::ffff:127.0.0.1", -EADDRINUSE);
        try_listener_ipv6(lab, "::ffff:" HOST_OTHER_ADDRESS, 0);
        try_listener_ipv6(lab, "::1", 0);
        /* The IPv4 address in the last word alone does not make it one. */
        lab_run("for a in ::7f00:1 ::5:7f00:1; do ip -6 address add $a/128 dev lo nodad; done");
        try_listener_ipv6(lab, "::7f00:1", 0);
        try_listener_ipv6(lab, "::5:7f00:1", 0);
}

/* Whoever listens there since then must not keep every other VM from its network. */
static void a_forward_in_force_is_not_looked_at_again(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_close_ int fd = -1;

        lab_set(lab, 2, 1);
        fd = lab_udp(lab, lab->host_ns, "127.0.0.1", 8080);
        lab_set(lab, 2, 2);
}

static void assert_left_out(const Lab *lab, size_t i, int64_t forward, const char *reason) {
        const RootLeftOut *items = lab->done.left_out.items;

        assert_true(i < lab->done.left_out.n_items);
        assert_int_equal(items[i].forward, forward);
        assert_non_null(strstr(items[i].reason, reason));
}

/* Its rule went with the whole table; the owner gets it back only where it would be given anew. */
static void an_optional_forward_that_cannot_be_is_left_out_and_told(void **state) {
        static char address[] = "198.51.100.9";
        Lab *lab = lab_need(state);
        _cleanup_close_ int fd = -1;

        lab_set(lab, 2, 4);
        assert_int_equal(lab->done.left_out.n_items, 0);
        lab_run("nft flush ruleset");
        fd = lab_udp(lab, lab->host_ns, "127.0.0.1", 8081);
        for (size_t i = 0; i < 4; i++)
                lab->forwards[i].optional = true;
        lab->forwards[0].address = address;
        lab->forwards[3].host_port = 1023;
        lab_set(lab, 2, 4);
        assert_int_equal(lab->done.left_out.n_items, 3);
        assert_left_out(lab, 0, 0, "no such address");
        assert_left_out(lab, 1, 3, "ports below 1024");
        assert_left_out(lab, 2, 1, "listens there");
        assert_lists("8080", false);
        assert_lists("8081", false);
        assert_lists("8082", true);
        assert_lists("1023", false);
        lab->forwards[1].optional = false;
        assert_refused(lab, 2, 4, -EADDRINUSE, "udp-127.0.0.1-8081", "ss -lntu");
}

/* ---- the inventory ---- */

static void the_inventory_has_tables_guests_forwards_and_routing(void **state) {
        Lab *lab = lab_need(state);
        Fixture *fixture = lab->fixture;

        lab->guests[0].nat = true;
        lab_set(lab, 2, 1);
        assert_int_equal(firewall_read(&lab->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 6);
        assert_null(fixture_find(fixture, "bridge banger")->vm);
        assert_null(fixture_find(fixture, "ip banger")->vm);
        assert_int_equal(fixture_find(fixture, "ip banger")->kind, INVENTORY_NFT);
        assert_string_equal(fixture_find(fixture, "bridge banger vm-" FIRST)->vm, FIRST);
        assert_string_equal(fixture_find(fixture, "bridge banger vm-" SECOND)->vm, SECOND);
        assert_string_equal(fixture_find(fixture, "ip banger udp-127.0.0.1-8080")->vm, FIRST);
        assert_string_equal(fixture_find(fixture, "ip banger udp-127.0.0.1-8080")->detail,
                            "0 packets, 0 bytes");
        assert_int_equal(fixture_find(fixture, "net.ipv4.ip_forward")->kind, INVENTORY_SYSCTL);
}

static void without_tables_the_inventory_is_empty(void **state) {
        Lab *lab = lab_need(state);

        assert_int_equal(firewall_read(&lab->host, &lab->fixture->inventory, NULL), 0);
        assert_int_equal(lab->fixture->inventory.entries.n_items, 0);
}

/* ---- text only ---- */

static void a_listing_is_read_by_its_depth(_unused_ void **state) {
        char text[] = "table ip banger {\n"
                      "\tcomment \"banger: net.ipv4.ip_forward was 0\"\n"
                      "\tcounter tcp-127.0.0.1-2 {\n"
                      "\t\tcomment \"banger:abcdef0123\"\n"
                      "\t\tpackets 3 bytes 18446744073709551615\n"
                      "\t}\n\n"
                      "\tcounter refused {\n"
                      "\t\tcomment \"banger\"\n"
                      "\t\tpackets 1 bytes 2\n"
                      "\t}\n\n"
                      "\tcounter forwarded-0 {\n"
                      "\t\tcomment \"banger: forwarded eth1\"\n"
                      "\t\tpackets 0 bytes 0\n"
                      "\t}\n\n"
                      "\tcounter forwarded-1 {\n"
                      "\t\tcomment \"banger: forwarded default\"\n"
                      "\t}\n\n"
                      "\tset nat {\n\t\ttype ipv4_addr\n\t\tcomment \"banger:0123456789\"\n\t}\n"
                      "\tchain counter {\n\t\tpackets 9 bytes 9\n\t}\n"
                      "}\n";
        FirewallTable table = {};

        assert_int_equal(firewall_table_parse(text, &table), 0);
        assert_true(table.ours && table.routing_was_off);
        assert_int_equal(table.routing.n_links, 2);
        assert_string_equal(table.routing.links[0], "eth1");
        assert_string_equal(table.routing.links[1], "default");
        assert_false(table.routing.refuses_redirects);
        assert_int_equal(table.n_counters, 4);
        assert_int_equal(firewall_table_find(&table, "tcp-127.0.0.1-2", "abcdef0123")->packets, 3);
        assert_true(firewall_table_find(&table, "tcp-127.0.0.1-2", NULL)->bytes == UINT64_MAX);
        assert_null(firewall_table_find(&table, "tcp-127.0.0.1-2", "0123456789"));
        assert_int_equal(firewall_table_find(&table, "refused", "")->bytes, 2);
        assert_null(firewall_table_find(&table, "tcp", NULL));
        firewall_table_clear(&table);
}

static void a_comment_inside_of_something_makes_no_table_ours(_unused_ void **state) {
        char text[] = "table ip banger {\n\tset a {\n\t\tcomment \"banger\"\n\t}\n}\n";
        char other[] = "table ip banger {\n\tcomment \"bangers\"\n}\n";
        FirewallTable table = {};

        assert_int_equal(firewall_table_parse(text, &table), 0);
        assert_false(table.ours);
        assert_int_equal(firewall_table_parse(other, &table), 0);
        assert_false(table.ours);
}

static void tables_are_found_by_their_whole_name(_unused_ void **state) {
        FirewallState tables = {};

        firewall_state_find("table inet filter {\n}\ntable bridge bangers {\n}\n"
                            "table arp x {\n\tchain table ip banger {\n",
                            &tables);
        assert_false(tables.tables[FIREWALL_BRIDGE].present || tables.tables[FIREWALL_IP].present);
        firewall_state_find("table inet banger {\n}\ntable ip banger {\n}\n", &tables);
        assert_false(tables.tables[FIREWALL_BRIDGE].present);
        assert_true(tables.tables[FIREWALL_IP].present);
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_setup, lab_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(setting_the_same_again_changes_nothing),
                TEST(counts_of_what_stays_are_kept_and_of_what_goes_are_not),
                TEST(without_guests_nothing_is_left),
                TEST(while_a_tap_is_there_no_guests_means_that_it_is_mute),
                TEST(removing_leaves_nothing_whatever_is_there),
                TEST(what_somebody_damaged_is_mended),
                TEST(ensuring_keeps_the_guests_that_are_set),
                TEST(tables_of_others_are_not_touched),
                TEST(a_table_of_our_name_that_is_not_ours_is_refused_and_left_alone),
                TEST(routing_that_was_on_stays_on),
                TEST(routing_is_put_back_when_no_guest_needs_it),
                TEST(routing_that_somebody_turned_off_is_turned_on_again),
                TEST(what_links_forwarded_by_themselves_is_put_back),
                TEST(removing_puts_it_back_too_and_once_more_after_a_kill),
                TEST(redirects_that_were_taken_are_taken_again),
                TEST(a_link_that_has_gone_is_in_nobodys_way),
                TEST(routing_stays_on_for_another_bridge_with_an_address),
                TEST(guests_that_are_there_twice_are_refused),
                TEST(a_slot_that_the_network_has_no_room_for_is_refused),
                TEST(a_forward_into_no_guest_is_refused),
                TEST(two_forwards_of_one_port_are_refused),
                TEST(a_privileged_port_is_refused),
                TEST(an_address_that_is_not_this_hosts_is_refused),
                TEST(a_port_on_which_somebody_listens_is_refused),
                TEST(another_protocols_listener_is_in_nobodys_way),
                TEST(a_listener_of_ipv6_counts_where_it_takes_ipv4),
                TEST(an_optional_forward_that_cannot_be_is_left_out_and_told),
                TEST(a_forward_in_force_is_not_looked_at_again),
                TEST(the_inventory_has_tables_guests_forwards_and_routing),
                TEST(without_tables_the_inventory_is_empty),
                cmocka_unit_test(a_listing_is_read_by_its_depth),
                cmocka_unit_test(a_comment_inside_of_something_makes_no_table_ours),
                cmocka_unit_test(tables_are_found_by_their_whole_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
