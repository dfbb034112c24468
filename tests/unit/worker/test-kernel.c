/* Kernels, initrds and modules: what a vmlinuz is unpacked to, what the initrd of a guest has. */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <sys/socket.h>

#include "tests/unit/worker/fixture.h"

#include "worker/bzimage.h"
#include "worker/kernel.h"
#include "worker/modules.h"

#define RELEASE "6.1.0-test"
#define VMLINUX_BYTES 20000

typedef struct Vmlinux {
        Elf64_Ehdr header;
        Elf64_Phdr programs[2];
        char code[VMLINUX_BYTES - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
} Vmlinux;

static Vmlinux make_vmlinux(void) {
        Vmlinux vmlinux = {
                .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                                       ELFDATA2LSB, EV_CURRENT},
                           .e_type = ET_EXEC,
                           .e_machine = EM_X86_64,
                           .e_phoff = offsetof(Vmlinux, programs),
                           .e_phentsize = sizeof(Elf64_Phdr),
                           .e_phnum = 2},
                .programs = {{.p_type = PT_LOAD, .p_offset = 0, .p_filesz = 4096},
                             {.p_type = PT_LOAD, .p_offset = 4096,
                              .p_filesz = VMLINUX_BYTES - 4096}},
        };

        for (size_t i = 0; i < sizeof(vmlinux.code); i++)
                vmlinux.code[i] = (char) (i * 7 / 3);
        return vmlinux;
}

typedef struct KernelFixture {
        Fixture fixture; /* first: fixture_setup()'s functions take it */
        KernelJob job;
        WorkerKernelFacts facts;
        char modules[80], agent[80];
} KernelFixture;

static int setup(void **state) {
        KernelFixture *kernel = calloc(1, sizeof(*kernel));
        Fixture *fixture;

        assert_non_null(kernel);
        assert_int_equal(fixture_setup(state), 0);
        fixture = *state;
        kernel->fixture = *fixture;
        free(fixture);
        fixture = &kernel->fixture;
        (void) snprintf(kernel->modules, sizeof(kernel->modules), "%s/modules", fixture->dir);
        (void) snprintf(kernel->agent, sizeof(kernel->agent), "%s/agent", fixture->dir);
        fixture_write(fixture, "agent", "the agent", 9);
        fixture_mkdir(fixture, "modules");
        kernel->job = (KernelJob) {
                .job = &fixture->job,
                .source_fd = fixture_create(fixture, "source"),
                .vmlinux_fd = fixture->target_fd,
                .initrd_fd = fixture_create(fixture, "initrd"),
                .modules_fd = fixture_create(fixture, "modules.ext4"),
                .modules_path = kernel->modules,
                .agent_path = kernel->agent,
        };
        *state = kernel;
        return 0;
}

static int teardown(void **state) {
        KernelFixture *kernel = *state;

        close_fd(kernel->job.source_fd);
        close_fd(kernel->job.initrd_fd);
        close_fd(kernel->job.modules_fd);
        schema_clear(&worker_kernel_facts_schema, &kernel->facts);
        return fixture_teardown(state);
}

static int import(KernelFixture *kernel) {
        return kernel_import(&kernel->job, &kernel->facts, &kernel->fixture.error);
}

static void expect_imported(KernelFixture *kernel) {
        if (import(kernel) < 0)
                fail_msg("%s", kernel->fixture.error.message);
}

/* Says why, and none of the three files has anything. */
static void expect_kernel_refused(KernelFixture *kernel, const char *message) {
        const int fds[] = {kernel->job.vmlinux_fd, kernel->job.initrd_fd, kernel->job.modules_fd};
        struct stat st;

        if (import(kernel) >= 0)
                fail_msg("it was taken");
        print_message("%s\n", kernel->fixture.error.message);
        assert_non_null(strstr(kernel->fixture.error.message, message));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                assert_int_equal(fstat(fds[i], &st), 0);
                assert_int_equal(st.st_size, 0);
        }
}

static void put(KernelFixture *kernel, const void *data, size_t size, off_t at) {
        assert_int_equal(pwrite(kernel->job.source_fd, data, size, at), size);
}

/* ---- vmlinuz ---- */

#define PAYLOAD_AT (2 * 512 + 64)

