#pragma once
/* One file of a tree, wherever the tree comes from. */
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

typedef enum EntryType {
        ENTRY_FILE,
        ENTRY_DIRECTORY,
        ENTRY_SYMLINK,
        ENTRY_HARDLINK,
        ENTRY_CHARACTER,
        ENTRY_BLOCK,
        ENTRY_FIFO,
        ENTRY_SOCKET,
} EntryType;

typedef struct EntryXattr {
        const char *name;
        const void *value; /* for posix_acl_*: as the kernel has it, little-endian */
        size_t size;
} EntryXattr;

/* All is borrowed from the source until its next entry. */
typedef struct Entry {
        const char *path;
        const char *target; /* of a symlink, or the path that a hard link shares */
        EntryType type;
        uint32_t mode;      /* 07777 */
        uint32_t uid, gid;
        uint32_t major, minor;
        int64_t size;       /* of a file */
        int64_t data_bytes; /* the part of it that is no hole */
        int64_t mtime_s;
        uint32_t mtime_ns;
        const EntryXattr *xattrs;
        size_t n_xattrs;
} Entry;

/* A tree, file by file. */
typedef struct EntrySource {
        /* 1: the next; 0: that was all. What the last entry still had of data is passed over. */
        int (*next)(void *userdata, const Entry **ret, Error *reterr);
        /* 1: bytes of the entry's data, at an offset that only grows; 0: no more. */
        int (*data)(void *userdata, const void **ret, size_t *ret_size, int64_t *ret_offset,
                    Error *reterr);
        void *userdata;
} EntrySource;
