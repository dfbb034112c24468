#include <libdevmapper.h>
#include <sys/sysmacros.h>

#include "helper/devmapper.h"
#include "tests/unit/helper/fixture.h"

static void a_kernel_without_the_driver_has_no_devices(void **state) {
        Fixture *fixture = *state;

        fixture_mkdir(fixture, "sys/class");
        fixture_mkdir(fixture, "sys/class/misc");
        assert_int_equal(devmapper_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void a_driver_that_cannot_be_looked_for_is_an_error(void **state) {
        Fixture *fixture = *state;

        fixture_write(fixture, "sys/class", "a file");
        assert_int_equal(devmapper_read(&fixture->host, &fixture->inventory, &fixture->error),
                         -ENOTDIR);
}

static void devices_of_others_are_not_listed(void **state) {
        Fixture *fixture = *state;
        _cleanup_host_ Host host = HOST_INIT;
        const InventoryEntry *entries;

        if (access("/dev/mapper/control", R_OK | W_OK) < 0)
                skip();
        assert_int_equal(host_open(&host_paths_default, &host, NULL), 0);
        assert_int_equal(devmapper_read(&host, &fixture->inventory, NULL), 0);
        entries = fixture->inventory.entries.items;
        for (size_t i = 0; i < fixture->inventory.entries.n_items; i++)
                assert_non_null(entries[i].vm);
}

static void a_vm_without_a_device_has_none_to_find(_unused_ void **state) {
        const VmId vm = {.text = "0123456789"};
        Snapshot snapshot = {};
        Linear linear = {};
        dev_t device = 1;

        if (access("/dev/mapper/control", R_OK | W_OK) < 0)
                skip();
        assert_int_equal(devmapper_find(&vm, DEVICE_ROOT, &device), -ENODEV);
        assert_int_equal(devmapper_find(&vm, DEVICE_WORK, &device), -ENODEV);
        assert_int_equal(devmapper_read_snapshot(&vm, &snapshot, NULL), -ENODEV);
        assert_int_equal(devmapper_read_linear(&vm, &linear, NULL), -ENODEV);
        assert_int_equal(devmapper_remove(&vm, DEVICE_ROOT, 0, NULL), 0);
        assert_int_equal(devmapper_remove(&vm, DEVICE_WORK, 0, NULL), 0);
        assert_int_equal(devmapper_remove_later(&vm, NULL), 0);
        assert_int_equal(device, 1);
}

/* As the kernel writes it: each entry where the one before says (dm-ioctl.h). */
typedef struct Listed {
        char bytes[512];
        size_t size, last;
} Listed;

static void list(Listed *listed, const char *name) {
        struct dm_names entry = {.dev = makedev(253, 1)};
        struct dm_names *before = (void *) &listed->bytes[listed->last];
        const size_t size = (sizeof(entry) + strlen(name) + 1 + 7) / 8 * 8;

        assert_true(listed->size + size <= sizeof(listed->bytes));
        if (listed->size > 0)
                before->next = (uint32_t) (listed->size - listed->last);
        listed->last = listed->size;
        memcpy(&listed->bytes[listed->last], &entry, sizeof(entry));
        strcpy(&listed->bytes[listed->last + offsetof(struct dm_names, name)], name);
        listed->size += size;
}

static void other_vms_are_counted_by_their_root_devices(_unused_ void **state) {
        static const char *const names[] = {
                "vg-root",           "banger-0123456789", "banger-0123456789-work",
                "banger-abcdef0123", "banger-9876543210", "banger-9876543210-work",
                "banger-ABCDEF0123", "banger-0123",       "bangers-abcdef0123",
        };
        const VmId first = {.text = "0123456789"}, another = {.text = "ffffffffff"};
        _Alignas(8) Listed listed = {};

        assert_int_equal(devmapper_count_listed(NULL, &first), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                list(&listed, names[i]);
        assert_int_equal(devmapper_count_listed((void *) listed.bytes, &first), 2);
        assert_int_equal(devmapper_count_listed((void *) listed.bytes, &another), 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_kernel_without_the_driver_has_no_devices),
                TEST(a_driver_that_cannot_be_looked_for_is_an_error),
                TEST(devices_of_others_are_not_listed),
                TEST(a_vm_without_a_device_has_none_to_find),
                TEST(other_vms_are_counted_by_their_root_devices),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
