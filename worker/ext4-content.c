/* What files and directories hold. */
#include <errno.h>
#include <string.h>

#include "worker/ext4-internal.h"

#define EXTENT_MAX 32768 /* blocks of an initialised one: EXT_INIT_MAX_LEN */
#define TAIL (sizeof(struct ext2_dir_entry_tail))
#define NAME_HEADER 8    /* of struct ext2_dir_entry_2 */

int ext4_begin(Ext4 *ext4, uint32_t number, Error *reterr) {
        Ext4Content *content = &ext4->content;
        errcode_t code;

        ext2fs_extent_free(content->extents);
        *content = (Ext4Content) {.number = number};
        code = ext2fs_read_inode_full(ext4->fs, number, (struct ext2_inode *) &content->inode,
                                      sizeof(content->inode));
        if (code == 0)
                code = ext2fs_extent_open2(ext4->fs, number, (struct ext2_inode *) &content->inode,
                                           &content->extents);
        return code == 0 ? 0 : ext4_error(reterr, code, "cannot write a file");
}

static int insert_extent(Ext4 *ext4, Error *reterr) {
        Ext4Content *content = &ext4->content;
        errcode_t code;

        if (content->extent.e_len == 0)
                return 0;
        code = ext2fs_extent_insert(content->extents, EXT2_EXTENT_INSERT_AFTER, &content->extent);
        if (code == 0)
                code = ext2fs_extent_fix_parents(content->extents);
        content->extent.e_len = 0;
        return code == 0 ? 0 : ext4_error(reterr, code, "cannot write a file");
}

static int note_extent(Ext4 *ext4, blk64_t logical, blk64_t physical, blk64_t n, Error *reterr) {
        struct ext2fs_extent *extent = &ext4->content.extent;
        int r;

        ext4->content.n_blocks += n;
        if (extent->e_len > 0 && extent->e_lblk + extent->e_len == logical &&
            extent->e_pblk + extent->e_len == physical && extent->e_len + n <= EXTENT_MAX) {
                extent->e_len += (uint32_t) n;
                return 0;
        }
        r = insert_extent(ext4, reterr);
        if (r < 0)
                return r;
        *extent = (struct ext2fs_extent) {
                .e_pblk = physical,
                .e_lblk = logical,
                .e_len = (uint32_t) n,
        };
        return 0;
}

/* As many of n blocks as are free side by side. */
static int allocate(Ext4 *ext4, blk64_t n, blk64_t *ret_physical, blk64_t *ret_n, Error *reterr) {
        errcode_t code = ext2fs_new_range(ext4->fs, 0, ext4->goal, n, NULL, ret_physical, ret_n);

        if (code != 0)
                return ext4_error(reterr, code, "no room is left in the file system");
        ext2fs_block_alloc_stats_range(ext4->fs, *ret_physical, (blk_t) *ret_n, +1);
        ext4->goal = *ret_physical + *ret_n;
        if (ext4->goal >= ext2fs_blocks_count(ext4->fs->super))
                ext4->goal = ext4->fs->super->s_first_data_block;
        return 0;
}

int ext4_append(Ext4 *ext4, blk64_t logical, const char *data, blk64_t n_blocks, Error *reterr) {
        while (n_blocks > 0) {
                blk64_t physical, n;
                errcode_t code;
                int r = allocate(ext4, n_blocks, &physical, &n, reterr);

                if (r >= 0)
                        r = note_extent(ext4, logical, physical, n, reterr);
                if (r < 0)
                        return r;
                if (LINUX_S_ISDIR(ext4->content.inode.i_mode))
                        code = ext2fs_write_dir_block4(ext4->fs, physical, ext4->buffer, 0,
                                                       ext4->content.number);
                else
                        code = io_channel_write_blk64(ext4->fs->io, physical, (int) n, data);
                if (code != 0)
                        return ext4_error(reterr, code, "cannot write a file");
                logical += n;
                data += n * EXT4_BLOCK;
                n_blocks -= n;
        }
        return 0;
}

static int flush_run(Ext4 *ext4, Error *reterr) {
        Ext4Content *content = &ext4->content;
        size_t used = content->run_used, whole = (used + EXT4_BLOCK - 1) / EXT4_BLOCK * EXT4_BLOCK;

        if (used == 0)
                return 0;
        memset(ext4->buffer + used, 0, whole - used);
        content->run_used = 0;
        return ext4_append(ext4, (blk64_t) (content->run_start / EXT4_BLOCK), ext4->buffer,
                           whole / EXT4_BLOCK, reterr);
}

