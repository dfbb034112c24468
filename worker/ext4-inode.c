/* Inodes: who owns them, what they are called by, and when. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/strings.h"
#include "worker/ext4-internal.h"

static const struct {
        uint16_t mode;
        uint8_t name_type;
} types[] = {
        [ENTRY_FILE] = {LINUX_S_IFREG, EXT2_FT_REG_FILE},
        [ENTRY_DIRECTORY] = {LINUX_S_IFDIR, EXT2_FT_DIR},
        [ENTRY_SYMLINK] = {LINUX_S_IFLNK, EXT2_FT_SYMLINK},
        [ENTRY_CHARACTER] = {LINUX_S_IFCHR, EXT2_FT_CHRDEV},
        [ENTRY_BLOCK] = {LINUX_S_IFBLK, EXT2_FT_BLKDEV},
        [ENTRY_FIFO] = {LINUX_S_IFIFO, EXT2_FT_FIFO},
        [ENTRY_SOCKET] = {LINUX_S_IFSOCK, EXT2_FT_SOCK},
};

uint8_t ext4_name_type(EntryType type) {
        return types[type].name_type;
}

/* Seconds have 34 bits and nanoseconds 30: ext4's inode.rst. */
static void set_times(struct ext2_inode_large *inode, const Entry *entry) {
        const int64_t first = INT32_MIN, last = INT64_C(3) * (INT64_C(1) << 32) + INT32_MAX;
        int64_t seconds = entry->mtime_s < first ? first
                          : entry->mtime_s > last ? last
                                                  : entry->mtime_s;
        uint32_t low = (uint32_t) seconds;
        int64_t epoch = (seconds - (int32_t) low) / (INT64_C(1) << 32);
        uint32_t extra = (entry->mtime_ns << 2) | (uint32_t) (epoch & 3);

        inode->i_mtime = inode->i_ctime = inode->i_atime = inode->i_crtime = low;
        inode->i_mtime_extra = inode->i_ctime_extra = inode->i_atime_extra =
                inode->i_crtime_extra = extra;
}

static void set_metadata(struct ext2_inode_large *inode, const Entry *entry) {
        inode->i_mode = (uint16_t) (types[entry->type].mode | entry->mode);
        inode->i_uid = (uint16_t) entry->uid;
        inode->osd2.linux2.l_i_uid_high = (uint16_t) (entry->uid >> 16);
        inode->i_gid = (uint16_t) entry->gid;
        inode->osd2.linux2.l_i_gid_high = (uint16_t) (entry->gid >> 16);
        inode->i_extra_isize = sizeof(*inode) - EXT2_GOOD_OLD_INODE_SIZE;
        set_times(inode, entry);
}

/* Those that a kernel shows. What else a tar may carry belongs to other systems. */
static bool is_known(const char *name) {
        static const char *const prefixes[] = {"user.", "trusted.", "security."};

        if (string_equal(name, "system.posix_acl_access") ||
            string_equal(name, "system.posix_acl_default"))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *rest = string_after_prefix(name, prefixes[i]);

                if (rest && *rest)
                        return true;
        }
        return false;
}

static int check_names(const Entry *entry, Error *reterr) {
        for (size_t i = 0; i < entry->n_xattrs; i++)
                if (strlen(entry->xattrs[i].name) > EXT4_XATTR_NAME_MAX)
                        return error_set(reterr, ERROR_FAILED, ENAMETOOLONG,
                                         "an extended attribute has a name longer than %d bytes",
                                         EXT4_XATTR_NAME_MAX);
        return 0;
}

/* Instead of those that it has. */
static int set_xattrs(Ext4 *ext4, uint32_t number, const Entry *entry, bool is_new,
                      Error *reterr) {
        struct ext2_xattr_handle *handle;
        errcode_t code;
        int r;

        if (entry->n_xattrs == 0 && is_new)
                return 0;
        r = check_names(entry, reterr);
        if (r < 0)
                return r;
        code = ext2fs_xattrs_open(ext4->fs, number, &handle);
        if (code != 0)
                return ext4_error(reterr, code, entry->path);
        /* What is not read into the handle first goes away. */
        code = is_new ? 0 : ext2fs_xattrs_write(handle);
        for (size_t i = 0; i < entry->n_xattrs && code == 0; i++)
                if (is_known(entry->xattrs[i].name))
                        code = ext2fs_xattr_set(handle, entry->xattrs[i].name,
                                                entry->xattrs[i].value, entry->xattrs[i].size);
        (void) ext2fs_xattrs_close(&handle);
        if (code == 0)
                return 0;
        return error_prepend(reterr, ext4_error(reterr, code, entry->path),
                             "cannot keep extended attributes");
}

static int write_inode(Ext4 *ext4, uint32_t number, struct ext2_inode_large *inode,
                       const char *what, Error *reterr) {
        errcode_t code = ext2fs_write_inode_full(ext4->fs, number, (struct ext2_inode *) inode,
                                                 sizeof(*inode));

        return code == 0 ? 0 : ext4_error(reterr, code, what);
}

