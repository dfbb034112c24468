#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/remove.h"
#include "common/io.h"
#include "common/strings.h"

/* Ours are a few hundred bytes; what an administrator made of them is not much more. */
#define FILE_SIZE_MAX ((size_t) 64 * 1024)
#define MODE_BITS 07777

typedef struct Earlier {
        int root_fd;
        char *path;
        bool existed;
        char *content; /* of a file */
        size_t size;
        mode_t mode;
        FileOwner owner;
} Earlier;

static void earlier_release(void *argument) {
        Earlier *earlier = argument;

        free(earlier->path);
        free(earlier->content);
        free(earlier);
}

static int restore_directory(void *argument, Error *reterr) {
        const Earlier *earlier = argument;
        _cleanup_close_ int fd = -1;

        /* Whatever is in a directory of ours came after it. */
        if (!earlier->existed)
                return remove_tree(earlier->root_fd, earlier->path, reterr);
        fd = openat(earlier->root_fd, earlier->path + 1,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchown(fd, earlier->owner.uid, earlier->owner.gid) < 0 ||
            fchmod(fd, earlier->mode) < 0)
                return error_set_errno(reterr, errno, "cannot restore %s", earlier->path);
        return 0;
}

static int write_file(int root_fd, const char *path, const char *content, size_t size, mode_t mode,
                      FileOwner owner) {
        int r = io_write_file_atomic(root_fd, path + 1, content, size, mode);

        if (r < 0)
                return r;
        if (fchownat(root_fd, path + 1, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int restore_file(void *argument, Error *reterr) {
        const Earlier *earlier = argument;
        int r;

        if (!earlier->existed)
                return remove_file(earlier->root_fd, earlier->path, reterr);
        r = write_file(earlier->root_fd, earlier->path, earlier->content, earlier->size,
                       earlier->mode, earlier->owner);
        return r < 0 ? error_set_errno(reterr, -r, "cannot restore %s", earlier->path) : 0;
}

static int push_earlier(UndoJournal *journal, UndoRun run, int root_fd, const char *path,
                        const struct stat *st, char **content, size_t size) {
        Earlier *earlier = calloc(1, sizeof(*earlier));

        if (!earlier)
                return -ENOMEM;
        earlier->root_fd = root_fd;
        earlier->path = strdup(path);
        if (!earlier->path) {
                earlier_release(earlier);
                return -ENOMEM;
        }
        if (st) {
                earlier->existed = true;
                earlier->mode = st->st_mode & MODE_BITS;
                earlier->owner = (FileOwner) {st->st_uid, st->st_gid};
        }
        if (content) {
                earlier->content = steal_ptr(*content);
                earlier->size = size;
        }
        return undo_push(journal, run, earlier_release, earlier);
}

static bool is_as_wanted(const struct stat *st, mode_t mode, FileOwner owner) {
        return (st->st_mode & MODE_BITS) == mode && st->st_uid == owner.uid &&
               st->st_gid == owner.gid;
}

static int mend_directory(int fd, mode_t mode, FileOwner owner) {
        if (fchown(fd, owner.uid, owner.gid) < 0 || fchmod(fd, mode) < 0)
                return -errno;
        return 0;
}

static int make_directory(int root_fd, const char *path, mode_t mode, FileOwner owner) {
        _cleanup_close_ int fd = -1;

        /* Nobody enters before the owner and the mode are right. */
        if (mkdirat(root_fd, path + 1, 0) < 0)
                return -errno;
        fd = openat(root_fd, path + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return mend_directory(fd, mode, owner);
}

int files_ensure_directory(int root_fd, const char *path, mode_t mode, FileOwner owner,
                           UndoJournal *journal, FileChange *ret, Error *reterr) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        fd = openat(root_fd, path + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot use the directory %s", path);
        if (fd >= 0 && fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at %s", path);
        if (fd >= 0 && is_as_wanted(&st, mode, owner)) {
                *ret = FILE_UNCHANGED;
                return 0;
        }

        r = push_earlier(journal, restore_directory, root_fd, path, fd >= 0 ? &st : NULL, NULL, 0);
        if (r >= 0)
                r = fd >= 0 ? mend_directory(fd, mode, owner)
                            : make_directory(root_fd, path, mode, owner);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make the directory %s", path);
        *ret = fd >= 0 ? FILE_CHANGED : FILE_CREATED;
        return 0;
}

/* 1 when there is one, 0 when there is none. */
static int read_earlier(int root_fd, const char *path, struct stat *ret_st, char **ret_content,
                        size_t *ret_size) {
        if (fstatat(root_fd, path + 1, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISREG(ret_st->st_mode))
                return -EEXIST;
        return io_read_file(root_fd, path + 1, FILE_SIZE_MAX, ret_content, ret_size) < 0 ? -EIO : 1;
}

int files_ensure_file(int root_fd, const char *path, const char *content, mode_t mode,
                      FileOwner owner, UndoJournal *journal, FileChange *ret, Error *reterr) {
        _cleanup_free_ char *earlier = NULL;
        size_t size = strlen(content), earlier_size = 0;
        struct stat st;
        int exists, r;

        exists = read_earlier(root_fd, path, &st, &earlier, &earlier_size);
        if (exists < 0)
                return error_set_errno(reterr, -exists, "cannot replace %s", path);
        if (earlier && is_as_wanted(&st, mode, owner) && size == earlier_size &&
            memcmp(content, earlier, size) == 0) {
                *ret = FILE_UNCHANGED;
                return 0;
        }

        r = push_earlier(journal, restore_file, root_fd, path, exists > 0 ? &st : NULL, &earlier,
                         earlier_size);
        if (r >= 0)
                r = write_file(root_fd, path, content, size, mode, owner);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot write %s", path);
        *ret = exists > 0 ? FILE_CHANGED : FILE_CREATED;
        return 0;
}