/* Makes the run end where the next bytes go. */
static int seek_run(Ext4 *ext4, int64_t offset, Error *reterr) {
        Ext4Content *content = &ext4->content;
        int64_t end = content->run_start + (int64_t) content->run_used;
        size_t gap;
        int r;

        if (offset < end)
                return error_set(reterr, ERROR_FAILED, EBADMSG, "data comes out of order");
        if (content->run_used > 0 && offset / EXT4_BLOCK > (end - 1) / EXT4_BLOCK &&
            offset != end) {
                r = flush_run(ext4, reterr);
                if (r < 0)
                        return r;
        }
        if (content->run_used == 0)
                content->run_start = end = offset / EXT4_BLOCK * EXT4_BLOCK;
        gap = (size_t) (offset - end);
        memset(ext4->buffer + content->run_used, 0, gap);
        content->run_used += gap;
        return 0;
}

int ext4_data(Ext4 *ext4, const void *data, size_t size, int64_t offset, Error *reterr) {
        Ext4Content *content = &ext4->content;
        const char *from = data;
        int r;

        while (size > 0) {
                size_t n;

                r = seek_run(ext4, offset, reterr);
                if (r < 0)
                        return r;
                n = sizeof(ext4->buffer) - content->run_used;
                if (n > size)
                        n = size;
                memcpy(ext4->buffer + content->run_used, from, n);
                content->run_used += n;
                from += n;
                size -= n;
                offset += (int64_t) n;
                if (content->run_used < sizeof(ext4->buffer))
                        continue;
                r = flush_run(ext4, reterr);
                if (r < 0)
                        return r;
                content->run_start = offset;
        }
        return 0;
}

int ext4_end(Ext4 *ext4, int64_t size, uint32_t n_links, Error *reterr) {
        Ext4Content *content = &ext4->content;
        struct ext2_inode *inode = (struct ext2_inode *) &content->inode;
        errcode_t code;
        int r = insert_extent(ext4, reterr);

        if (r < 0)
                return r;
        ext2fs_extent_free(content->extents);
        content->extents = NULL;
        code = ext2fs_iblk_add_blocks(ext4->fs, inode, content->n_blocks);
        if (code == 0)
                code = ext2fs_inode_size_set(ext4->fs, inode, (ext2_off64_t) size);
        inode->i_links_count = (uint16_t) n_links;
        if (code == 0)
                code = ext2fs_write_inode_full(ext4->fs, content->number, inode,
                                               sizeof(content->inode));
        content->number = 0;
        return code == 0 ? 0 : ext4_error(reterr, code, "cannot write a file");
}

int ext4_end_file(Ext4 *ext4, int64_t size, Error *reterr) {
        int r = flush_run(ext4, reterr);

        return r < 0 ? r : ext4_end(ext4, size, ext4->content.inode.i_links_count, reterr);
}

/* ---- directories: one block at a time, names in order, no index (the kernel needs none) ---- */

static struct ext2_dir_entry_2 *entry_at(Ext4 *ext4, uint32_t offset) {
        return (struct ext2_dir_entry_2 *) (void *) (ext4->buffer + offset);
}

/* The last name takes the rest of the block, but for the checksum. */
static int flush_names(Ext4 *ext4, Error *reterr) {
        Ext4Content *content = &ext4->content;
        struct ext2_dir_entry_2 *last = entry_at(ext4, content->last_entry);
        int r;

        last->rec_len = (uint16_t) (EXT4_BLOCK - TAIL - content->last_entry);
        ext2fs_initialize_dirent_tail(ext4->fs, (struct ext2_dir_entry_tail *) (void *)
                                                        (ext4->buffer + EXT4_BLOCK - TAIL));
        r = ext4_append(ext4, (blk64_t) (content->run_start / EXT4_BLOCK), ext4->buffer, 1, reterr);
        content->run_start += EXT4_BLOCK;
        content->run_used = 0;
        return r;
}

int ext4_name(Ext4 *ext4, const char *name, uint32_t number, EntryType type, Error *reterr) {
        Ext4Content *content = &ext4->content;
        size_t length = strlen(name), size = (NAME_HEADER + length + 3) & ~(size_t) 3;
        struct ext2_dir_entry_2 *entry;
        int r;

        if (content->run_used + size > EXT4_BLOCK - TAIL) {
                r = flush_names(ext4, reterr);
                if (r < 0)
                        return r;
        }
        if (content->run_used == 0)
                memset(ext4->buffer, 0, EXT4_BLOCK);
        entry = entry_at(ext4, (uint32_t) content->run_used);
        *entry = (struct ext2_dir_entry_2) {
                .inode = number,
                .rec_len = (uint16_t) size,
                .name_len = (uint8_t) length,
                .file_type = ext4_name_type(type),
        };
        memcpy(entry->name, name, length);
        content->last_entry = (uint32_t) content->run_used;
        content->run_used += size;
        return 0;
}

int ext4_end_directory(Ext4 *ext4, uint32_t n_links, Error *reterr) {
        int r = flush_names(ext4, reterr);

        /* dir_nlink: 1 for "too many to count". */
        return r < 0 ? r
                     : ext4_end(ext4, ext4->content.run_start,
                                n_links > EXT2_LINK_MAX ? 1 : n_links, reterr);
}
