#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/strings.h"
#include "worker/archive.h"

#define ACL_VERSION 2 /* posix_acl_xattr.h */
#define ACL_XATTRS 2
#define MAJOR_MAX 0xfff   /* of Linux: include/linux/kdev_t.h */
#define MINOR_MAX 0xfffff
#define BLOCK 4096 /* of the file system that it will be in */

/* An ACL entry as in posix_acl_xattr.h; all hosts of ours are little-endian. */
typedef struct AclEntry {
        uint16_t tag, permissions;
        uint32_t id;
} AclEntry;

struct Archive {
        struct archive *handle;
        struct archive_entry *entry; /* the handle's */
        Input *input;                /* NULL: a directory */
        const Job *job;
        const char *const *skip;
        size_t prefix_length;        /* of a directory's own path */
        Error read_error;            /* of the input, for libarchive forgets it */
        int read_r;
        Entry current;
        EntryXattr *xattrs;
        char *acls[ACL_XATTRS];
        char buffer[INPUT_CHUNK];
};

static void archive_cleanup(Archive **archive) {
        archive_close(*archive);
}

/* What the input said comes first: for libarchive it is only a failed callback. */
static int fail(Archive *archive, const char *what, Error *reterr) {
        const char *message = archive_error_string(archive->handle);

        if (archive->read_r < 0) {
                if (reterr)
                        error_move(reterr, &archive->read_error);
                return archive->read_r;
        }
        if (archive_errno(archive->handle) == ENOMEM)
                return error_set_errno(reterr, ENOMEM, "%s", what);
        return error_set(reterr, ERROR_FAILED, EBADMSG, "%s: %s", what,
                         message ? message : "unknown reason");
}

static la_ssize_t on_read(_unused_ struct archive *handle, void *userdata, const void **ret) {
        Archive *archive = userdata;
        ssize_t n = input_read(archive->input, archive->buffer, sizeof(archive->buffer),
                               &archive->read_error);

        if (n < 0) {
                archive->read_r = (int) n;
                return ARCHIVE_FATAL;
        }
        *ret = archive->buffer;
        return n;
}

static la_int64_t on_skip(_unused_ struct archive *handle, void *userdata, la_int64_t size) {
        Archive *archive = userdata;

        return input_skip(archive->input, size);
}

static int archive_new(struct archive *handle, Archive **ret) {
        Archive *archive = calloc(1, sizeof(*archive));

        if (!archive || !handle) {
                (void) archive_read_free(handle);
                free(archive);
                return -ENOMEM;
        }
        archive->handle = handle;
        *ret = archive;
        return 0;
}

/* Not archive_read_support_filter_all(): for some formats that one runs programs. */
static void support_filters(struct archive *handle) {
        (void) archive_read_support_filter_gzip(handle);
        (void) archive_read_support_filter_bzip2(handle);
        (void) archive_read_support_filter_xz(handle);
        (void) archive_read_support_filter_lzma(handle);
        (void) archive_read_support_filter_zstd(handle);
        (void) archive_read_support_filter_lz4(handle);
}

static int open_input(Archive *archive, Input *input, const char *what, Error *reterr) {
        archive->input = input;
        archive->job = input->job;
        support_filters(archive->handle);
        (void) archive_read_set_read_callback(archive->handle, on_read);
        (void) archive_read_set_skip_callback(archive->handle, on_skip);
        (void) archive_read_set_callback_data(archive->handle, archive);
        if (archive_read_open1(archive->handle) != ARCHIVE_OK)
                return fail(archive, what, reterr);
        return 0;
}

int archive_tar_open(Input *input, Archive **ret, Error *reterr) {
        _cleanup_(archive_cleanup) Archive *archive = NULL;
        int r;

        r = archive_new(archive_read_new(), &archive);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read the tar");
        (void) archive_read_support_format_tar(archive->handle);
        (void) archive_read_support_format_gnutar(archive->handle);
        r = open_input(archive, input, "cannot read the tar", reterr);
        if (r >= 0)
                *ret = steal_ptr(archive);
        return r;
}

