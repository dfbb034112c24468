/* What a vmlinuz or vmlinux is unpacked to, and what is refused as one. */
#include <sys/socket.h>

#include "tests/unit/worker/kernel-fixture.h"

#include "worker/bzimage.h"

static void expect_vmlinux(KernelFixture *kernel) {
        static char content[VMLINUX_BYTES + 1];
        const Vmlinux vmlinux = make_vmlinux();

        assert_int_equal(pread(kernel->job.vmlinux_fd, content, sizeof(content), 0),
                         VMLINUX_BYTES);
        assert_memory_equal(content, &vmlinux, VMLINUX_BYTES);
}

static void a_vmlinuz_is_unpacked_however_it_is_compressed(void **state) {
        static const char *const filters[] = {"gzip", "bzip2", "xz", "lzma", "zstd", "lz4-legacy"};
        KernelFixture *kernel = *state;

        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                print_message("%s\n", filters[i]);
                put_vmlinuz(kernel, filters[i]);
                expect_imported(kernel);
                expect_vmlinux(kernel);
                assert_string_equal(kernel->facts.release, RELEASE);
                assert_int_equal(kernel->facts.vmlinux_bytes, VMLINUX_BYTES);
                assert_int_equal(kernel->facts.modules_bytes, 0);
                schema_clear(&worker_kernel_facts_schema, &kernel->facts);
                assert_int_equal(ftruncate(kernel->job.source_fd, 0), 0);
                assert_int_equal(ftruncate(kernel->job.vmlinux_fd, 0), 0);
                assert_int_equal(ftruncate(kernel->job.initrd_fd, 0), 0);
                assert_int_equal(lseek(kernel->job.vmlinux_fd, 0, SEEK_SET), 0);
                assert_int_equal(lseek(kernel->job.initrd_fd, 0, SEEK_SET), 0);
        }
}

static void a_vmlinux_is_taken_as_it_is(void **state) {
        KernelFixture *kernel = *state;
        const Vmlinux vmlinux = make_vmlinux();

        put(kernel, &vmlinux, sizeof(vmlinux), 0);
        expect_imported(kernel);
        expect_vmlinux(kernel);
        assert_null(kernel->facts.release);
}

static void a_vmlinux_that_is_cut_off_is_refused(void **state) {
        KernelFixture *kernel = *state;
        const Vmlinux vmlinux = make_vmlinux();

        put(kernel, &vmlinux, sizeof(vmlinux) - 1, 0);
        expect_kernel_refused(kernel, "the kernel is cut off");
}

static void a_vmlinuz_that_is_cut_off_is_refused(void **state) {
        KernelFixture *kernel = *state;
        struct stat st;

        put_vmlinuz(kernel, "gzip");
        assert_int_equal(fstat(kernel->job.source_fd, &st), 0);
        assert_int_equal(ftruncate(kernel->job.source_fd, st.st_size - 1), 0);
        expect_kernel_refused(kernel, "the kernel is cut off, or has no payload");
}

static void a_payload_that_is_damaged_is_refused(void **state) {
        KernelFixture *kernel = *state;

        put_vmlinuz(kernel, "xz");
        put(kernel, "damaged, as it were", 19, PAYLOAD_AT + 200);
        expect_kernel_refused(kernel, "cannot unpack the kernel");
}

static void a_payload_of_another_size_than_it_says_is_refused(void **state) {
        KernelFixture *kernel = *state;
        struct stat st;

        put_vmlinuz(kernel, "xz");
        assert_int_equal(fstat(kernel->job.source_fd, &st), 0);
        put(kernel, "\1", 1, st.st_size - 4);
        expect_kernel_refused(kernel, "did not unpack to the size that it says");
}

static void an_unknown_compression_is_refused_with_a_remedy(void **state) {
        static const char lzo[] = "\x89LZO\0\r\n\x1a\n and so on";
        KernelFixture *kernel = *state;

        put_bzimage(kernel, lzo, sizeof(lzo));
        expect_kernel_refused(kernel, "compressed in a way that is not known");
        assert_non_null(strstr(kernel->fixture.error.hint, "extract-vmlinux"));
}