static size_t compress(const char *filter, const void *data, size_t size, char *ret, size_t max) {
        struct archive *archive = archive_write_new();
        struct archive_entry *entry = archive_entry_new();
        size_t used = 0;

        assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
        assert_int_equal(archive_write_add_filter_by_name(archive, filter), ARCHIVE_OK);
        assert_int_equal(archive_write_set_bytes_per_block(archive, 0), ARCHIVE_OK);
        assert_int_equal(archive_write_open_memory(archive, ret, max, &used), ARCHIVE_OK);
        archive_entry_set_pathname(entry, "data");
        archive_entry_set_filetype(entry, AE_IFREG);
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(archive, data, size), size);
        archive_entry_free(entry);
        assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
        assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
        return used;
}

static void put_u32(char *at, uint32_t value) {
        for (int i = 0; i < 4; i++)
                at[i] = (char) (value >> 8 * i);
}

/* The legacy frame, as `lz4 -l` of Linux's build: one block, of literals only. */
static size_t compress_lz4_legacy(const void *data, size_t size, char *ret) {
        size_t used = 8, left = size - 15;

        put_u32(ret, 0x184c2102);
        ret[used++] = (char) 0xf0;
        for (; left >= 255; left -= 255)
                ret[used++] = (char) 255;
        ret[used++] = (char) left;
        memcpy(ret + used, data, size);
        used += size;
        put_u32(ret + 4, (uint32_t) (used - 8));
        return used;
}

static void put_bzimage(KernelFixture *kernel, const char *payload, size_t size) {
        static const char version[] = RELEASE " (builder@host) #1 SMP";
        char head[PAYLOAD_AT] = {};

        head[0x1f1] = 1;
        memcpy(head + 0x202, "HdrS", 4);
        head[0x206] = 0x0f;
        head[0x207] = 2;
        head[0x20e] = 0x60; /* version: 0x60 + 512 */
        head[0x20f] = 1;
        memcpy(head + 0x160 + 512, version, sizeof(version));
        put_u32(head + 0x248, 64);
        put_u32(head + 0x24c, (uint32_t) size);
        put(kernel, head, sizeof(head), 0);
        put(kernel, payload, size, PAYLOAD_AT);
}

/* A vmlinuz of the vmlinux, its payload compressed so. */
static void put_vmlinuz(KernelFixture *kernel, const char *filter) {
        static char payload[64 * 1024];
        const Vmlinux vmlinux = make_vmlinux();
        size_t used;

        used = strcmp(filter, "lz4-legacy") == 0
                       ? compress_lz4_legacy(&vmlinux, sizeof(vmlinux), payload)
                       : compress(filter, &vmlinux, sizeof(vmlinux), payload, sizeof(payload) - 4);
        if (strcmp(filter, "gzip") != 0) {
                put_u32(payload + used, sizeof(vmlinux));
                used += 4;
        }
        put_bzimage(kernel, payload, used);
}

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

/* ---- initrd and modules ---- */

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

/* Each needs all the others: followed naively, 30! ways. */
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
                        a_vmlinuz_is_unpacked_however_it_is_compressed, setup, teardown),
                cmocka_unit_test_setup_teardown(a_vmlinux_is_taken_as_it_is, setup, teardown),
                cmocka_unit_test_setup_teardown(a_vmlinux_that_is_cut_off_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_vmlinuz_that_is_cut_off_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_payload_that_is_damaged_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        a_payload_of_another_size_than_it_says_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_unknown_compression_is_refused_with_a_remedy, setup, teardown),
                cmocka_unit_test_setup_teardown(a_payload_that_is_no_kernel_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_kernel_for_another_machine_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(program_headers_beyond_the_file_are_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(an_old_boot_protocol_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_no_kernel_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(an_empty_file_is_no_kernel, setup, teardown),
                cmocka_unit_test_setup_teardown(a_pipe_is_no_kernel, setup, teardown),
                cmocka_unit_test_setup_teardown(a_client_that_has_left_cancels, setup, teardown),
                cmocka_unit_test_setup_teardown(a_release_is_the_first_word_of_the_version, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(an_initrd_without_modules_has_the_agent, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        an_initrd_has_what_leads_to_a_root_in_the_order_it_loads, setup, teardown),
                cmocka_unit_test_setup_teardown(all_modules_become_a_file_system, setup, teardown),
                cmocka_unit_test_setup_teardown(modules_of_another_kernel_are_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(without_modules_on_the_host_it_is_said, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(without_the_agent_it_is_said, setup, teardown),
                cmocka_unit_test_setup_teardown(a_kernel_without_a_needed_module_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        a_module_that_is_listed_but_not_there_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(a_module_that_is_damaged_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_broken_modules_dep_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(modules_that_need_each_other_end, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
