#include <linux/loop.h>
#include <sys/ioctl.h>

#include "helper/loops.h"
#include "tests/unit/helper/fixture.h"

/* sysfs as of a host with one bound loop of that number. */
static void make_bound(const Fixture *fixture, int number) {
        char path[128];

        fixture_mkdir(fixture, "sys/block");
        (void) snprintf(path, sizeof(path), "sys/block/loop%d", number);
        fixture_mkdir(fixture, path);
        (void) snprintf(path, sizeof(path), "sys/block/loop%d/loop", number);
        fixture_mkdir(fixture, path);
}

static void a_loop_that_is_not_bound_is_not_asked(void **state) {
        Fixture *fixture = *state;

        fixture_mkdir(fixture, "sys/block");
        fixture_mkdir(fixture, "sys/block/loop0");
        fixture_write(fixture, "dev/loop0", "no device: asking it would fail");
        assert_int_equal(loops_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void a_bound_loop_without_a_node_is_not_ours(void **state) {
        Fixture *fixture = *state;

        make_bound(fixture, 0);
        assert_int_equal(loops_read(&fixture->host, &fixture->inventory, NULL), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void a_node_that_is_no_loop_device_is_an_error(void **state) {
        Fixture *fixture = *state;

        make_bound(fixture, 0);
        fixture_write(fixture, "dev/loop0", "a file");
        assert_int_equal(loops_read(&fixture->host, &fixture->inventory, &fixture->error),
                         -ENOTBLK);
        assert_non_null(strstr(fixture->error.message, "\"loop0\""));
}

static void a_node_that_is_a_link_is_not_followed(void **state) {
        Fixture *fixture = *state;
        char link[256];

        make_bound(fixture, 0);
        fixture_path(fixture, "dev/loop0", link, sizeof(link));
        assert_int_equal(symlink("/dev/null", link), 0);
        assert_int_equal(loops_read(&fixture->host, &fixture->inventory, NULL), -ELOOP);
}

static void a_host_without_block_devices_in_sysfs_is_an_error(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(loops_read(&fixture->host, &fixture->inventory, NULL), -ENOENT);
}

/* Binds a real loop that goes away with the descriptor. -1 where there are none. */
static int bind_loop(const Fixture *fixture, const char *name, int *ret_number) {
        _cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        struct loop_config config = {.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_READ_ONLY};
        _cleanup_close_ int backing = -1, loop = -1;
        char path[256];

        if (control < 0)
                return -1;
        fixture_write(fixture, "disk", "");
        fixture_path(fixture, "disk", path, sizeof(path));
        assert_int_equal(truncate(path, 1 << 20), 0);
        backing = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(backing >= 0);
        config.fd = (uint32_t) backing;
        (void) snprintf((char *) config.info.lo_file_name, LO_NAME_SIZE, "%s", name);
        for (int attempt = 0; attempt < 16; attempt++) {
                int number = ioctl(control, LOOP_CTL_GET_FREE);

                if (number < 0)
                        return -1;
                (void) snprintf(path, sizeof(path), "/dev/loop%d", number);
                loop = close_fd(loop);
                loop = open(path, O_RDONLY | O_CLOEXEC);
                if (loop < 0)
                        return -1;
                if (ioctl(loop, LOOP_CONFIGURE, &config) >= 0) {
                        *ret_number = number;
                        return steal_fd(&loop);
                }
                if (errno != EBUSY) /* else somebody else took it in between */
                        return -1;
        }
        return -1;
}

static void read_real_host(Fixture *fixture) {
        HostPaths paths = host_paths_default;
        _cleanup_host_ Host host = HOST_INIT;

        paths.state = fixture->state;
        assert_int_equal(host_open(&paths, &host, NULL), 0);
        assert_int_equal(loops_read(&host, &fixture->inventory, &fixture->error), 0);
}

static void a_loop_that_carries_our_name_is_listed(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int loop = -1;
        const InventoryEntry *entry;
        char name[32];
        int number = 0;

        loop = bind_loop(fixture, "banger:0123456789:cow", &number);
        if (loop < 0)
                skip();
        read_real_host(fixture);
        (void) snprintf(name, sizeof(name), "loop%d", number);
        entry = fixture_find(fixture, name);
        assert_int_equal(entry->kind, INVENTORY_LOOP);
        assert_string_equal(entry->vm, "0123456789");
        assert_non_null(strstr(entry->detail, "cow"));
        assert_non_null(strstr(entry->detail, "read-only"));
}

static void a_loop_of_somebody_else_is_not_listed(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int loop = -1;
        char name[32];
        int number = 0;

        loop = bind_loop(fixture, "/srv/banger:0123456789:cow", &number);
        if (loop < 0)
                skip();
        read_real_host(fixture);
        (void) snprintf(name, sizeof(name), "loop%d", number);
        assert_null(fixture_look(fixture, name));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_loop_that_is_not_bound_is_not_asked),
                TEST(a_bound_loop_without_a_node_is_not_ours),
                TEST(a_node_that_is_no_loop_device_is_an_error),
                TEST(a_node_that_is_a_link_is_not_followed),
                TEST(a_host_without_block_devices_in_sysfs_is_an_error),
                TEST(a_loop_that_carries_our_name_is_listed),
                TEST(a_loop_of_somebody_else_is_not_listed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
