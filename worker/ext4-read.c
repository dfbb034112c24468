/* Looks at a file system that somebody else made. */
#include <errno.h>
#include <unistd.h>

#include "worker/ext4-internal.h"

/* What fs/ext4 of Linux 6.1 mounts read-write, less what says that the file system is in use
 * (recover) or is none (journal_dev). fs/ext4/ext4.h, EXT4_FEATURE_*_SUPP. */
#define INCOMPAT                                                                                   \
        (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG |                          \
         EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT |                             \
         EXT4_FEATURE_INCOMPAT_MMP | EXT4_FEATURE_INCOMPAT_FLEX_BG |                               \
         EXT4_FEATURE_INCOMPAT_EA_INODE | EXT4_FEATURE_INCOMPAT_CSUM_SEED |                        \
         EXT4_FEATURE_INCOMPAT_LARGEDIR | EXT4_FEATURE_INCOMPAT_INLINE_DATA |                      \
         EXT4_FEATURE_INCOMPAT_ENCRYPT | EXT4_FEATURE_INCOMPAT_CASEFOLD)
#define RO_COMPAT                                                                                  \
        (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |                 \
         EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |                      \
         EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |                   \
         EXT4_FEATURE_RO_COMPAT_QUOTA | EXT4_FEATURE_RO_COMPAT_BIGALLOC |                          \
         EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_PROJECT |                   \
         EXT4_FEATURE_RO_COMPAT_VERITY)

#define REMAKE "make it with: mke2fs -t ext4"

static void filesystem_cleanup(ext2_filsys *fs) {
        if (*fs)
                ext2fs_free(*fs);
}

static int check_features(const struct ext2_super_block *super, Error *reterr) {
        int r;

        if (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER ||
            !(super->s_state & EXT2_VALID_FS) || (super->s_state & EXT2_ERROR_FS)) {
                r = error_set(reterr, ERROR_FAILED, EUCLEAN,
                              "the file system was not cleanly unmounted, or has errors");
                return error_set_hint(reterr, r, "run: e2fsck -f FILE");
        }
        if (super->s_feature_incompat & ~(uint32_t) INCOMPAT ||
            super->s_feature_ro_compat & ~(uint32_t) RO_COMPAT)
                r = error_set(reterr, ERROR_FAILED, EOPNOTSUPP,
                              "the file system has features that Linux 6.1 does not mount "
                              "(incompat %#x, ro_compat %#x)",
                              super->s_feature_incompat & ~(uint32_t) INCOMPAT,
                              super->s_feature_ro_compat & ~(uint32_t) RO_COMPAT);
        else
                return 0;
        return error_set_hint(reterr, r, REMAKE);
}

static int check_extent(ext2_filsys fs, int64_t file_bytes, int64_t *ret_size, Error *reterr) {
        blk64_t n_blocks = ext2fs_blocks_count(fs->super);
        int r;

        if (n_blocks <= (blk64_t) file_bytes / fs->blocksize) {
                *ret_size = (int64_t) (n_blocks * fs->blocksize);
                return 0;
        }
        r = error_set(reterr, ERROR_FAILED, EBADMSG,
                      "the file is cut off: it has %lld bytes of a file system of %llu blocks of "
                      "%u",
                      (long long) file_bytes, (unsigned long long) n_blocks, fs->blocksize);
        return error_set_hint(reterr, r, "copy the file again");
}

static int check_content(ext2_filsys fs, Error *reterr) {
        struct ext2_inode root = {};
        errcode_t code = ext2fs_read_bitmaps(fs);
        int r = 0;

        if (code == 0)
                code = ext2fs_read_inode(fs, EXT2_ROOT_INO, &root);
        if (code != 0)
                r = ext4_error(reterr, code, "the file system is damaged");
        else if (!LINUX_S_ISDIR(root.i_mode))
                r = error_set(reterr, ERROR_FAILED, EBADMSG,
                              "the file system is damaged: it has no root directory");
        return error_set_hint(reterr, r, "run: e2fsck -f FILE");
}

/* Where the kernel looks, and where an initrd's root= is told to (Linux, init/main.c). */
static bool find_init(ext2_filsys fs) {
        static const char *const paths[] = {"sbin/init", "etc/init", "bin/init", "init"};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                struct ext2_inode inode = {};
                ext2_ino_t number;

                if (ext2fs_namei_follow(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, paths[i], &number) == 0 &&
                    ext2fs_read_inode(fs, number, &inode) == 0 && LINUX_S_ISREG(inode.i_mode) &&
                    (inode.i_mode & 0111))
                        return true;
        }
        return false;
}

static int open_filesystem(int fd, int flags, ext2_filsys *ret, Error *reterr) {
        errcode_t code;
        char name[16];
        int r;

        r = ext4_device_name(fd, name, reterr);
        if (r < 0)
                return r;
        code = ext2fs_open(name, EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES | flags, 0, 0,
                           unixfd_io_manager, ret);
        if (code == 0)
                return 0;
        if (code == EXT2_ET_BAD_MAGIC || code == EXT2_ET_SHORT_READ) {
                r = error_set(reterr, ERROR_FAILED, EBADMSG, "the file is no ext4 file system");
                return error_set_hint(reterr, r, "a tar is imported as a tar; a disk image with "
                                                 "partitions cannot be");
        }
        r = ext4_error(reterr, code, "the file system cannot be opened");
        if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_RO_UNSUPP_FEATURE)
                return error_set_hint(reterr, r, REMAKE);
        return error_set_hint(reterr, r, "run: e2fsck -f FILE");
}

/* The superblock by itself: what it says decides how much memory the rest would take. */
static int inspect_superblock(int fd, int64_t file_bytes, int64_t *ret_size, Error *reterr) {
        _cleanup_(filesystem_cleanup) ext2_filsys fs = NULL;
        int r;

        r = open_filesystem(fd, EXT2_FLAG_SUPER_ONLY, &fs, reterr);
        if (r >= 0)
                r = check_features(fs->super, reterr);
        return r < 0 ? r : check_extent(fs, file_bytes, ret_size, reterr);
}

int ext4_inspect(int fd, int64_t file_bytes, Ext4Facts *ret, Error *reterr) {
        _cleanup_(filesystem_cleanup) ext2_filsys fs = NULL;
        Ext4Facts facts = {};
        int r;

        r = inspect_superblock(fd, file_bytes, &facts.size_bytes, reterr);
        if (r >= 0)
                r = open_filesystem(fd, 0, &fs, reterr);
        if (r >= 0)
                r = check_content(fs, reterr);
        if (r < 0)
                return r;
        facts.has_init = find_init(fs);
        *ret = facts;
        return 0;
}