static int read_inode(Ext4 *ext4, uint32_t number, struct ext2_inode_large *ret, Error *reterr) {
        errcode_t code = ext2fs_read_inode_full(ext4->fs, number, (struct ext2_inode *) ret,
                                                sizeof(*ret));

        return code == 0 ? 0 : ext4_error(reterr, code, "cannot read an inode back");
}

/* As the kernel encodes them: 8 and 8 bits where that is enough. */
static void set_device(struct ext2_inode_large *inode, const Entry *entry) {
        if (entry->major < 256 && entry->minor < 256)
                inode->i_block[0] = entry->major * 256 + entry->minor;
        else
                inode->i_block[1] = (entry->minor & 0xff) | (entry->major << 8) |
                                    ((entry->minor & ~UINT32_C(0xff)) << 12);
}

static int set_target(Ext4 *ext4, uint32_t number, struct ext2_inode_large *inode,
                      const Entry *entry, Error *reterr) {
        size_t length = strlen(entry->target);
        int r;

        if (length == 0 || length >= EXT4_BLOCK)
                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                 "%s: the target of the symbolic link is empty or too long",
                                 entry->path);
        inode->i_size = (uint32_t) length;
        /* A short one lies where the others have their blocks. */
        if (length < sizeof(inode->i_block)) {
                memcpy(inode->i_block, entry->target, length);
                return write_inode(ext4, number, inode, entry->path, reterr);
        }
        r = write_inode(ext4, number, inode, entry->path, reterr);
        if (r >= 0)
                r = ext4_begin(ext4, number, reterr);
        if (r >= 0)
                r = ext4_data(ext4, entry->target, length, 0, reterr);
        return r < 0 ? r : ext4_end_file(ext4, (int64_t) length, reterr);
}

int ext4_add(Ext4 *ext4, const Entry *entry, uint32_t *ret_number, Error *reterr) {
        struct ext2_inode_large inode = {.i_links_count = 1};
        uint32_t number = ext4->next_number;
        int r;

        if (number > ext4->fs->super->s_inodes_count)
                return error_set(reterr, ERROR_NO_SPACE, ENOSPC, "no inode is left for %s",
                                 entry->path);
        if (entry->size > EXT4_FILE_MAX)
                return error_set(reterr, ERROR_FAILED, EFBIG, "it is larger than 16 TiB");
        set_metadata(&inode, entry);
        if (entry->type == ENTRY_CHARACTER || entry->type == ENTRY_BLOCK)
                set_device(&inode, entry);
        ext4->next_number++;
        ext2fs_inode_alloc_stats2(ext4->fs, number, +1, entry->type == ENTRY_DIRECTORY);
        if (entry->type == ENTRY_SYMLINK)
                r = set_target(ext4, number, &inode, entry, reterr);
        else
                r = write_inode(ext4, number, &inode, entry->path, reterr);
        if (r >= 0)
                r = set_xattrs(ext4, number, entry, true, reterr);
        if (r >= 0)
                *ret_number = number;
        return r;
}

int ext4_change(Ext4 *ext4, uint32_t number, const Entry *entry, Error *reterr) {
        struct ext2_inode_large inode = {};
        errcode_t code;
        int r;

        code = ext2fs_free_ext_attr(ext4->fs, number, NULL);
        if (code != 0)
                return ext4_error(reterr, code, entry->path);
        r = read_inode(ext4, number, &inode, reterr);
        if (r < 0)
                return r;
        set_metadata(&inode, entry);
        r = write_inode(ext4, number, &inode, entry->path, reterr);
        return r < 0 ? r : set_xattrs(ext4, number, entry, false, reterr);
}

int ext4_set_links(Ext4 *ext4, uint32_t number, uint32_t n_links, Error *reterr) {
        struct ext2_inode_large inode = {};
        int r = read_inode(ext4, number, &inode, reterr);

        if (r < 0)
                return r;
        if (n_links > EXT2_LINK_MAX)
                return error_set(reterr, ERROR_FAILED, EMLINK, "a file has more than %d links",
                                 EXT2_LINK_MAX);
        inode.i_links_count = (uint16_t) n_links;
        return write_inode(ext4, number, &inode, "cannot count links", reterr);
}

int ext4_remove(Ext4 *ext4, uint32_t number, Error *reterr) {
        struct ext2_inode_large inode = {};
        errcode_t code = 0;
        bool is_directory;
        int r;

        code = ext2fs_free_ext_attr(ext4->fs, number, NULL);
        r = code == 0 ? read_inode(ext4, number, &inode, reterr)
                      : ext4_error(reterr, code, "cannot remove a file");
        if (r < 0)
                return r;
        is_directory = LINUX_S_ISDIR(inode.i_mode);
        if (ext2fs_inode_has_valid_blocks2(ext4->fs, (struct ext2_inode *) &inode) &&
            (inode.i_flags & EXT4_EXTENTS_FL))
                code = ext2fs_punch(ext4->fs, number, (struct ext2_inode *) &inode, NULL, 0,
                                    ~UINT64_C(0));
        if (code != 0)
                return ext4_error(reterr, code, "cannot remove a file");
        ext2fs_inode_alloc_stats2(ext4->fs, number, -1, is_directory);
        inode = (struct ext2_inode_large) {};
        return write_inode(ext4, number, &inode, "cannot remove a file", reterr);
}
