#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/import.h"
#include "common/strings.h"

/* The super block begins at 1024, its s_magic at 0x38, little-endian (Linux fs/ext4/ext4.h). */
#define EXT4_MAGIC_OFFSET 1080

bool source_is_ext4(int fd) {
        unsigned char magic[2];

        return pread(fd, magic, sizeof(magic), EXT4_MAGIC_OFFSET) == (ssize_t) sizeof(magic) &&
               magic[0] == 0x53 && magic[1] == 0xEF;
}

void source_clear(Source *source) {
        close_fd(source->fd);
        close_fd(source->hold_fd);
        if (source->child_fd >= 0) {
                (void) kill(source->child_pid, SIGTERM);
                (void) waitpid(source->child_pid, NULL, 0);
                close_fd(source->child_fd);
        }
        *source = SOURCE_INIT;
}

/* Everything as it is in the directory, by number: names of this host mean nothing in the guest. */
static int spawn_tar(const char *path, int out_fd, int *ret_pid) {
        char tar[] = "tar", numeric[] = "--numeric-owner", xattrs[] = "--xattrs";
        char all_xattrs[] = "--xattrs-include=*", sparse[] = "--sparse", create[] = "-cf";
        char standard_out[] = "-", directory[] = "-C", dot[] = ".";
        _cleanup_free_ char *path_copy = strdup(path);
        char *const words[] = {tar,       numeric,   xattrs, all_xattrs,   sparse, directory,
                               path_copy, create, standard_out, dot, NULL};
        posix_spawn_file_actions_t actions;
        int r;

        if (!path_copy)
                return -ENOMEM;
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                     0);
        if (r == 0)
                r = posix_spawnp(ret_pid, tar, &actions, NULL, words, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int open_directory(const char *path, Source *source, Error *reterr) {
        int pipe_fds[2], r;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return error_set_errno(reterr, errno, "cannot make a pipe");
        source->fd = pipe_fds[0];
        source->hold_fd = pipe_fds[1];
        source->format = IMAGE_TAR;
        r = spawn_tar(path, source->hold_fd, &source->child_pid);
        if (r == -ENOENT)
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_UNAVAILABLE, ENOENT,
                                                "cannot read directory %s: there is no tar", path),
                                      "install tar");
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot run tar");
        source->child_fd = pidfd_open(source->child_pid, 0);
        if (source->child_fd < 0) {
                r = error_set_errno(reterr, errno, "cannot watch tar");
                (void) kill(source->child_pid, SIGTERM);
                (void) waitpid(source->child_pid, NULL, 0);
                return r;
        }
        return 0;
}

int source_open(const char *path, Source *ret, Error *reterr) {
        _cleanup_source_ Source source = SOURCE_INIT;
        struct stat st;
        int r;

        source.fd = string_equal(path, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                            : open(path, O_RDONLY | O_CLOEXEC);
        if (source.fd < 0 || fstat(source.fd, &st) < 0) {
                r = error_set_errno(reterr, errno, "cannot open %s", path);
                (void) error_set_object(reterr, r, path);
                return error_set_hint(reterr, r,
                                      "give an ext4 file, a tar or a directory that you may read, "
                                      "or - for standard input");
        }
        if (S_ISDIR(st.st_mode)) {
                source.fd = close_fd(source.fd);
                r = open_directory(path, &source, reterr);
                if (r < 0)
                        return r;
        } else if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)) {
                source.format = S_ISREG(st.st_mode) && source_is_ext4(source.fd) ? IMAGE_EXT4
                                                                                 : IMAGE_TAR;
        } else
                return error_set(reterr, ERROR_USAGE, EINVAL,
                                 "%s is no file, directory or pipe", path);
        *ret = source;
        source = SOURCE_INIT;
        return 0;
}

int source_child_ended(Source *source, const char *path, Error *reterr) {
        siginfo_t info = {.si_pid = 0};

        if (waitid(P_PIDFD, (id_t) source->child_fd, &info, WEXITED) < 0)
                return error_set_errno(reterr, errno, "cannot wait for tar");
        source->child_fd = close_fd(source->child_fd);
        if (info.si_code != CLD_EXITED || info.si_status != 0)
                return error_set(reterr, ERROR_FAILED, EIO,
                                 "tar could not read all of %s (status %d)", path, info.si_status);
        source->hold_fd = close_fd(source->hold_fd);
        return 0;
}
