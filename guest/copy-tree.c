#include "guest/copy-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/io.h"
#include "common/strings.h"
#include "guest/console.h"

#define DEPTH_MAX 64 /* levels: each has three descriptors and some of the stack */
#define BUFFER_SIZE 65536
#define MODE_BITS 07777
/* Of files with several names whose names were not all seen yet: what comes once it is reached is
 * copied as often as it has names. A package store of some 10000 files fits. */
#define LINKED_BYTES_MAX (4U << 20)
#define LINKED_NODE_BYTES 64U /* of the tree and of malloc(), about */

typedef struct Copy Copy;

typedef struct CopyEntry {
        int from_fd, to_fd; /* the directories it is in */
        const char *name;
        struct stat st;
} CopyEntry;

/* One pass over a whole tree. */
struct Copy {
        int (*entry)(Copy *copy, const CopyEntry *entry, Error *reterr);
        int to_fd;
        dev_t device; /* of the source: others are not entered */
        char *buffer; /* BUFFER_SIZE */
        unsigned depth;
        unsigned n_skipped;
        char path[PATH_MAX]; /* of the entry, within the tree */
        size_t path_length;  /* may be too long for it */
        void *linked;        /* LinkedFile, of tsearch(3) by inode */
        size_t linked_bytes;
};

/* A copied file that has further names. */
typedef struct LinkedFile {
        ino_t inode; /* of the source */
        nlink_t n_left;
        char path[]; /* of the copy */
} LinkedFile;

static int compare_linked(const void *a, const void *b) {
        ino_t left = ((const LinkedFile *) a)->inode, right = ((const LinkedFile *) b)->inode;

        return left < right ? -1 : left > right;
}

static size_t linked_bytes(const LinkedFile *file) {
        return sizeof(*file) + strlen(file->path) + 1 + LINKED_NODE_BYTES;
}

/* Best effort. */
static void remember_linked(Copy *copy, const CopyEntry *entry) {
        LinkedFile *file;

        if (entry->st.st_nlink < 2 || copy->path_length >= sizeof(copy->path) ||
            copy->linked_bytes > LINKED_BYTES_MAX)
                return;
        file = malloc(sizeof(*file) + copy->path_length + 1);
        if (!file)
                return;
        file->inode = entry->st.st_ino;
        file->n_left = entry->st.st_nlink - 1;
        memcpy(file->path, copy->path, copy->path_length + 1);
        if (!tsearch(file, &copy->linked, compare_linked)) {
                free(file);
                return;
        }
        copy->linked_bytes += linked_bytes(file);
}

static void forget_linked(Copy *copy, LinkedFile *file) {
        copy->linked_bytes -= linked_bytes(file);
        (void) tdelete(file, &copy->linked, compare_linked);
        free(file);
}

/* Another name of what was copied: 1; of nothing that is remembered: 0. */
static int link_again(Copy *copy, const CopyEntry *entry) {
        const LinkedFile wanted = {.inode = entry->st.st_ino};
        LinkedFile *const *found = entry->st.st_nlink > 1
                                           ? tfind(&wanted, &copy->linked, compare_linked)
                                           : NULL;

        if (!found)
                return 0;
        if (linkat(copy->to_fd, (*found)->path, entry->to_fd, entry->name, 0) < 0)
                return -errno;
        if (--(*found)->n_left == 0)
                forget_linked(copy, *found);
        return 1;
}

static void directory_cleanup(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* Best effort: the names that there are, one after the other (listxattr(2)). */
static void copy_xattrs(int from_fd, int to_fd) {
        _cleanup_free_ char *names = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_SIZE_MAX);
        ssize_t size = names && value ? flistxattr(from_fd, names, XATTR_LIST_MAX) : -1;

        for (ssize_t at = 0; at < size; at += (ssize_t) strlen(&names[at]) + 1) {
                ssize_t n = fgetxattr(from_fd, &names[at], value, XATTR_SIZE_MAX);

                if (n >= 0)
                        (void) fsetxattr(to_fd, &names[at], value, (size_t) n, 0);
        }
}

/* The mode after the owner, who takes set-id bits away; the times last. */
static int copy_attributes(int from_fd, int to_fd, const struct stat *st) {
        const struct timespec times[] = {st->st_atim, st->st_mtim};

        if (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & MODE_BITS) < 0)
                return -errno;
        copy_xattrs(from_fd, to_fd);
        return futimens(to_fd, times) < 0 ? -errno : 0;
}

static int copy_range(Copy *copy, int from_fd, int to_fd, off_t at, off_t end) {
        while (at < end) {
                size_t wanted = end - at < BUFFER_SIZE ? (size_t) (end - at) : BUFFER_SIZE;
                ssize_t n = pread(from_fd, copy->buffer, wanted, at);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                if (lseek(to_fd, at, SEEK_SET) < 0)
                        return -errno;
                r = io_write_full(to_fd, copy->buffer, (size_t) n);
                if (r < 0)
                        return r;
                at += n;
        }
        return 0;
}

