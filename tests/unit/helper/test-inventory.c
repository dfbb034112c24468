#include <sched.h>
#include <sys/mount.h>

#include "common/strings.h"
#include "tests/unit/helper/fixture.h"

static int read_tap(_unused_ const Host *host, Inventory *inventory, _unused_ Error *reterr) {
        const VmId vm = {.text = "0123456789"};

        return inventory_add(inventory, INVENTORY_LINK, "bgr-0123456789", &vm, "tun, up");
}

static int read_bridge(_unused_ const Host *host, Inventory *inventory, _unused_ Error *reterr) {
        return inventory_add(inventory, INVENTORY_LINK, "br-banger", NULL, "bridge, up");
}

static int fail_first(_unused_ const Host *host, _unused_ Inventory *inventory, Error *reterr) {
        return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "the first is away");
}

static int fail_second(_unused_ const Host *host, _unused_ Inventory *inventory, Error *reterr) {
        return error_set(reterr, ERROR_FAILED, EIO, "the second is broken");
}

static void entries_of_all_sources_are_listed(void **state) {
        static const InventorySource sources[] = {{"taps", read_tap}, {"bridges", read_bridge}};
        Fixture *fixture = *state;
        const InventoryEntry *tap;

        assert_int_equal(inventory_read(sources, ELEMENTSOF(sources), &fixture->host,
                                        &fixture->inventory, &fixture->error),
                         0);
        assert_int_equal(fixture->inventory.entries.n_items, 2);
        tap = fixture_find(fixture, "bgr-0123456789");
        assert_int_equal(tap->kind, INVENTORY_LINK);
        assert_string_equal(tap->vm, "0123456789");
        assert_string_equal(tap->detail, "tun, up");
        assert_null(fixture_find(fixture, "br-banger")->vm);
}

static void an_error_names_every_source_that_failed(void **state) {
        static const InventorySource sources[] = {
                {"firsts", fail_first}, {"taps", read_tap}, {"seconds", fail_second}};
        Fixture *fixture = *state;

        assert_int_equal(inventory_read(sources, ELEMENTSOF(sources), &fixture->host,
                                        &fixture->inventory, &fixture->error),
                         -ENODEV);
        assert_int_equal(fixture->error.kind, ERROR_UNAVAILABLE);
        assert_non_null(strstr(fixture->error.message, "cannot list firsts: the first is away"));
        assert_non_null(strstr(fixture->error.message,
                               "cannot list seconds: the second is broken"));
}

static void a_failed_inventory_leaves_the_result_untouched(void **state) {
        static const InventorySource sources[] = {{"taps", read_tap}, {"firsts", fail_first}};
        Fixture *fixture = *state;

        assert_int_equal(inventory_read(sources, ELEMENTSOF(sources), &fixture->host,
                                        &fixture->inventory, NULL),
                         -ENODEV);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
        assert_null(fixture->inventory.entries.items);
}

static void nothing_is_listed_twice(void **state) {
        static const InventorySource sources[] = {{"taps", read_tap}, {"taps again", read_tap}};
        Fixture *fixture = *state;

        assert_int_equal(inventory_read(sources, ELEMENTSOF(sources), &fixture->host,
                                        &fixture->inventory, NULL),
                         0);
        assert_int_equal(fixture->inventory.entries.n_items, 1);
}

static void one_name_of_two_kinds_is_listed_as_both(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(inventory_add(&fixture->inventory, INVENTORY_DM, "x", NULL, NULL), 0);
        assert_int_equal(inventory_add(&fixture->inventory, INVENTORY_LOOP, "x", NULL, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 2);
}

static void what_all_share_is_no_vm(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(read_bridge(&fixture->host, &fixture->inventory, NULL), 0);
        assert_false(inventory_has_vm(&fixture->inventory));
        assert_int_equal(read_tap(&fixture->host, &fixture->inventory, NULL), 0);
        assert_true(inventory_has_vm(&fixture->inventory));
}

static void each_source_of_the_helper_has_a_name_of_its_own(_unused_ void **state) {
        for (size_t i = 0; i < inventory_n_sources; i++)
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(inventory_sources[i].name,
                                                inventory_sources[j].name);
}

static void a_path_below_is_not_opened_through_a_link(void **state) {
        Fixture *fixture = *state;
        char link[256];

        fixture_path(fixture, "state/jails", link, sizeof(link));
        assert_int_equal(symlink("/etc", link), 0);
        assert_int_equal(host_open_below(fixture->host.state_fd, "jails", O_RDONLY), -ELOOP);
}

static void a_path_below_does_not_lead_out(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(host_open_below(fixture->host.state_fd, "../sys", O_RDONLY), -EXDEV);
        assert_int_equal(host_open_below(fixture->host.state_fd, "/etc", O_RDONLY), -EXDEV);
}

/* Whoever serves a file system of FUSE decides how long it takes to open something there. */
static void a_path_below_does_not_pass_a_mount(void **state) {
        Fixture *fixture = *state;
        char directory[256];
        int fd;

        fixture_mkdir(fixture, "state/vms");
        fixture_mkdir(fixture, "state/vms/0123456789");
        fd = host_open_below(fixture->host.state_fd, "vms/0123456789", O_PATH);
        assert_true(fd >= 0);
        close_fd(fd);
        fixture_path(fixture, "state/vms/0123456789", directory, sizeof(directory));
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", directory, "tmpfs", 0, NULL) < 0)
                skip();
        /* Of the mounts that this process sees now. */
        fd = open(fixture->state, O_PATH | O_CLOEXEC);
        assert_int_equal(host_open_below(fd, "vms/0123456789", O_PATH), -EXDEV);
        close_fd(fd);
        assert_int_equal(umount(directory), 0);
}

static void a_host_without_our_directory_is_opened(void **state) {
        Fixture *fixture = *state;
        HostPaths paths = fixture->paths;
        _cleanup_host_ Host host = HOST_INIT;

        paths.state = "/nonexistent/banger";
        assert_int_equal(host_open(&paths, &host, &fixture->error), 0);
        assert_int_equal(host.state_fd, -1);
        assert_int_equal(fixture->error.kind, ERROR_NONE);
}

static void a_host_without_sysfs_is_an_error_that_names_it(void **state) {
        Fixture *fixture = *state;
        HostPaths paths = fixture->paths;
        Host host = HOST_INIT;

        paths.sys = "/nonexistent/sys";
        assert_int_equal(host_open(&paths, &host, &fixture->error), -ENOENT);
        assert_non_null(strstr(fixture->error.message, "/nonexistent/sys"));
        assert_int_equal(host.proc_fd, -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(entries_of_all_sources_are_listed),
                TEST(an_error_names_every_source_that_failed),
                TEST(a_failed_inventory_leaves_the_result_untouched),
                TEST(nothing_is_listed_twice),
                TEST(one_name_of_two_kinds_is_listed_as_both),
                TEST(what_all_share_is_no_vm),
                TEST(each_source_of_the_helper_has_a_name_of_its_own),
                TEST(a_path_below_is_not_opened_through_a_link),
                TEST(a_path_below_does_not_lead_out),
                TEST(a_path_below_does_not_pass_a_mount),
                TEST(a_host_without_our_directory_is_opened),
                TEST(a_host_without_sysfs_is_an_error_that_names_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
