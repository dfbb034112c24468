#pragma once
/* Kernels that the tests make, and what they are imported to. */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>

#include "tests/unit/worker/fixture.h"

#include "worker/kernel.h"

#define RELEASE "6.1.0-test"
#define VMLINUX_BYTES 20000

typedef struct Vmlinux {
        Elf64_Ehdr header;
        Elf64_Phdr programs[2];
        char code[VMLINUX_BYTES - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
} Vmlinux;

static inline Vmlinux make_vmlinux(void) {
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

static inline int kernel_fixture_setup(void **state) {
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

static inline int kernel_fixture_teardown(void **state) {
        KernelFixture *kernel = *state;

        close_fd(kernel->job.source_fd);
        close_fd(kernel->job.initrd_fd);
        close_fd(kernel->job.modules_fd);
        schema_clear(&worker_kernel_facts_schema, &kernel->facts);
        return fixture_teardown(state);
}

static inline int kernel_fixture_import(KernelFixture *kernel) {
        return kernel_import(&kernel->job, &kernel->facts, &kernel->fixture.error);
}

static inline void expect_imported(KernelFixture *kernel) {
        if (kernel_fixture_import(kernel) < 0)
                fail_msg("%s", kernel->fixture.error.message);
}

/* Says why, and none of the three files has anything. */
static inline void expect_kernel_refused(KernelFixture *kernel, const char *message) {
        const int fds[] = {kernel->job.vmlinux_fd, kernel->job.initrd_fd, kernel->job.modules_fd};
        struct stat st;

        if (kernel_fixture_import(kernel) >= 0)
                fail_msg("it was taken");
        print_message("%s\n", kernel->fixture.error.message);
        assert_non_null(strstr(kernel->fixture.error.message, message));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                assert_int_equal(fstat(fds[i], &st), 0);
                assert_int_equal(st.st_size, 0);
        }
}

static inline void put(KernelFixture *kernel, const void *data, size_t size, off_t at) {
        assert_int_equal(pwrite(kernel->job.source_fd, data, size, at), size);
}

#define PAYLOAD_AT (2 * 512 + 64) /* in a vmlinuz of put_vmlinuz() */

static inline size_t compress(const char *filter, const void *data, size_t size, char *ret,
                              size_t max) {
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

static inline void put_u32(char *at, uint32_t value) {
        for (int i = 0; i < 4; i++)
                at[i] = (char) (value >> 8 * i);
}

/* The legacy frame, as `lz4 -l` of Linux's build: one block, of literals only. */
static inline size_t compress_lz4_legacy(const void *data, size_t size, char *ret) {
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

static inline void put_bzimage(KernelFixture *kernel, const char *payload, size_t size) {
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
static inline void put_vmlinuz(KernelFixture *kernel, const char *filter) {
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
