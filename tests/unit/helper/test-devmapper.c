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

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_kernel_without_the_driver_has_no_devices),
                TEST(a_driver_that_cannot_be_looked_for_is_an_error),
                TEST(devices_of_others_are_not_listed),
                TEST(a_vm_without_a_device_has_none_to_find),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
