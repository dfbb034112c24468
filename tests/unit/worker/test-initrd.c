/* What the initrd of a guest has, and where its modules come from. */
#include "tests/unit/worker/kernel-fixture.h"

#include "worker/modules.h"

static void put_module(KernelFixture *kernel, const char *path, const char *content,
                       const char *filter) {
        char full[128], packed[4096];
        size_t size = strlen(content);

        (void) snprintf(full, sizeof(full), "modules/" RELEASE "/%s", path);
        if (filter)
                size = compress(filter, content, size, packed, sizeof(packed));
        fixture_write(&kernel->fixture, full, filter ? packed : content, size);
}

static void put_text(KernelFixture *kernel, const char *path, const char *text) {
        put_module(kernel, path, text, NULL);
}

static void put_modules(KernelFixture *kernel) {
        const Vmlinux vmlinux = make_vmlinux();

        put(kernel, &vmlinux, sizeof(vmlinux), 0);
        fixture_mkdir(&kernel->fixture, "modules/" RELEASE);
        fixture_mkdir(&kernel->fixture, "modules/" RELEASE "/kernel");
        put_module(kernel, "kernel/virtio_mmio.ko.xz", "mmio", "xz");
        put_module(kernel, "kernel/virtio_net.ko.zst", "net", "zstd");
        put_module(kernel, "kernel/net_failover.ko.gz", "net_failover", "gzip");
        put_module(kernel, "kernel/failover.ko", "failover", NULL);
        put_module(kernel, "kernel/vsock.ko", "vsock", NULL);
        put_module(kernel, "kernel/vmw_vsock_virtio_transport.ko", "transport", NULL);
        put_module(kernel, "kernel/crc32c-generic.ko", "crc32c", NULL);
        put_module(kernel, "kernel/ext4.ko", "ext4", NULL);
        put_module(kernel, "kernel/jbd2.ko", "jbd2", NULL);
        put_module(kernel, "kernel/unrelated.ko", "unrelated", NULL);
        put_text(kernel, "modules.builtin", "kernel/drivers/block/virtio_blk.ko\n");
        put_text(kernel, "modules.dep",
                 "kernel/unrelated.ko:\n"
                 "kernel/ext4.ko: kernel/jbd2.ko\n"
                 "kernel/jbd2.ko:\n"
                 "kernel/virtio_net.ko.zst: kernel/net_failover.ko.gz kernel/failover.ko\n"
                 "kernel/net_failover.ko.gz: kernel/failover.ko\n"
                 "kernel/failover.ko:\n"
                 "kernel/virtio_mmio.ko.xz:\n"
                 "kernel/vsock.ko:\n"
                 "kernel/vmw_vsock_virtio_transport.ko: kernel/vsock.ko\n"
                 "kernel/crc32c-generic.ko:\n");
        kernel->job.release = RELEASE;
}

