/* The rules as text: what of a plan becomes which line. */
#include "helper/firewall-rules.h"
#include "tests/unit/helper/fixture.h"

static char first[] = "0123456789", second[] = "abcdef0123", everywhere[] = "0.0.0.0";

/* What is written for these, in place of an earlier table. */
static char *write_rules(FirewallFamily family, RootGuest *guests, size_t n_guests,
                         RootForward *forwards, size_t n_forwards, const FirewallTable *earlier,
                         bool isolated) {
        const RootNetwork network = {{guests, n_guests}, {forwards, n_forwards}, NULL};
        Config settings = config_default;
        FirewallPlan plan = {};
        char *text = NULL;
        size_t size = 0;
        FILE *out;

        settings.isolated = isolated;
        assert_int_equal(firewall_plan_make(&network, &settings, &plan, NULL), 0);
        out = open_memstream(&text, &size);
        assert_non_null(out);
        firewall_rules_write(out, family, &plan, earlier, NULL);
        assert_int_equal(fclose(out), 0);
        firewall_plan_clear(&plan);
        return text;
}

static void assert_has(const char *text, const char *what) {
        if (!strstr(text, what))
                fail_msg("no \"%s\" in: %s", what, text);
}

static void without_guests_no_set_has_elements(_unused_ void **state) {
        const FirewallTable none = {};
        _cleanup_free_ char *bridge = write_rules(FIREWALL_BRIDGE, NULL, 0, NULL, 0, &none, true);
        _cleanup_free_ char *ip = write_rules(FIREWALL_IP, NULL, 0, NULL, 0, &none, true);

        assert_null(strstr(bridge, "elements"));
        assert_null(strstr(ip, "elements"));
        assert_int_equal(strncmp(bridge, "table bridge banger {\n\tcomment \"banger\"\n", 40), 0);
        assert_int_equal(strncmp(ip, "table ip banger {\n\tcomment \"banger\"\n", 36), 0);
}

static void a_guest_is_its_tap_its_mac_and_its_address(_unused_ void **state) {
        RootGuest guests[] = {{.vm = first, .slot = 1}, {.vm = second, .slot = 253, .nat = true}};
        const FirewallTable none = {};
        _cleanup_free_ char *bridge = write_rules(FIREWALL_BRIDGE, guests, 2, NULL, 0, &none, true);
        _cleanup_free_ char *ip = write_rules(FIREWALL_IP, guests, 2, NULL, 0, &none, true);

        assert_has(bridge, "\"bgr-0123456789\" . 02:01:23:45:67:89 . 172.30.0.2"
                           " comment \"banger:0123456789\",\n");
        assert_has(bridge, "\"bgr-abcdef0123\" . 02:ab:cd:ef:01:23 . 172.30.0.254"
                           " comment \"banger:abcdef0123\"\n");
        assert_has(ip, "iifname \"br-banger\" oifname != \"br-banger\" ip saddr @nat masquerade\n");
        assert_has(ip, "172.30.0.2 . 172.30.0.2,\n\t\t\t172.30.0.254 . 172.30.0.254\n");
        assert_has(ip, "set nat {\n\t\ttype ipv4_addr\n\t\telements = {\n"
                       "\t\t\t172.30.0.254 comment \"banger:abcdef0123\"\n\t\t}\n");
}

static void a_forward_of_all_addresses_has_a_map_of_its_own(_unused_ void **state) {
        RootGuest guests[] = {{.vm = first, .slot = 1}};
        RootForward forwards[] = {
                {.vm = first, .host_port = 8080, .guest_port = 80},
                {.vm = first, .protocol = FORWARD_UDP, .address = everywhere,
                 .host_port = 65535, .guest_port = 1},
        };
        const FirewallTable none = {};
        _cleanup_free_ char *ip = write_rules(FIREWALL_IP, guests, 1, forwards, 2, &none, true);

        assert_has(ip, "\t\t\t127.0.0.1 . tcp . 8080 comment \"banger:0123456789\""
                       " : 172.30.0.2 . 80\n");
        assert_has(ip, "\t\t\tudp . 65535 comment \"banger:0123456789\" : 172.30.0.2 . 1\n");
        assert_has(ip, "\t\t\tudp . 65535 : \"udp-0.0.0.0-65535\"\n");
}

static void an_earlier_table_goes_first_and_its_counts_go_over(_unused_ void **state) {
        RootGuest guests[] = {{.vm = first, .slot = 1}};
        char name[] = "vm-0123456789";
        FirewallCounter counters[] = {
                {.name = name, .vm = {"0123456789"}, .packets = 7, .bytes = UINT64_MAX}};
        const FirewallTable earlier = {
                .present = true, .ours = true, .counters = counters, .n_counters = 1};
        _cleanup_free_ char *text =
                write_rules(FIREWALL_BRIDGE, guests, 1, NULL, 0, &earlier, true);

        assert_int_equal(strncmp(text, "delete table bridge banger\n", 27), 0);
        assert_has(text, "\tcounter vm-0123456789 {\n\t\tcomment \"banger:0123456789\"\n"
                         "\t\tpackets 7 bytes 18446744073709551615\n");
        assert_has(text, "\tcounter refused {\n\t\tcomment \"banger\"\n\t\tpackets 0 bytes 0\n");
}

static void isolation_is_a_chain_on_the_bridge_and_a_drop_of_what_is_routed(_unused_ void **state) {
        const FirewallTable none = {};
        _cleanup_free_ char *bridge = write_rules(FIREWALL_BRIDGE, NULL, 0, NULL, 0, &none, true);
        _cleanup_free_ char *ip = write_rules(FIREWALL_IP, NULL, 0, NULL, 0, &none, true);
        _cleanup_free_ char *open_bridge =
                write_rules(FIREWALL_BRIDGE, NULL, 0, NULL, 0, &none, false);
        _cleanup_free_ char *open_ip = write_rules(FIREWALL_IP, NULL, 0, NULL, 0, &none, false);

        assert_has(bridge, "iifname \"bgr-*\" oifname \"bgr-*\" drop");
        assert_null(strstr(open_bridge, "oifname"));
        assert_has(ip, "chain from_guests {\n\t\toifname \"br-banger\" drop\n");
        assert_has(open_ip, "chain from_guests {\n\t\toifname \"br-banger\" accept\n");
}

#undef TEST
#define TEST(function) cmocka_unit_test(function)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(without_guests_no_set_has_elements),
                TEST(a_guest_is_its_tap_its_mac_and_its_address),
                TEST(a_forward_of_all_addresses_has_a_map_of_its_own),
                TEST(an_earlier_table_goes_first_and_its_counts_go_over),
                TEST(isolation_is_a_chain_on_the_bridge_and_a_drop_of_what_is_routed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