static void a_payload_that_is_no_kernel_is_refused(void **state) {
        KernelFixture *kernel = *state;
        char payload[4096];
        size_t used = compress("gzip", "a text", 6, payload, sizeof(payload));

        put_bzimage(kernel, payload, used);
        expect_kernel_refused(kernel, "the kernel is no ELF file");
}

static void a_kernel_for_another_machine_is_refused(void **state) {
        KernelFixture *kernel = *state;
        Vmlinux vmlinux = make_vmlinux();

        vmlinux.header.e_machine = EM_AARCH64;
        put(kernel, &vmlinux, sizeof(vmlinux), 0);
        expect_kernel_refused(kernel, "no executable for x86-64");
}

static void program_headers_beyond_the_file_are_refused(void **state) {
        KernelFixture *kernel = *state;
        Vmlinux vmlinux = make_vmlinux();

        vmlinux.header.e_phoff = UINT64_MAX - 10;
        put(kernel, &vmlinux, sizeof(vmlinux), 0);
        expect_kernel_refused(kernel, "the kernel has nothing to load");
}

static void an_old_boot_protocol_is_refused(void **state) {
        KernelFixture *kernel = *state;

        put_vmlinuz(kernel, "gzip");
        put(kernel, "\7\2", 2, 0x206);
        expect_kernel_refused(kernel, "older than Linux 2.6.26");
}

static void what_is_no_kernel_is_refused(void **state) {
        KernelFixture *kernel = *state;

        put(kernel, "some text", 9, 0);
        expect_kernel_refused(kernel, "neither a vmlinuz nor an ELF vmlinux");
}

static void an_empty_file_is_no_kernel(void **state) {
        expect_kernel_refused(*state, "neither a vmlinuz nor an ELF vmlinux");
}

static void a_pipe_is_no_kernel(void **state) {
        KernelFixture *kernel = *state;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        close_fd(kernel->job.source_fd);
        kernel->job.source_fd = fds[0];
        expect_kernel_refused(kernel, "a kernel must be a regular file");
        close_fd(fds[1]);
}

static void a_client_that_has_left_cancels(void **state) {
        KernelFixture *kernel = *state;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        close_fd(fds[1]);
        put_vmlinuz(kernel, "gzip");
        kernel->fixture.job.client_fd = fds[0];
        expect_kernel_refused(kernel, "canceled");
        assert_int_equal(kernel->fixture.error.kind, ERROR_CANCELED);
        close_fd(fds[0]);
}

static void a_release_is_the_first_word_of_the_version(void **state) {
        static const struct {
                const char *text, *wanted;
        } cases[] = {
                {"6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1", "6.1.0-18-amd64"},
                {"6.8.0+ x", "6.8.0+"},
                {"v6.1 x", NULL},
                {"../6.1 x", NULL},
                {"6.1/../.. x", "6.1"},
                {"", NULL},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *release = bzimage_release(cases[i].text,
                                                               strlen(cases[i].text) + 1);

                if (!cases[i].wanted)
                        assert_null(release);
                else
                        assert_string_equal(release, cases[i].wanted);
        }
        assert_null(bzimage_release("6.1", 3)); /* it may go on behind what was read */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_vmlinuz_is_unpacked_however_it_is_compressed,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(a_vmlinux_is_taken_as_it_is, kernel_fixture_setup,
                                                kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_vmlinux_that_is_cut_off_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_vmlinuz_that_is_cut_off_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_payload_that_is_damaged_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_payload_of_another_size_than_it_says_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_unknown_compression_is_refused_with_a_remedy,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_payload_that_is_no_kernel_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_kernel_for_another_machine_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        program_headers_beyond_the_file_are_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        an_old_boot_protocol_is_refused,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(what_is_no_kernel_is_refused, kernel_fixture_setup,
                                                kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(an_empty_file_is_no_kernel, kernel_fixture_setup,
                                                kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(a_pipe_is_no_kernel, kernel_fixture_setup,
                                                kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_client_that_has_left_cancels,
                        kernel_fixture_setup, kernel_fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        a_release_is_the_first_word_of_the_version,
                        kernel_fixture_setup, kernel_fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
