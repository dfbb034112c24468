/* mkfs. */
#include <errno.h>
#include <et/com_err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/ext4-internal.h"

static void ext4_cleanup(Ext4 **ext4) {
        ext4_free(*ext4);
}

int ext4_error(Error *reterr, errcode_t code, const char *what) {
        int errnum = code > 0 && code < 256 ? (int) code : EIO;

        initialize_ext2_error_table();
        if (code == EXT2_ET_NO_MEMORY)
                errnum = ENOMEM;
        /* A regular file that takes less than it is given is on a full disk. */
        if (code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL ||
            code == EXT2_ET_SHORT_WRITE)
                errnum = ENOSPC;
        return error_set(reterr, errnum == EIO ? ERROR_FAILED : error_kind_from_errno(errnum),
                         errnum, "%s: %s", what, error_message(code));
}

int ext4_device_name(int fd, char ret[static 16], Error *reterr) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        if (copy < 0)
                return error_set_errno(reterr, errno, "cannot use the descriptor");
        (void) snprintf(ret, 16, "%d", copy);
        return 0;
}

static void fill_parameters(struct ext2_super_block *super, int64_t size_bytes, uint32_t n_inodes) {
        ext2fs_blocks_count_set(super, (blk64_t) (size_bytes / EXT4_BLOCK));
        super->s_rev_level = EXT2_DYNAMIC_REV;
        super->s_log_block_size = super->s_log_cluster_size = 2; /* 1024 << 2 */
        super->s_inode_size = EXT4_INODE;
        super->s_inodes_count = n_inodes;
        super->s_log_groups_per_flex = 4;
        super->s_checksum_type = EXT2_CRC32C_CHKSUM;
        /* What mke2fs makes by default, less 64bit: no image is near 16 TiB. */
        super->s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_RESIZE_INODE |
                                  EXT2_FEATURE_COMPAT_DIR_INDEX;
        super->s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE |
                                    EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_FLEX_BG;
        super->s_feature_ro_compat =
                EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
                EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
                EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
}

static int fill_super(ext2_filsys fs, Error *reterr) {
        struct ext2_super_block *super = fs->super;
        uint8_t random[32];

        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return error_set_errno(reterr, errno, "cannot draw a UUID");
        memcpy(super->s_uuid, random, 16);
        super->s_uuid[6] = (uint8_t) ((super->s_uuid[6] & 0x0f) | 0x40); /* RFC 4122, version 4 */
        super->s_uuid[8] = (uint8_t) ((super->s_uuid[8] & 0x3f) | 0x80);
        memcpy(super->s_hash_seed, random + 16, 16);
        super->s_checksum_type = EXT2_CRC32C_CHKSUM;
        super->s_def_hash_version = EXT2_HASH_HALF_MD4;
        super->s_flags |= EXT2_FLAGS_SIGNED_HASH;
        super->s_max_mnt_count = -1;
        super->s_min_extra_isize = super->s_want_extra_isize =
                sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
        super->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
        /* In a guest nobody but root fills the root. */
        ext2fs_r_blocks_count_set(super, 0);
        ext2fs_init_csum_seed(fs);
        return 0;
}

static errcode_t make_root(ext2_filsys fs) {
        struct ext2_inode_large root = {
                .i_mode = LINUX_S_IFDIR | 0755,
                .i_links_count = 2,
        };

        return ext2fs_write_new_inode(fs, EXT4_ROOT_NUMBER, (struct ext2_inode *) &root);
}

static errcode_t make_structures(ext2_filsys fs) {
        errcode_t code = ext2fs_allocate_tables(fs);

        /* The file is sparse, so all inode tables read as zeros. */
        for (dgrp_t group = 0; group < fs->group_desc_count; group++)
                ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
        for (uint32_t i = 1; i < EXT2_FIRST_INODE(fs->super); i++)
                ext2fs_inode_alloc_stats2(fs, i, +1, i == EXT4_ROOT_NUMBER);
        if (code == 0)
                code = make_root(fs);
        if (code == 0)
                code = ext2fs_update_bb_inode(fs, NULL);
        if (code == 0)
                code = ext2fs_create_resize_inode(fs);
        if (code == 0)
                code = ext2fs_add_journal_inode2(
                        fs, (blk_t) ext2fs_default_journal_size(ext2fs_blocks_count(fs->super)),
                        ~UINT64_C(0), EXT2_MKJOURNAL_LAZYINIT | EXT2_MKJOURNAL_NO_MNT_CHECK);
        return code;
}

int ext4_create(int fd, int64_t size_bytes, uint32_t n_inodes, Ext4 **ret, Error *reterr) {
        _cleanup_(ext4_cleanup) Ext4 *ext4 = NULL;
        struct ext2_super_block parameters = {};
        struct stat st;
        errcode_t code;
        char name[16];
        int r;

        ext4 = calloc(1, sizeof(*ext4));
        if (!ext4)
                return error_set_errno(reterr, ENOMEM, "cannot make a file system");
        if (fstat(fd, &st) < 0 || (st.st_size < size_bytes && ftruncate(fd, size_bytes) < 0))
                return error_set_errno(reterr, errno, "cannot size the file system");
        fill_parameters(&parameters, size_bytes, n_inodes);
        r = ext4_device_name(fd, name, reterr);
        if (r < 0)
                return r;
        code = ext2fs_initialize(name, EXT2_FLAG_64BITS, &parameters, unixfd_io_manager,
                                 &ext4->fs);
        if (code != 0)
                return ext4_error(reterr, code, "cannot make a file system");
        r = fill_super(ext4->fs, reterr);
        if (r < 0)
                return r;
        code = make_structures(ext4->fs);
        if (code != 0)
                return ext4_error(reterr, code, "cannot make a file system");
        ext4->next_number = EXT2_FIRST_INODE(ext4->fs->super);
        ext4->goal = ext4->fs->super->s_first_data_block;
        *ret = steal_ptr(ext4);
        return 0;
}

int ext4_finish(Ext4 *ext4, Error *reterr) {
        errcode_t code;

        ext2fs_set_gdt_csum(ext4->fs);
        code = ext2fs_close_free(&ext4->fs);
        return code == 0 ? 0 : ext4_error(reterr, code, "cannot write the file system");
}

Ext4 *ext4_free(Ext4 *ext4) {
        if (!ext4)
                return NULL;
        ext2fs_extent_free(ext4->content.extents);
        /* Only what was finished is written. */
        if (ext4->fs)
                ext2fs_free(ext4->fs);
        free(ext4);
        return NULL;
}