int archive_stream_open(Input *input, Archive **ret, Error *reterr) {
        _cleanup_(archive_cleanup) Archive *archive = NULL;
        int r;

        r = archive_new(archive_read_new(), &archive);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot decompress");
        (void) archive_read_support_format_raw(archive->handle);
        r = open_input(archive, input, "cannot decompress", reterr);
        if (r >= 0 && archive_read_next_header(archive->handle, &archive->entry) != ARCHIVE_OK)
                r = fail(archive, "cannot decompress", reterr);
        if (r >= 0)
                *ret = steal_ptr(archive);
        return r;
}

int archive_directory_open(const char *path, const char *const *skip, const Job *job,
                           Archive **ret, Error *reterr) {
        _cleanup_(archive_cleanup) Archive *archive = NULL;
        int r;

        r = archive_new(archive_read_disk_new(), &archive);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read %s", path);
        archive->job = job;
        archive->skip = skip;
        archive->prefix_length = strlen(path);
        (void) archive_read_disk_set_symlink_physical(archive->handle);
        (void) archive_read_disk_set_behavior(archive->handle,
                                              ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS |
                                                      ARCHIVE_READDISK_NO_FFLAGS);
        if (archive_read_disk_open(archive->handle, path) != ARCHIVE_OK)
                return fail(archive, "cannot read the directory", reterr);
        *ret = steal_ptr(archive);
        return 0;
}

static void clear_entry(Archive *archive) {
        free(steal_ptr(archive->xattrs));
        for (size_t i = 0; i < ACL_XATTRS; i++)
                free(steal_ptr(archive->acls[i]));
        archive->current = (Entry) {.path = NULL};
}

Archive *archive_close(Archive *archive) {
        if (!archive)
                return NULL;
        clear_entry(archive);
        error_clear(&archive->read_error);
        (void) archive_read_free(archive->handle);
        free(archive);
        return NULL;
}

/* ---- an entry in our terms ---- */

static int compare_acl(const void *a, const void *b) {
        const AclEntry *left = a, *right = b;

        if (left->tag != right->tag)
                return left->tag < right->tag ? -1 : 1;
        return left->id < right->id ? -1 : left->id > right->id;
}

static uint16_t acl_tag(int tag) {
        switch (tag) {
        case ARCHIVE_ENTRY_ACL_USER_OBJ: return 0x01;
        case ARCHIVE_ENTRY_ACL_USER: return 0x02;
        case ARCHIVE_ENTRY_ACL_GROUP_OBJ: return 0x04;
        case ARCHIVE_ENTRY_ACL_GROUP: return 0x08;
        case ARCHIVE_ENTRY_ACL_MASK: return 0x10;
        case ARCHIVE_ENTRY_ACL_OTHER: return 0x20;
        default: return 0;
        }
}

/* The ACL as the xattr that the kernel would show; *ret_size is 0 when there is none. */
static int convert_acl(Archive *archive, int type, char **ret, size_t *ret_size, Error *reterr) {
        int count = archive_entry_acl_reset(archive->entry, type);
        int entry_type, permissions, tag, id;
        _cleanup_free_ char *value = NULL;
        const char *name;
        AclEntry *entries;
        size_t n = 0;

        if (count <= 0)
                return 0;
        value = calloc(1, sizeof(uint32_t) + (size_t) count * sizeof(AclEntry));
        if (!value)
                return error_set_errno(reterr, ENOMEM, "cannot read an ACL");
        *(uint32_t *) (void *) value = ACL_VERSION;
        entries = (AclEntry *) (void *) (value + sizeof(uint32_t));
        while (n < (size_t) count &&
               archive_entry_acl_next(archive->entry, type, &entry_type, &permissions, &tag, &id,
                                      &name) == ARCHIVE_OK) {
                bool is_named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;

                if (acl_tag(tag) == 0)
                        continue;
                if (is_named && id < 0) {
                        int r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                          "%s has an ACL for \"%s\" without its number",
                                          archive->current.path, name ? name : "");

                        return error_set_hint(reterr, r, "make the tar with --numeric-owner");
                }
                entries[n++] = (AclEntry) {acl_tag(tag), (uint16_t) (permissions & 7),
                                           is_named ? (uint32_t) id : UINT32_MAX};
        }
        if (n == 0)
                return 0;
        qsort(entries, n, sizeof(*entries), compare_acl);
        *ret_size = sizeof(uint32_t) + n * sizeof(*entries);
        *ret = steal_ptr(value);
        return 0;
}

