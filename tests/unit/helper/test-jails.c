#include "helper/jails.h"
#include "tests/unit/helper/fixture.h"

static void make_jails(const Fixture *fixture) {
        fixture_mkdir(fixture, "state/jails");
        fixture_mkdir(fixture, "state/jails/firecracker");
}

static void a_jail_is_listed_with_its_vm(void **state) {
        Fixture *fixture = *state;
        const InventoryEntry *entry;

        make_jails(fixture);
        fixture_mkdir(fixture, "state/jails/firecracker/0123456789");
        assert_int_equal(jails_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 1);
        entry = fixture_find(fixture, "firecracker/0123456789");
        assert_int_equal(entry->kind, INVENTORY_JAIL);
        assert_string_equal(entry->vm, "0123456789");
        assert_non_null(strstr(entry->detail, "mode 0755"));
}

static void what_is_no_vms_directory_is_not_listed(void **state) {
        Fixture *fixture = *state;

        make_jails(fixture);
        fixture_mkdir(fixture, "state/jails/firecracker/lost+found");
        fixture_mkdir(fixture, "state/jails/firecracker/0123456789ab");
        fixture_write(fixture, "state/jails/firecracker/abcdefabcd", "a file");
        assert_int_equal(jails_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void no_jails_yet_is_an_empty_list(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(jails_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void no_state_directory_is_an_empty_list(void **state) {
        Fixture *fixture = *state;

        fixture->host.state_fd = close_fd(fixture->host.state_fd);
        assert_int_equal(jails_read(&fixture->host, &fixture->inventory, NULL), 0);
}

static void a_link_in_the_place_of_the_jails_is_refused(void **state) {
        Fixture *fixture = *state;
        char link[256];

        fixture_mkdir(fixture, "state/elsewhere");
        fixture_mkdir(fixture, "state/elsewhere/firecracker");
        fixture_path(fixture, "state/jails", link, sizeof(link));
        assert_int_equal(symlink("elsewhere", link), 0);
        assert_int_equal(jails_read(&fixture->host, &fixture->inventory, &fixture->error), -ELOOP);
        assert_non_null(strstr(fixture->error.message, "jails"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_jail_is_listed_with_its_vm),
                TEST(what_is_no_vms_directory_is_not_listed),
                TEST(no_jails_yet_is_an_empty_list),
                TEST(no_state_directory_is_an_empty_list),
                TEST(a_link_in_the_place_of_the_jails_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
