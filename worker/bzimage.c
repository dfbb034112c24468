#include <elf.h>
#include <errno.h>
#include <string.h>

#include "worker/bzimage.h"

/* Offsets in the file, from boot.rst. */
enum {
        SETUP_SECTS = 0x1f1,
        MAGIC = 0x202, /* "HdrS" */
        VERSION = 0x206,
        KERNEL_VERSION = 0x20e,
        PAYLOAD_OFFSET = 0x248,
        PAYLOAD_LENGTH = 0x24c,
        HEADER_END = 0x250,
};

#define SECTOR 512
#define PROTOCOL_PAYLOAD 0x0208 /* the first with payload_offset */
#define RELEASE_MAX 64

static uint32_t read_u32(const uint8_t *at) {
        return (uint32_t) at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 |
               (uint32_t) at[3] << 24;
}

static uint16_t read_u16(const uint8_t *at) {
        return (uint16_t) (at[0] | at[1] << 8);
}

int bzimage_parse(const void *head, size_t size, int64_t file_bytes, BzImage *ret, Error *reterr) {
        const uint8_t *bytes = head;
        uint16_t version;
        BzImage image = {};

        if (size < HEADER_END || memcmp(bytes + MAGIC, "HdrS", 4) != 0)
                return 0;
        if (read_u16(bytes + VERSION) < PROTOCOL_PAYLOAD)
                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                 "the kernel is older than Linux 2.6.26");
        /* 0 means 4, for old boot loaders. */
        image.payload_at = (INT64_C(1) + (bytes[SETUP_SECTS] ? bytes[SETUP_SECTS] : 4)) * SECTOR;
        image.payload_at += read_u32(bytes + PAYLOAD_OFFSET);
        image.payload_bytes = read_u32(bytes + PAYLOAD_LENGTH);
        if (image.payload_bytes <= 4 || image.payload_at + image.payload_bytes > file_bytes)
                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                 "the kernel is cut off, or has no payload");
        version = read_u16(bytes + KERNEL_VERSION);
        image.version_at = version ? version + SECTOR : 0;
        *ret = image;
        return 1;
}

static bool is_release_byte(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               strchr(".-+_~", c);
}

char *bzimage_release(const char *text, size_t size) {
        size_t length = 0;

        while (length < size && text[length] != '\0' && is_release_byte(text[length]))
                length++;
        if (length == 0 || length > RELEASE_MAX || length == size || *text < '0' || *text > '9')
                return NULL;
        return strndup(text, length);
}

bool elf_is(const void *head, size_t size) {
        return size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

int elf_check(const void *head, size_t size, int64_t file_bytes, Error *reterr) {
        const uint8_t *bytes = head;
        Elf64_Phdr program;
        Elf64_Ehdr header;
        bool loads = false;

        if (size < sizeof(header) || !elf_is(head, size))
                return error_set(reterr, ERROR_FAILED, EBADMSG, "the kernel is no ELF file");
        memcpy(&header, bytes, sizeof(header));
        if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
            header.e_machine != EM_X86_64 || (header.e_type != ET_EXEC && header.e_type != ET_DYN))
                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                 "the kernel is no executable for x86-64");
        for (size_t i = 0; i < header.e_phnum; i++) {
                uint64_t at = header.e_phoff + i * sizeof(program);

                if (header.e_phentsize != sizeof(program) || header.e_phoff > size ||
                    at + sizeof(program) > size)
                        break;
                memcpy(&program, bytes + at, sizeof(program));
                if (program.p_type != PT_LOAD || program.p_filesz == 0)
                        continue;
                if (program.p_offset > (uint64_t) file_bytes ||
                    program.p_filesz > (uint64_t) file_bytes - program.p_offset)
                        return error_set(reterr, ERROR_FAILED, EBADMSG, "the kernel is cut off");
                loads = true;
        }
        if (loads)
                return 0;
        return error_set(reterr, ERROR_FAILED, EBADMSG, "the kernel has nothing to load");
}
