/* How large a file system must be. */
#include <errno.h>
#include <string.h>

#include "worker/build.h"
#include "worker/ext4.h"

#define MIB (INT64_C(1024) * 1024)
/* Below the 2 TiB at which image.c keeps what a pipe sends. */
#define SIZE_MAX_BYTES (INT64_C(1) << 40)
#define BYTES_PER_INODE 16384 /* mke2fs.conf's default */
#define INODES_SPARE 16384    /* directories that a tar does not name, and what the guest makes */
#define JOURNAL_BYTES (256 * MIB) /* at most; it is a hole until it is used */
#define SMALL_JOURNAL_BYTES (64 * MIB)

static int64_t blocks_of(int64_t bytes) {
        return bytes / EXT4_BLOCK + (bytes % EXT4_BLOCK != 0);
}

int build_count(BuildSize *size, const Entry *entry, Error *reterr) {
        /* The name, twice over: blocks of directories are not all full. */
        int64_t bytes = 2 * (int64_t) (strlen(entry->path) + 16);

        if (entry->type == ENTRY_FILE && entry->data_bytes <= SIZE_MAX_BYTES)
                bytes += blocks_of(entry->data_bytes) * EXT4_BLOCK;
        else if (entry->type == ENTRY_FILE)
                bytes = SIZE_MAX_BYTES;
        if (entry->type == ENTRY_DIRECTORY || (entry->target && strlen(entry->target) > 59))
                bytes += EXT4_BLOCK;
        if (entry->n_xattrs > 0)
                bytes += EXT4_BLOCK;
        size->n_entries++;
        size->content_bytes += bytes;
        if (size->content_bytes < SIZE_MAX_BYTES / 2 && size->n_entries < INT32_MAX / 2)
                return 0;
        return error_set(reterr, ERROR_NO_SPACE, EFBIG, "the contents are larger than 512 GiB");
}

int build_measure(const EntrySource *source, BuildSize *ret, Error *reterr) {
        BuildSize size = {};
        const Entry *entry;
        int r;

        for (;;) {
                r = source->next(source->userdata, &entry, reterr);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                r = build_count(&size, entry, reterr);
                if (r < 0)
                        return r;
        }
        *ret = size;
        return 0;
}

int build_plan(const BuildSize *size, int64_t free_bytes, BuildPlan *ret, Error *reterr) {
        int64_t bytes = size->content_bytes + size->content_bytes / 4 + free_bytes;
        int64_t n_inodes = size->n_entries + size->n_entries / 4 + INODES_SPARE;

        if (n_inodes < bytes / BYTES_PER_INODE)
                n_inodes = bytes / BYTES_PER_INODE;
        bytes += n_inodes * EXT4_INODE;
        bytes += bytes > 4096 * MIB ? JOURNAL_BYTES : SMALL_JOURNAL_BYTES;
        bytes = (bytes + 4 * MIB - 1) / (4 * MIB) * (4 * MIB);
        if (bytes > SIZE_MAX_BYTES || n_inodes > UINT32_MAX)
                return error_set(reterr, ERROR_NO_SPACE, EFBIG, "the contents are too large");
        *ret = (BuildPlan) {.size_bytes = bytes, .n_inodes = (uint32_t) n_inodes};
        return 0;
}
