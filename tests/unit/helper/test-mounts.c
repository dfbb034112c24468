#include "helper/mounts.h"
#include "tests/unit/helper/fixture.h"

#define JAILS "/var/lib/banger/jails"
#define ROOT_LINE "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
#define JAIL JAILS "/firecracker/0123456789/root"

static int parse(Fixture *fixture, const char *text) {
        _cleanup_free_ char *table = strdup(text);

        assert_non_null(table);
        return mounts_parse(table, JAILS, &fixture->inventory);
}

static void a_mount_in_a_jail_is_listed_with_its_vm(void **state) {
        Fixture *fixture = *state;
        const InventoryEntry *entry;

        assert_int_equal(parse(fixture, ROOT_LINE "40 22 0:30 / " JAIL "/run rw shared:9 master:1 "
                                                  "- tmpfs tmpfs rw\n"),
                         0);
        assert_int_equal(fixture->inventory.entries.n_items, 1);
        entry = fixture_find(fixture, JAIL "/run");
        assert_int_equal(entry->kind, INVENTORY_MOUNT);
        assert_string_equal(entry->vm, "0123456789");
        assert_string_equal(entry->detail, "tmpfs");
}

static void a_line_without_optional_fields_is_understood(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 0:30 / " JAIL " rw - tmpfs tmpfs rw\n"), 0);
        assert_string_equal(fixture_find(fixture, JAIL)->detail, "tmpfs");
}

static void the_directory_itself_is_not_below_itself(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 0:30 / " JAILS " rw - ext4 /dev/vdb rw\n"), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void a_neighbour_whose_name_begins_alike_is_not_ours(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 0:30 / " JAILS "-old/x rw - ext4 /dev/vdb rw\n"
                                        "41 22 0:30 / /srv" JAILS "/x rw - ext4 /dev/vdb rw\n"
                                        "42 22 0:30 / /var/lib rw - ext4 /dev/vdc rw\n"),
                         0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void an_administrators_disk_for_our_files_is_not_ours(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 8:1 / /var/lib/banger/vms rw - xfs /dev/sda rw\n"),
                         0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void escaped_characters_are_read_back(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 0:30 / " JAIL "/a\\040b\\134c rw - tmpfs t rw\n"),
                         0);
        (void) fixture_find(fixture, JAIL "/a b\\c");
}

static void a_lone_backslash_stays(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 0:30 / " JAIL "/a\\04 rw - tmpfs t rw\n"), 0);
        (void) fixture_find(fixture, JAIL "/a\\04");
}

static void a_mount_of_no_vm_is_listed_without_one(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture,
                               "40 22 0:30 / " JAILS "/firecracker/nonsense rw - tmpfs t rw\n"
                               "41 22 0:30 / " JAILS "/other/0123456789 rw - tmpfs t rw\n"),
                         0);
        assert_int_equal(fixture->inventory.entries.n_items, 2);
        assert_null(fixture_find(fixture, JAILS "/firecracker/nonsense")->vm);
        assert_null(fixture_find(fixture, JAILS "/other/0123456789")->vm);
}

static void mounts_stacked_on_one_place_are_listed_once(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 0:30 / " JAIL " rw - tmpfs t rw\n"
                                        "41 40 0:31 / " JAIL " rw - tmpfs t rw\n"),
                         0);
        assert_int_equal(fixture->inventory.entries.n_items, 1);
}

static void a_line_that_is_cut_is_an_error(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(parse(fixture, "40 22 0:30 / /mnt rw"), -EBADMSG);
        assert_int_equal(parse(fixture, "40 22 0:30 /"), -EBADMSG);
        assert_int_equal(parse(fixture, "40 22 0:30 / /mnt rw shared:1 -"), -EBADMSG);
}

static void the_table_is_read_from_proc(void **state) {
        Fixture *fixture = *state;
        char text[512], target[256];

        (void) snprintf(target, sizeof(target), "%s/jails/firecracker/0123456789", fixture->state);
        (void) snprintf(text, sizeof(text), ROOT_LINE "40 22 0:30 / %s rw - tmpfs t rw\n", target);
        fixture_mkdir(fixture, "proc/self");
        fixture_write(fixture, "proc/self/mountinfo", text);
        assert_int_equal(mounts_read(&fixture->host, &fixture->inventory, NULL), 0);
        (void) fixture_find(fixture, target);
}

static void a_missing_table_is_an_error(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(mounts_read(&fixture->host, &fixture->inventory, &fixture->error),
                         -ENOENT);
        assert_non_null(strstr(fixture->error.message, "mountinfo"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_mount_in_a_jail_is_listed_with_its_vm),
                TEST(a_line_without_optional_fields_is_understood),
                TEST(the_directory_itself_is_not_below_itself),
                TEST(a_neighbour_whose_name_begins_alike_is_not_ours),
                TEST(an_administrators_disk_for_our_files_is_not_ours),
                TEST(escaped_characters_are_read_back),
                TEST(a_lone_backslash_stays),
                TEST(a_mount_of_no_vm_is_listed_without_one),
                TEST(mounts_stacked_on_one_place_are_listed_once),
                TEST(a_line_that_is_cut_is_an_error),
                TEST(the_table_is_read_from_proc),
                TEST(a_missing_table_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
