#pragma once
/* What a kernel's file says of itself. Pure: bytes in. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define BZIMAGE_HEAD 1024 /* as much of a file's start as bzimage_parse() looks at */

typedef struct BzImage {
        int64_t payload_at, payload_bytes; /* in the file; the last four bytes are its full size */
        int64_t version_at;                /* of the version string; 0: none */
} BzImage;

/* 1: a bzImage (Linux, Documentation/arch/x86/boot.rst), 0: something else. Negative for one
 * without a payload, older than boot protocol 2.08, or cut off. */
int bzimage_parse(const void *head, size_t size, int64_t file_bytes, BzImage *ret, Error *reterr);
/* The release: the first word of the version string. Allocated; NULL when it is none. */
char *bzimage_release(const char *text, size_t size);
/* An x86-64 executable with something to load, whose program headers lie in the file. */
int elf_check(const void *head, size_t size, int64_t file_bytes, Error *reterr);
bool elf_is(const void *head, size_t size);