static int convert_xattrs(Archive *archive, Error *reterr) {
        static const struct {
                int type;
                const char *name;
        } acls[ACL_XATTRS] = {
                {ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access"},
                {ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default"},
        };
        size_t n_max = (size_t) archive_entry_xattr_reset(archive->entry) + ACL_XATTRS, n = 0;
        Entry *entry = &archive->current;

        archive->xattrs = calloc(n_max, sizeof(*archive->xattrs));
        if (!archive->xattrs)
                return error_set_errno(reterr, ENOMEM, "cannot read %s", entry->path);
        while (n < n_max - ACL_XATTRS &&
               archive_entry_xattr_next(archive->entry, &archive->xattrs[n].name,
                                        &archive->xattrs[n].value,
                                        &archive->xattrs[n].size) == ARCHIVE_OK)
                n++;
        for (size_t i = 0; i < ACL_XATTRS; i++) {
                size_t size = 0;
                int r = convert_acl(archive, acls[i].type, &archive->acls[i], &size, reterr);

                if (r < 0)
                        return r;
                if (size > 0)
                        archive->xattrs[n++] = (EntryXattr) {acls[i].name, archive->acls[i], size};
        }
        entry->xattrs = archive->xattrs;
        entry->n_xattrs = n;
        return 0;
}

static int convert_type(struct archive_entry *entry, EntryType *ret) {
        if (archive_entry_hardlink(entry))
                *ret = ENTRY_HARDLINK;
        else
                switch (archive_entry_filetype(entry)) {
                case AE_IFREG: *ret = ENTRY_FILE; break;
                case AE_IFDIR: *ret = ENTRY_DIRECTORY; break;
                case AE_IFLNK: *ret = ENTRY_SYMLINK; break;
                case AE_IFCHR: *ret = ENTRY_CHARACTER; break;
                case AE_IFBLK: *ret = ENTRY_BLOCK; break;
                case AE_IFIFO: *ret = ENTRY_FIFO; break;
                case AE_IFSOCK: *ret = ENTRY_SOCKET; break;
                default: return -EINVAL;
                }
        return 0;
}

/* In whole blocks, as a file system will have it. */
static int64_t data_bytes(struct archive_entry *entry) {
        la_int64_t offset, length;
        int64_t sum = 0;

        if (archive_entry_sparse_reset(entry) == 0)
                return archive_entry_size(entry);
        while (archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK)
                if (length > 0) {
                        int64_t start = offset / BLOCK * BLOCK, bytes;

                        if (length > INT64_MAX - offset - BLOCK)
                                return INT64_MAX;
                        bytes = (offset + length - start + BLOCK - 1) / BLOCK * BLOCK;
                        if (__builtin_add_overflow(sum, bytes, &sum))
                                return INT64_MAX;
                }
        return sum;
}

static int convert_device(struct archive_entry *from, Entry *entry, Error *reterr) {
        dev_t major_number = archive_entry_rdevmajor(from),
              minor_number = archive_entry_rdevminor(from);

        if (major_number > MAJOR_MAX || minor_number > MINOR_MAX)
                return error_set(reterr, ERROR_FAILED, EBADMSG,
                                 "%s has a device number out of range", entry->path);
        entry->major = (uint32_t) major_number;
        entry->minor = (uint32_t) minor_number;
        return 0;
}

static int convert(Archive *archive, Error *reterr) {
        struct archive_entry *from = archive->entry;
        const char *path = archive_entry_pathname(from);
        Entry *entry = &archive->current;
        la_int64_t uid = archive_entry_uid(from), gid = archive_entry_gid(from);

        if (!path)
                return error_set(reterr, ERROR_FAILED, EBADMSG, "a name cannot be read as UTF-8");
        *entry = (Entry) {
                .path = path + archive->prefix_length,
                .mode = archive_entry_perm(from) & 07777,
                .mtime_s = archive_entry_mtime(from),
                .mtime_ns = (uint32_t) archive_entry_mtime_nsec(from),
        };
        if (convert_type(from, &entry->type) < 0)
                return error_set(reterr, ERROR_FAILED, EBADMSG, "%s is of an unknown type", path);
        if (uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX)
                return error_set(reterr, ERROR_FAILED, EBADMSG, "%s has an owner out of range",
                                 path);
        entry->uid = (uint32_t) uid;
        entry->gid = (uint32_t) gid;
        if (entry->type == ENTRY_FILE) {
                entry->size = archive_entry_size(from);
                entry->data_bytes = data_bytes(from);
        }
        if (entry->type == ENTRY_CHARACTER || entry->type == ENTRY_BLOCK)
                if (convert_device(from, entry, reterr) < 0)
                        return -EBADMSG;
        if (entry->type == ENTRY_HARDLINK || entry->type == ENTRY_SYMLINK) {
                entry->target = entry->type == ENTRY_HARDLINK ? archive_entry_hardlink(from)
                                                              : archive_entry_symlink(from);
                if (!entry->target)
                        return error_set(reterr, ERROR_FAILED, EBADMSG,
                                         "%s links to a name that cannot be read", path);
        }
        if (entry->size < 0 || entry->data_bytes < 0)
                return error_set(reterr, ERROR_FAILED, EBADMSG, "%s has a negative size", path);
        return convert_xattrs(archive, reterr);
}

static bool is_skipped(const Archive *archive) {
        const char *name = archive->current.path + strspn(archive->current.path, "/");

        for (size_t i = 0; archive->skip && archive->skip[i]; i++)
                if (string_equal(name, archive->skip[i]))
                        return true;
        return false;
}

/* A tar ends with blocks of zeros. libarchive also takes a mere end of the file for one, which may
 * as well be where it was cut off. */
static int check_end(Archive *archive, Error *reterr) {
        if (!archive->input || archive_filter_bytes(archive->handle, 0) !=
                                       archive_read_header_position(archive->handle))
                return 0;
        return error_set(reterr, ERROR_FAILED, EBADMSG, "the tar is cut off: it has no end mark");
}

int archive_next(void *userdata, const Entry **ret, Error *reterr) {
        Archive *archive = userdata;
        int r;

        do {
                clear_entry(archive);
                r = job_check(archive->job, reterr);
                if (r < 0)
                        return r;
                r = archive_read_next_header(archive->handle, &archive->entry);
                if (r == ARCHIVE_EOF)
                        return check_end(archive, reterr);
                /* A warning is about something that is not carried over. */
                if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                        return fail(archive, archive->input ? "cannot read the tar"
                                                            : "cannot read the directory",
                                    reterr);
                r = convert(archive, reterr);
                if (r < 0)
                        return r;
                if (archive->input || is_skipped(archive))
                        continue;
                if (archive->current.type == ENTRY_DIRECTORY &&
                    archive_read_disk_descend(archive->handle) != ARCHIVE_OK)
                        return fail(archive, archive->current.path, reterr);
        } while (is_skipped(archive));
        *ret = &archive->current;
        return 1;
}

int archive_data(void *userdata, const void **ret, size_t *ret_size, int64_t *ret_offset,
                 Error *reterr) {
        Archive *archive = userdata;
        int r;

        r = job_check(archive->job, reterr);
        if (r < 0)
                return r;
        r = archive_read_data_block(archive->handle, ret, ret_size, ret_offset);
        if (r == ARCHIVE_EOF)
                return 0;
        if (r != ARCHIVE_OK)
                return fail(archive, "cannot read data", reterr);
        return 1;
}

EntrySource archive_source(Archive *archive) {
        return (EntrySource) {.next = archive_next, .data = archive_data, .userdata = archive};
}

/* ---- cpio ---- */

struct Cpio {
        struct archive *handle;
        uint32_t n_entries; /* inode numbers: equal ones would be hard links */
};

static void cpio_cleanup(Cpio **cpio) {
        cpio_close(*cpio);
}

static int cpio_fail(Cpio *cpio, Error *reterr) {
        const char *message = archive_error_string(cpio->handle);
        int errnum = archive_errno(cpio->handle);

        return error_set(reterr, errnum == ENOSPC ? ERROR_NO_SPACE : ERROR_FAILED,
                         errnum > 0 ? errnum : EIO, "cannot write the initrd: %s",
                         message ? message : "unknown reason");
}

int cpio_open(int fd, Cpio **ret, Error *reterr) {
        _cleanup_(cpio_cleanup) Cpio *cpio = calloc(1, sizeof(*cpio));

        if (cpio)
                cpio->handle = archive_write_new();
        if (!cpio || !cpio->handle)
                return error_set_errno(reterr, ENOMEM, "cannot write the initrd");
        if (archive_write_set_format_cpio_newc(cpio->handle) != ARCHIVE_OK ||
            archive_write_add_filter_none(cpio->handle) != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(cpio->handle, 1) != ARCHIVE_OK ||
            archive_write_open_fd(cpio->handle, fd) != ARCHIVE_OK)
                return cpio_fail(cpio, reterr);
        *ret = steal_ptr(cpio);
        return 0;
}

Cpio *cpio_close(Cpio *cpio) {
        if (!cpio)
                return NULL;
        /* One that is given up gets a trailer too: archive_write_fail() would leak its buffers. */
        (void) archive_write_free(cpio->handle);
        free(cpio);
        return NULL;
}

static int cpio_header(Cpio *cpio, const char *path, mode_t mode, dev_t device, int64_t size,
                       Error *reterr) {
        struct archive_entry *entry = archive_entry_new();
        int r;

        if (!entry)
                return error_set_errno(reterr, ENOMEM, "cannot write the initrd");
        archive_entry_set_pathname(entry, path);
        archive_entry_set_mode(entry, mode);
        archive_entry_set_size(entry, size);
        archive_entry_set_rdev(entry, device);
        archive_entry_set_nlink(entry, S_ISDIR(mode) ? 2 : 1);
        archive_entry_set_ino(entry, ++cpio->n_entries);
        archive_entry_set_mtime(entry, 0, 0);
        r = archive_write_header(cpio->handle, entry);
        archive_entry_free(entry);
        return r == ARCHIVE_OK ? 0 : cpio_fail(cpio, reterr);
}

static int cpio_write(Cpio *cpio, const void *data, size_t size, Error *reterr) {
        return archive_write_data(cpio->handle, data, size) == (la_ssize_t) size
                       ? 0
                       : cpio_fail(cpio, reterr);
}

int cpio_add(Cpio *cpio, const char *path, mode_t mode, dev_t device, const void *data,
             size_t size, Error *reterr) {
        int r = cpio_header(cpio, path, mode, device, (int64_t) size, reterr);

        return r < 0 || size == 0 ? r : cpio_write(cpio, data, size, reterr);
}

int cpio_add_file(Cpio *cpio, const char *path, mode_t mode, int fd, Error *reterr) {
        _cleanup_free_ char *buffer = malloc(INPUT_CHUNK);
        int64_t done = 0;
        struct stat st;
        int r;

        if (!buffer)
                return error_set_errno(reterr, ENOMEM, "cannot write the initrd");
        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot read %s", path);
        r = cpio_header(cpio, path, mode, 0, st.st_size, reterr);
        while (r >= 0 && done < st.st_size) {
                int64_t left = st.st_size - done;
                size_t wanted = (uint64_t) left < INPUT_CHUNK ? (size_t) left : INPUT_CHUNK;
                ssize_t n = pread(fd, buffer, wanted, done);

                if (n <= 0)
                        return error_set_errno(reterr, n < 0 ? errno : EIO, "cannot read %s", path);
                r = cpio_write(cpio, buffer, (size_t) n, reterr);
                done += n;
        }
        return r;
}

int cpio_finish(Cpio *cpio, Error *reterr) {
        return archive_write_close(cpio->handle) == ARCHIVE_OK ? 0 : cpio_fail(cpio, reterr);
}
