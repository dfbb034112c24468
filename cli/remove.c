#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/below.h"
#include "cli/remove.h"
#include "common/strings.h"

/* Deeper trees are nobody's work but an attacker's: each level costs a descriptor. */
#define DEPTH_MAX 128

static int look_below(int dir_fd, const char *name, bool *ret_is_directory) {
        _cleanup_close_ int fd = below_open(dir_fd, name, O_PATH);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_is_directory = S_ISDIR(st.st_mode);
        return 0;
}

static int read_names(int dir_fd, char ***ret) {
        _cleanup_strv_ char **names = NULL;
        _cleanup_close_ int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
        DIR *directory;
        int r = 0;

        directory = fd < 0 ? NULL : fdopendir(fd);
        if (!directory)
                return -errno;
        (void) steal_fd(&fd);

        for (;;) {
                const struct dirent *entry;

                errno = 0;
                entry = readdir(directory);
                if (!entry) {
                        r = -errno;
                        break;
                }
                if (string_equal(entry->d_name, ".") || string_equal(entry->d_name, ".."))
                        continue;
                r = strv_append(&names, entry->d_name);
                if (r < 0)
                        break;
        }
        closedir(directory);
        if (r < 0)
                return r;
        *ret = steal_ptr(names);
        return 0;
}

static int remove_entry(int dir_fd, const char *name, const char *path, unsigned depth,
                        Error *reterr);

static int remove_contents(int dir_fd, const char *path, unsigned depth, Error *reterr) {
        _cleanup_strv_ char **names = NULL;
        int r = read_names(dir_fd, &names);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read %s", path);
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *inner = string_format("%s/%s", path, names[i]);
                int this_r = remove_entry(dir_fd, names[i], inner ? inner : names[i], depth,
                                          r < 0 ? NULL : reterr);

                if (r >= 0)
                        r = this_r;
        }
        return r;
}

/* 0 where it is gone: all is well. */
static int explain_open(int r, const char *path, Error *reterr) {
        if (r == -EXDEV)
                return error_set(reterr, ERROR_BUSY, EXDEV,
                                 "cannot remove %s: another file system is mounted there", path);
        return r == -ENOENT ? 0 : error_set_errno(reterr, -r, "cannot remove %s", path);
}

static int remove_directory(int dir_fd, const char *name, const char *path, unsigned depth,
                            Error *reterr) {
        _cleanup_close_ int fd = -1;
        int r;

        if (depth == DEPTH_MAX)
                return error_set_errno(reterr, ELOOP, "cannot remove %s", path);
        fd = below_open(dir_fd, name, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return explain_open(fd, path, reterr);
        r = remove_contents(fd, path, depth + 1, reterr);
        if (r < 0)
                return r;
        if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot remove %s", path);
        return 0;
}

static int remove_entry(int dir_fd, const char *name, const char *path, unsigned depth,
                        Error *reterr) {
        bool is_directory = false;
        int r;

        r = look_below(dir_fd, name, &is_directory);
        if (r < 0)
                return explain_open(r, path, reterr);
        if (is_directory)
                return remove_directory(dir_fd, name, path, depth, reterr);
        if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot remove %s", path);
        return 0;
}

/* The directory that holds path, and its last name. Everything above is root's own. -ENOENT when
 * the directory is not there. */
static int open_parent(int root_fd, const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL;
        int fd;

        parent = slash == path ? strdup(".") : strndup(path + 1, (size_t) (slash - path - 1));
        if (!parent)
                return -ENOMEM;
        fd = openat(root_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_name = slash + 1;
        return fd;
}

int remove_file(int root_fd, const char *path, Error *reterr) {
        if (unlinkat(root_fd, path + 1, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
                return error_set_errno(reterr, errno, "cannot remove %s", path);
        return 0;
}

int remove_empty_directory(int root_fd, const char *path, bool *ret_removed, Error *reterr) {
        bool removed = true;

        if (unlinkat(root_fd, path + 1, AT_REMOVEDIR) < 0 && errno != ENOENT) {
                if (errno != ENOTEMPTY && errno != EEXIST)
                        return error_set_errno(reterr, errno, "cannot remove %s", path);
                removed = false;
        }
        if (ret_removed)
                *ret_removed = removed;
        return 0;
}

int remove_tree(int root_fd, const char *path, Error *reterr) {
        _cleanup_close_ int parent_fd = -1;
        const char *name = "";

        parent_fd = open_parent(root_fd, path, &name);
        if (parent_fd == -ENOENT)
                return 0;
        if (parent_fd < 0)
                return error_set_errno(reterr, -parent_fd, "cannot remove %s", path);
        return remove_entry(parent_fd, name, path, 0, reterr);
}