/* "name mode content" of each file of the initrd, a line each. */
static void list_initrd(KernelFixture *kernel, char *ret, size_t max) {
        struct archive *archive = archive_read_new();
        struct archive_entry *entry;
        size_t used = 0;
        int r;

        assert_int_equal(archive_read_support_format_cpio(archive), ARCHIVE_OK);
        assert_int_equal(lseek(kernel->job.initrd_fd, 0, SEEK_SET), 0);
        assert_int_equal(archive_read_open_fd(archive, kernel->job.initrd_fd, 4096), ARCHIVE_OK);
        while ((r = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
                char content[4096];
                la_ssize_t n = archive_read_data(archive, content, sizeof(content));

                assert_true(n >= 0);
                assert_true(archive_entry_uid(entry) == 0 && archive_entry_gid(entry) == 0);
                used += (size_t) snprintf(ret + used, max - used, "%s %o %.*s\n",
                                          archive_entry_pathname(entry),
                                          archive_entry_mode(entry), (int) n, content);
                assert_true(used < max);
        }
        assert_int_equal(r, ARCHIVE_EOF);
        assert_int_equal(archive_read_free(archive), ARCHIVE_OK);
}

#define SKELETON                                                                                   \
        "dev 40755 \nproc 40755 \nsys 40755 \nrun 40755 \nnewroot 40755 \nmodules 40755 \n"        \
        "dev/console 20600 \ndev/null 20666 \ninit 100755 the agent\n"

static void an_initrd_without_modules_has_the_agent(void **state) {
        KernelFixture *kernel = *state;
        char list[4096] = "";

        assert_int_equal(initrd_write(&kernel->job, NULL), 0);
        list_initrd(kernel, list, sizeof(list));
        assert_string_equal(list, SKELETON);
}

static void an_initrd_has_what_leads_to_a_root_in_the_order_it_loads(void **state) {
        KernelFixture *kernel = *state;
        char list[8192] = "";

        put_modules(kernel);
        expect_imported(kernel);
        assert_true(kernel->facts.initrd_bytes > 0);
        list_initrd(kernel, list, sizeof(list));
        assert_string_equal(list,
                            SKELETON "modules/virtio_mmio.ko 100644 mmio\n"
                                     "modules/failover.ko 100644 failover\n"
                                     "modules/net_failover.ko 100644 net_failover\n"
                                     "modules/virtio_net.ko 100644 net\n"
                                     "modules/vsock.ko 100644 vsock\n"
                                     "modules/vmw_vsock_virtio_transport.ko 100644 transport\n"
                                     "modules/crc32c-generic.ko 100644 crc32c\n"
                                     "modules/jbd2.ko 100644 jbd2\n"
                                     "modules/ext4.ko 100644 ext4\n"
                                     "modules.load 100644 /modules/virtio_mmio.ko\n"
                                     "/modules/failover.ko\n"
                                     "/modules/net_failover.ko\n"
                                     "/modules/virtio_net.ko\n"
                                     "/modules/vsock.ko\n"
                                     "/modules/vmw_vsock_virtio_transport.ko\n"
                                     "/modules/crc32c-generic.ko\n"
                                     "/modules/jbd2.ko\n"
                                     "/modules/ext4.ko\n\n");
}

static void all_modules_become_a_file_system(void **state) {
        KernelFixture *kernel = *state;
        Fixture *fixture = &kernel->fixture;

        put_modules(kernel);
        assert_int_equal(symlinkat("/usr/src/linux", fixture->dir_fd, "modules/" RELEASE "/build"),
                         0);
        expect_imported(kernel);
        assert_int_equal(fixture_run(fixture, "e2fsck -fn modules.ext4 2>&1"), 0);
        assert_int_equal(fixture_run(fixture, "debugfs -R 'cat /kernel/unrelated.ko' modules.ext4 "
                                              "2>/dev/null"),
                         0);
        assert_string_equal(fixture->text, "unrelated");
        (void) fixture_run(fixture, "debugfs -R 'ls -p /' modules.ext4 2>/dev/null");
        assert_non_null(strstr(fixture->text, "modules.dep"));
        assert_null(strstr(fixture->text, "build"));
}

static void modules_of_another_kernel_are_refused(void **state) {
        KernelFixture *kernel = *state;

        put_modules(kernel);
        put_vmlinuz(kernel, "gzip");
        kernel->job.release = "6.2.0";
        expect_kernel_refused(kernel, "the kernel is " RELEASE ", its modules would be of 6.2.0");
}

static void without_modules_on_the_host_it_is_said(void **state) {
        KernelFixture *kernel = *state;

        put_modules(kernel);
        kernel->job.release = "6.2.0";
        expect_kernel_refused(kernel, "cannot read the modules of 6.2.0");
        assert_non_null(strstr(kernel->fixture.error.hint, "install the modules"));
}

static void without_the_agent_it_is_said(void **state) {
        KernelFixture *kernel = *state;
        const Vmlinux vmlinux = make_vmlinux();

        put(kernel, &vmlinux, sizeof(vmlinux), 0);
        kernel->job.agent_path = "/nowhere/banger-guest";
        expect_kernel_refused(kernel, "cannot read the guest's agent /nowhere/banger-guest");
        assert_string_equal(kernel->fixture.error.hint, "run: make install");
}

static void a_kernel_without_a_needed_module_is_refused(void **state) {
        KernelFixture *kernel = *state;

        put_modules(kernel);
        put_text(kernel, "modules.builtin", "");
        expect_kernel_refused(kernel, RELEASE ": the kernel has no module virtio_blk");
        assert_int_equal(kernel->fixture.error.kind, ERROR_UNAVAILABLE);
}

static void a_module_that_is_listed_but_not_there_is_refused(void **state) {
        KernelFixture *kernel = *state;

        put_modules(kernel);
        assert_int_equal(unlinkat(kernel->fixture.dir_fd, "modules/" RELEASE "/kernel/jbd2.ko", 0),
                         0);
        expect_kernel_refused(kernel, "cannot read kernel/jbd2.ko");
}

static void a_module_that_is_damaged_is_refused(void **state) {
        KernelFixture *kernel = *state;

        put_modules(kernel);
        fixture_write(&kernel->fixture, "modules/" RELEASE "/kernel/virtio_mmio.ko.xz",
                      "\xfd" "7zXZ\0 and nothing of the kind", 30);
        expect_kernel_refused(kernel, "cannot read kernel/virtio_mmio.ko.xz");
}

static void expect_broken(const char *dep) {
        static const char builtin[] = "virtio_mmio.ko\nvirtio_blk.ko\nvirtio_net.ko\nvsock.ko\n"
                                      "vmw_vsock_virtio_transport.ko\n";
        _cleanup_error_ Error error = ERROR_INIT;
        Strv paths = NULL;

        assert_int_equal(modules_resolve(dep, builtin, &paths, &error), -EBADMSG);
        assert_non_null(strstr(error.message, "modules.dep is broken at"));
        assert_null(paths);
}

static void a_broken_modules_dep_is_refused(void **state) {
        (void) state;
        expect_broken("ext4.ko: jbd2.ko\n");               /* not listed */
        expect_broken("ext4.ko: ext4.ko\n");               /* needs itself */
        expect_broken("ext4.ko: a.ko\na.ko: b.ko\nb.ko: ext4.ko\n");
        expect_broken("/lib/modules/ext4.ko:\n");
        expect_broken("../ext4.ko:\n");
        expect_broken("ext4.ko: ../a.ko\n../a.ko:\n");
        expect_broken("ext4.ko: jbd2\njbd2:\n");           /* no module */
}

/* Each needs all the others. */
static void modules_that_need_each_other_end(void **state) {
        char dep[16384];
        size_t used = 0;

        (void) state;
        for (int i = 0; i < 30; i++) {
                used += (size_t) (i == 0 ? snprintf(dep, sizeof(dep), "ext4.ko:")
                                         : snprintf(dep + used, sizeof(dep) - used, "m%d.ko:", i));
                for (int j = 1; j < 30; j++)
                        used += (size_t) snprintf(dep + used, sizeof(dep) - used, " m%d.ko", j);
                used += (size_t) snprintf(dep + used, sizeof(dep) - used, "\n");
        }
        expect_broken(dep);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        an_initrd_without_modules_has_the_agent,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_initrd_has_what_leads_to_a_root_in_the_order_it_loads,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        all_modules_become_a_file_system,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        modules_of_another_kernel_are_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        without_modules_on_the_host_it_is_said,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(without_the_agent_it_is_said, kernel_fixture_setup,
                                                kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_kernel_without_a_needed_module_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_module_that_is_listed_but_not_there_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_module_that_is_damaged_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_broken_modules_dep_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        modules_that_need_each_other_end,
                        kernel_fixture_setup, kernel_fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
