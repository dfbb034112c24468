#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "common/clock.h"
#include "tests/unit/helper/store.h"

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

static void a_loop_is_ours_by_file_and_label_and_goes_with_its_last_user(void **state) {
        Fixture *fixture = *state;
        const VmId other = {.text = "9876543210"};
        _cleanup_host_ Host host = HOST_INIT;
        const DiskPlan of_vm = store_plan(false);
        DiskFiles files = DISK_FILES_INIT;
        LoopBinding binding, wrong;
        dev_t device = 0;
        HostPaths paths;
        int loop = -1;

        store_make(fixture);
        if (!store_open_host(fixture, &paths, &host))
                skip();
        assert_int_equal(disk_open_files(&host, &of_vm, &files, NULL), 0);
        binding = (LoopBinding) {
                .vm = &vm, .role = "image", .file_fd = files.image_fd, .read_only = true};
        if (loop_bind(&host, &binding, &loop, &device, &fixture->error) < 0)
                fail_msg("%s", fixture->error.message);
        assert_int_equal(major(device), 7);
        assert_true(loop_is_bound(&host, device, &binding));
        wrong = binding;
        wrong.file_fd = files.cow_fd;
        assert_false(loop_is_bound(&host, device, &wrong));
        wrong = binding;
        wrong.role = "cow";
        assert_false(loop_is_bound(&host, device, &wrong));
        wrong = binding;
        wrong.vm = &other;
        assert_false(loop_is_bound(&host, device, &wrong));
        wrong = binding;
        wrong.read_only = false;
        assert_false(loop_is_bound(&host, device, &wrong));
        assert_true(loop_has_role(&host, device, &vm, "image"));
        assert_false(loop_has_role(&host, device, &vm, "reading"));
        assert_false(loop_has_role(&host, device, &other, "image"));
        assert_false(loop_has_role(&host, makedev(8, minor(device)), &vm, "image"));
        close_fd(loop);
        assert_false(loop_is_bound(&host, device, &binding));
        assert_false(loop_has_role(&host, device, &vm, "image"));
        disk_close_files(&files);
}

static void a_loop_for_changes_can_be_written(void **state) {
        Fixture *fixture = *state;
        static const char sector[512] = "changed";
        _cleanup_host_ Host host = HOST_INIT;
        const DiskPlan of_vm = store_plan(false);
        DiskFiles files = DISK_FILES_INIT;
        _cleanup_close_ int loop = -1;
        LoopBinding binding;
        HostPaths paths;
        char read_back[8] = "";
        dev_t device;

        store_make(fixture);
        if (!store_open_host(fixture, &paths, &host))
                skip();
        assert_int_equal(disk_open_files(&host, &of_vm, &files, NULL), 0);
        binding = (LoopBinding) {
                .vm = &vm, .role = "cow", .file_fd = files.cow_fd, .direct = true};
        assert_int_equal(loop_bind(&host, &binding, &loop, &device, NULL), 0);
        assert_int_equal(pwrite(loop, sector, sizeof(sector), 4096), sizeof(sector));
        assert_int_equal(fsync(loop), 0);
        assert_int_equal(pread(files.cow_fd, read_back, sizeof(read_back), 4096), 8);
        assert_string_equal(read_back, "changed");
        disk_close_files(&files);
}

static void clearing_unbinds_the_loops_of_that_vm_only(void **state) {
        Fixture *fixture = *state;
        const VmId other = {.text = "9876543210"};
        _cleanup_close_ int theirs = -1;
        _cleanup_host_ Host host = HOST_INIT;
        const DiskPlan of_vm = store_plan(false);
        DiskFiles files = DISK_FILES_INIT;
        LoopBinding mine, others;
        dev_t my_device, their_device;
        HostPaths paths;
        int loop = -1;

        store_make(fixture);
        if (!store_open_host(fixture, &paths, &host))
                skip();
        assert_int_equal(disk_open_files(&host, &of_vm, &files, NULL), 0);
        mine = (LoopBinding) {.vm = &vm, .role = "image", .file_fd = files.image_fd};
        others = mine;
        others.vm = &other;
        mine.read_only = others.read_only = true;
        assert_int_equal(loop_bind(&host, &mine, &loop, &my_device, NULL), 0);
        assert_int_equal(loop_bind(&host, &others, &theirs, &their_device, NULL), 0);
        /* In use: it is only marked, and told so at the deadline. */
        assert_int_equal(loops_clear(&host, &vm, 0, &fixture->error), -EBUSY);
        assert_int_equal(fixture->error.kind, ERROR_BUSY);
        assert_true(loop_is_bound(&host, my_device, &mine));
        close_fd(loop);
        assert_int_equal(loops_clear(&host, &vm, clock_monotonic_usec() + 5 * USEC_PER_SEC, NULL),
                         0);
        assert_false(loop_is_bound(&host, my_device, &mine));
        assert_true(loop_is_bound(&host, their_device, &others));
        disk_close_files(&files);
}

static void a_file_below_another_vms_loop_is_shared_and_its_own_is_not(void **state) {
        Fixture *fixture = *state;
        const VmId other = {.text = "9876543210"};
        const DiskPlan with_work = store_plan(true);
        _cleanup_host_ Host host = HOST_INIT;
        DiskFiles files = DISK_FILES_INIT;
        LoopBinding binding;
        HostPaths paths;
        int loop = -1;
        dev_t device;

        store_make_work(fixture, 1048576);
        if (!store_open_host(fixture, &paths, &host))
                skip();
        assert_int_equal(disk_open_files(&host, &with_work, &files, NULL), 0);
        binding = (LoopBinding) {
                .vm = &other, .role = "work", .file_fd = files.work_fd, .direct = true};
        assert_int_equal(loop_bind(&host, &binding, &loop, &device, NULL), 0);
        assert_int_equal(loops_refuse_shared(&host, &vm, files.work_fd, &fixture->error), -EBUSY);
        store_said(fixture, "it is in use, below \"loop");
        assert_int_equal(loops_refuse_shared(&host, &other, files.work_fd, NULL), 0);
        assert_int_equal(loops_refuse_shared(&host, &vm, files.cow_fd, NULL), 0);
        close_fd(loop);
        assert_int_equal(loops_refuse_shared(&host, &vm, files.work_fd, NULL), 0);
        disk_close_files(&files);
}

static void a_host_without_loops_says_so(void **state) {
        Fixture *fixture = *state;
        const LoopBinding binding = {.vm = &vm, .role = "cow", .file_fd = -1};
        dev_t device = 0;
        int loop = -1;

        assert_int_equal(loop_bind(&fixture->host, &binding, &loop, &device, &fixture->error),
                         -ENOENT);
        assert_non_null(strstr(fixture->error.hint, "loop"));
        assert_int_equal(loop, -1);
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
                TEST(a_loop_is_ours_by_file_and_label_and_goes_with_its_last_user),
                TEST(a_loop_for_changes_can_be_written),
                TEST(clearing_unbinds_the_loops_of_that_vm_only),
                TEST(a_file_below_another_vms_loop_is_shared_and_its_own_is_not),
                TEST(a_host_without_loops_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
