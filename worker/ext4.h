#pragma once
/* Makes and looks at ext4 file systems in files, with libext2fs: no mount, no root. */
#include <stdbool.h>

#include "worker/entry.h"

#define EXT4_BLOCK 4096
#define EXT4_INODE 256
#define EXT4_ROOT_NUMBER 2
#define EXT4_FILE_MAX (INT64_C(0xffffffff) * EXT4_BLOCK) /* ext4_max_size() of Linux */
#define EXT4_XATTR_NAME_MAX 255

typedef struct Ext4 Ext4;

/* A new file system in a regular file (borrowed) that has nothing but zeros where it goes, with
 * room for at least that many inodes. The file grows to its size if it is shorter, and is sparse.
 * Without ext4_finish() what is in the file is nothing. */
int ext4_create(int fd, int64_t size_bytes, uint32_t n_inodes, Ext4 **ret, Error *reterr);
/* Writes what is left and syncs. */
int ext4_finish(Ext4 *ext4, Error *reterr);
Ext4 *ext4_free(Ext4 *ext4);

/* A new inode with one link, of anything but a hard link; its number. The data of a file and the
 * names of a directory follow, see below. Times are cut to what ext4 has (1901 to 2446). -EFBIG
 * past EXT4_FILE_MAX. */
int ext4_add(Ext4 *ext4, const Entry *entry, uint32_t *ret_number, Error *reterr);
/* Replaces owner, mode, times and xattrs of a directory. */
int ext4_change(Ext4 *ext4, uint32_t number, const Entry *entry, Error *reterr);
int ext4_set_links(Ext4 *ext4, uint32_t number, uint32_t n_links, Error *reterr);
/* Frees an inode and its blocks. */
int ext4_remove(Ext4 *ext4, uint32_t number, Error *reterr);

/* The content of one file or directory at a time: begin, then data at offsets that only grow, or
 * names, then end. What is left out between offsets is a hole. */
int ext4_begin(Ext4 *ext4, uint32_t number, Error *reterr);
int ext4_data(Ext4 *ext4, const void *data, size_t size, int64_t offset, Error *reterr);
int ext4_end_file(Ext4 *ext4, int64_t size, Error *reterr);
int ext4_name(Ext4 *ext4, const char *name, uint32_t number, EntryType type, Error *reterr);
int ext4_end_directory(Ext4 *ext4, uint32_t n_links, Error *reterr);

typedef struct Ext4Facts {
        int64_t size_bytes;
        bool has_init; /* /sbin/init, /etc/init, /bin/init or /init leads to a file */
} Ext4Facts;

/* Opens what should be an ext4 that a guest's Linux 6.1 mounts; the descriptor is borrowed and only
 * read. ERROR_FAILED, with a hint, for what is not, is cut off, or was not cleanly unmounted. */
int ext4_inspect(int fd, int64_t file_bytes, Ext4Facts *ret, Error *reterr);