/* Holes stay holes. */
static int copy_data(Copy *copy, int from_fd, int to_fd, off_t size) {
        off_t at = 0;

        if (ftruncate(to_fd, size) < 0)
                return -errno;
        while (at < size) {
                off_t data = lseek(from_fd, at, SEEK_DATA), end;
                int r;

                if (data < 0)
                        return errno == ENXIO ? 0 : -errno;
                end = lseek(from_fd, data, SEEK_HOLE);
                if (end < 0)
                        return -errno;
                r = copy_range(copy, from_fd, to_fd, data, end < size ? end : size);
                if (r < 0)
                        return r;
                at = end;
        }
        return 0;
}

static int copy_file(Copy *copy, const CopyEntry *entry) {
        _cleanup_close_ int from_fd = -1, to_fd = -1;
        int r;

        from_fd = openat(entry->from_fd, entry->name,
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (from_fd < 0)
                return -errno;
        to_fd = openat(entry->to_fd, entry->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (to_fd < 0)
                return -errno;
        r = copy_data(copy, from_fd, to_fd, entry->st.st_size);
        return r < 0 ? r : copy_attributes(from_fd, to_fd, &entry->st);
}

static int copy_owner_and_times(const CopyEntry *entry) {
        const struct timespec times[] = {entry->st.st_atim, entry->st.st_mtim};

        if (fchownat(entry->to_fd, entry->name, entry->st.st_uid, entry->st.st_gid,
                     AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISLNK(entry->st.st_mode) &&
            fchmodat(entry->to_fd, entry->name, entry->st.st_mode & MODE_BITS, 0) < 0)
                return -errno;
        return utimensat(entry->to_fd, entry->name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_link(Copy *copy, const CopyEntry *entry) {
        ssize_t n = readlinkat(entry->from_fd, entry->name, copy->buffer, BUFFER_SIZE - 1);

        if (n < 0)
                return -errno;
        copy->buffer[n] = '\0';
        if (symlinkat(copy->buffer, entry->to_fd, entry->name) < 0)
                return -errno;
        return copy_owner_and_times(entry);
}

static int copy_node(const CopyEntry *entry) {
        if (mknodat(entry->to_fd, entry->name, entry->st.st_mode & (S_IFMT | 0600),
                    entry->st.st_rdev) < 0)
                return -errno;
        return copy_owner_and_times(entry);
}

static int walk(Copy *copy, int from_fd, int to_fd, Error *reterr);

/* Said at once: the rest of the tree is worth more than none of it. */
static void skip_content(Copy *copy, int from_fd) {
        char link[32];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", from_fd);
        n = readlink(link, copy->buffer, BUFFER_SIZE - 1);
        copy->buffer[n > 0 ? n : 0] = '\0';
        console_print("%u levels down, nothing below is copied: %s", DEPTH_MAX, copy->buffer);
        copy->n_skipped++;
}

static int copy_directory(Copy *copy, const CopyEntry *entry, Error *reterr) {
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        _cleanup_close_ int from_fd = -1, to_fd = -1;
        int r = 0;

        if (mkdirat(entry->to_fd, entry->name, 0700) < 0 && errno != EEXIST)
                return error_set_errno(reterr, errno, "cannot make the directory");
        from_fd = openat(entry->from_fd, entry->name, flags);
        to_fd = openat(entry->to_fd, entry->name, flags);
        if (from_fd < 0 || to_fd < 0)
                return error_set_errno(reterr, errno, "cannot open the directory");
        if (copy->depth == DEPTH_MAX)
                skip_content(copy, from_fd);
        else
                r = walk(copy, from_fd, to_fd, reterr);
        if (r < 0)
                return r;
        r = copy_attributes(from_fd, to_fd, &entry->st);
        return r < 0 ? error_set_errno(reterr, -r, "cannot copy its attributes") : 0;
}

static int copy_entry(Copy *copy, const CopyEntry *entry, Error *reterr) {
        int r;

        if (S_ISDIR(entry->st.st_mode))
                return copy_directory(copy, entry, reterr);
        if (unlinkat(entry->to_fd, entry->name, 0) < 0 && errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot replace it");
        r = link_again(copy, entry);
        if (r == 0) {
                if (S_ISREG(entry->st.st_mode))
                        r = copy_file(copy, entry);
                else
                        r = S_ISLNK(entry->st.st_mode) ? copy_link(copy, entry) : copy_node(entry);
                if (r >= 0)
                        remember_linked(copy, entry);
        }
        return r < 0 ? error_set_errno(reterr, -r, "cannot copy it") : 0;
}

/* Goes on past all that is in the way: what somebody else has put there stays. */
static int remove_entry(Copy *copy, const CopyEntry *entry, Error *reterr) {
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        bool is_directory = S_ISDIR(entry->st.st_mode);

        if (is_directory && copy->depth < DEPTH_MAX) {
                _cleanup_close_ int from_fd = openat(entry->from_fd, entry->name, flags);
                _cleanup_close_ int to_fd = openat(entry->to_fd, entry->name, flags);

                if (from_fd >= 0 && to_fd >= 0)
                        (void) walk(copy, from_fd, to_fd, reterr);
        }
        (void) unlinkat(entry->to_fd, entry->name, is_directory ? AT_REMOVEDIR : 0);
        return 0;
}

/* The length that it had, for path_pop(). */
static size_t path_push(Copy *copy, const char *name) {
        size_t before = copy->path_length, n = strlen(name) + (before > 0);

        if (before + n < sizeof(copy->path))
                (void) snprintf(&copy->path[before], sizeof(copy->path) - before, "%s%s",
                                before > 0 ? "/" : "", name);
        copy->path_length += n;
        return before;
}

static void path_pop(Copy *copy, size_t before) {
        copy->path_length = before;
        if (before < sizeof(copy->path))
                copy->path[before] = '\0';
}

static int enter(Copy *copy, int from_fd, int to_fd, const char *name, Error *reterr) {
        CopyEntry entry = {.from_fd = from_fd, .to_fd = to_fd, .name = name};
        size_t before = path_push(copy, name);
        int r;

        if (fstatat(from_fd, name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
                r = error_set_errno(reterr, errno, "cannot look at it");
        else
                r = entry.st.st_dev == copy->device ? copy->entry(copy, &entry, reterr) : 0;
        path_pop(copy, before);
        return r < 0 ? error_prepend(reterr, r, "%s", name) : 0;
}

/* A stream of its own: reading moves the position. */
static int read_directory(Copy *copy, int from_fd, int to_fd, Error *reterr) {
        _cleanup_(directory_cleanup) DIR *directory = NULL;
        _cleanup_close_ int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        directory = fd >= 0 ? fdopendir(fd) : NULL;
        if (!directory)
                return error_set_errno(reterr, errno, "cannot read the directory");
        (void) steal_fd(&fd);
        for (;;) {
                const struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        return errno == 0 ? 0 : error_set_errno(reterr, errno,
                                                                "cannot read the directory");
                if (string_equal(entry->d_name, ".") || string_equal(entry->d_name, ".."))
                        continue;
                r = enter(copy, from_fd, to_fd, entry->d_name, reterr);
                if (r < 0)
                        return r;
        }
}

static int walk(Copy *copy, int from_fd, int to_fd, Error *reterr) {
        int r;

        copy->depth++;
        r = read_directory(copy, from_fd, to_fd, reterr);
        copy->depth--;
        return r;
}

static Copy *copy_free(Copy *copy) {
        if (!copy)
                return NULL;
        tdestroy(copy->linked, free);
        free(copy->buffer);
        free(copy);
        return NULL;
}

static void copy_cleanup(Copy **copy) {
        copy_free(*copy);
}

static Copy *copy_new(int to_fd, dev_t device) {
        Copy *copy = calloc(1, sizeof(*copy));

        if (!copy)
                return NULL;
        copy->to_fd = to_fd;
        copy->device = device;
        copy->buffer = malloc(BUFFER_SIZE);
        return copy->buffer ? copy : copy_free(copy);
}

int copy_tree(int from_fd, int to_fd, unsigned *ret_n_skipped, Error *reterr) {
        _cleanup_(copy_cleanup) Copy *copy = NULL;
        struct stat st;
        int r;

        if (fstat(from_fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at the directory");
        copy = copy_new(to_fd, st.st_dev);
        if (!copy)
                return error_set_errno(reterr, ENOMEM, "cannot copy");
        copy->entry = copy_entry;
        r = walk(copy, from_fd, to_fd, reterr);
        if (r < 0)
                return r;
        r = copy_attributes(from_fd, to_fd, &st);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot copy the directory's attributes");
        *ret_n_skipped = copy->n_skipped;
        return 0;
}

void copy_tree_undo(int from_fd, int to_fd) {
        _cleanup_(copy_cleanup) Copy *copy = NULL;
        _cleanup_error_ Error ignored = ERROR_INIT;
        struct stat st;

        if (fstat(from_fd, &st) < 0)
                return;
        copy = copy_new(to_fd, st.st_dev);
        if (!copy)
                return;
        copy->entry = remove_entry;
        (void) walk(copy, from_fd, to_fd, &ignored);
}
