/* The kernel's own word on the tables, in a network namespace of the test's own. */
#include "helper/firewall-probe.h"
#include "tests/unit/helper/lab.h"

static bool both_are_ours(void) {
        FirewallState state = {};

        assert_int_equal(firewall_probe(&state), 0);
        return state.tables[FIREWALL_BRIDGE].ours && state.tables[FIREWALL_IP].ours;
}

static void tables_that_are_not_there_are_not_ours(void **state) {
        (void) lab_need(state);
        assert_false(both_are_ours());
}

static void both_are_ours_with_and_without_guests(void **state) {
        Lab *lab = lab_need(state);

        assert_int_equal(firewall_ensure(&lab->settings, NULL), 0);
        assert_true(both_are_ours());
        assert_int_equal(firewall_ensure(&lab->settings, NULL), 0);
        lab_set(lab, 2, 1);
        assert_true(both_are_ours());
}

static void the_note_about_routing_is_ours_too(void **state) {
        FirewallState tables = {};

        (void) lab_need(state);
        lab_run("nft 'table bridge banger { comment \"banger\"; }'");
        lab_run("nft 'table ip banger { comment \"banger: net.ipv4.ip_forward was 0\"; }'");
        assert_true(both_are_ours());
        assert_int_equal(firewall_probe(&tables), 0);
        assert_true(tables.tables[FIREWALL_IP].routing_was_off);
        assert_false(tables.tables[FIREWALL_BRIDGE].routing_was_off);
}

static void one_of_two_is_not_enough(void **state) {
        Lab *lab = lab_need(state);

        assert_int_equal(firewall_ensure(&lab->settings, NULL), 0);
        lab_run("nft delete table bridge banger");
        assert_false(both_are_ours());
        assert_int_equal(firewall_ensure(&lab->settings, NULL), 0);
        assert_true(both_are_ours());
        lab_run("nft delete table ip banger");
        assert_false(both_are_ours());
}

static void a_table_of_somebody_elses_is_not_ours(void **state) {
        static const char *const comments[] = {"", "comment \"mine\";", "comment \"banger2\";",
                                               "comment \"bange\";"};
        Lab *lab = lab_need(state);

        for (size_t i = 0; i < ELEMENTSOF(comments); i++) {
                _cleanup_free_ char *command =
                        string_format("nft 'table bridge banger { comment \"banger\"; }; "
                                      "table ip banger { %s }'",
                                      comments[i]);

                lab_run("%s", command);
                assert_false(both_are_ours());
                assert_int_equal(firewall_ensure(&lab->settings, NULL), -EEXIST);
                lab_run("nft delete table ip banger");
        }
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_setup, lab_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(tables_that_are_not_there_are_not_ours),
                TEST(both_are_ours_with_and_without_guests),
                TEST(the_note_about_routing_is_ours_too),
                TEST(one_of_two_is_not_enough),
                TEST(a_table_of_somebody_elses_is_not_ours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
