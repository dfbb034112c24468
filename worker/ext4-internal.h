#pragma once
/* What the ext4-*.c share. */
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include "worker/ext4.h"

#define EXT4_RUN (1024 * 1024) /* written at once */

/* The inode whose content is being written. */
typedef struct Ext4Content {
        uint32_t number; /* 0: none */
        struct ext2_inode_large inode;
        ext2_extent_handle_t extents;
        struct ext2fs_extent extent; /* not yet inserted, may still grow; e_len 0: none */
        uint64_t n_blocks;
        int64_t run_start;           /* in the file, of buffer[0] */
        size_t run_used;
        uint32_t last_entry;         /* of a directory's block in buffer: its offset */
} Ext4Content;

struct Ext4 {
        ext2_filsys fs;
        uint32_t next_number; /* inodes are given out in order */
        blk64_t goal;         /* blocks too */
        Ext4Content content;
        char buffer[EXT4_RUN];
};

/* errnum and message for a code of libext2fs. Returns the negative errno. */
int ext4_error(Error *reterr, errcode_t code, const char *what);
/* libext2fs's name for a descriptor; the duplicate is closed with the file system. */
int ext4_device_name(int fd, char ret[static 16], Error *reterr);
/* New blocks at the end of the content; data of n whole blocks. */
int ext4_append(Ext4 *ext4, blk64_t logical, const char *data, blk64_t n_blocks, Error *reterr);
int ext4_end(Ext4 *ext4, int64_t size, uint32_t n_links, Error *reterr);
uint8_t ext4_name_type(EntryType type);
