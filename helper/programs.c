#include "helper/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/install.h"
#include "common/strings.h"

/* Where `make install` of the release and distributions put them. */
static const char *const directories[] = {"/usr/local/bin", "/usr/bin"};

/* One remedy for all that owner and mode can be. */
static int unfit(const char *path, int r, Error *reterr) {
        return error_set_hint(reterr, r,
                              "if you trust it, run: sudo chown root:root %s && sudo chmod 755 %s",
                              path, path);
}

static int check_program(int fd, const char *path, uid_t uid, Error *reterr) {
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at %s", path);
        if (!S_ISREG(st.st_mode)) {
                r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "%s is not a regular file", path);
                return error_set_hint(reterr, r, "name the program itself in " BANGER_CONF);
        }
        if (st.st_uid != uid) {
                r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                              "%s belongs to uid %u instead of %u", path, st.st_uid, uid);
                return unfit(path, r, reterr);
        }
        if (st.st_mode & (S_IWGRP | S_IWOTH)) {
                r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                              "%s is writable by others than its owner", path);
                return unfit(path, r, reterr);
        }
        if (!(st.st_mode & S_IXUSR)) {
                r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "%s is not executable", path);
                return unfit(path, r, reterr);
        }
        return 0;
}

/* The path that the descriptor has now: a link on the way cannot be turned afterwards. */
static int real_path(int fd, char ret[static PROGRAM_PATH_MAX]) {
        char link[32], path[PROGRAM_PATH_MAX];
        ssize_t length;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, path, sizeof(path));
        if (length < 0)
                return -errno;
        if ((size_t) length >= sizeof(path))
                return -ENAMETOOLONG;
        memcpy(ret, path, (size_t) length);
        ret[length] = '\0';
        return 0;
}

/* systemd finds the program by its path once more: nobody else may have another in its place by
 * then. From the top, so that what has been looked at cannot be replaced. */
static int check_directories(const char *path, uid_t uid, Error *reterr) {
        for (const char *end = path; end; end = strchr(end + 1, '/')) {
                char directory[PROGRAM_PATH_MAX];
                struct stat st;
                int r;

                (void) snprintf(directory, sizeof(directory), "%.*s",
                                end == path ? 1 : (int) (end - path), path);
                if (lstat(directory, &st) < 0)
                        return error_set_errno(reterr, errno, "cannot look at %s", directory);
                if (!S_ISDIR(st.st_mode) || (st.st_uid != uid && st.st_uid != 0)) {
                        r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                      "%s cannot be trusted: %s belongs to uid %u", path, directory,
                                      st.st_uid);
                        return error_set_hint(reterr, r, "install Firecracker's release into %s",
                                              directories[0]);
                }
                /* Where it is sticky nobody can take away what is not his. */
                if (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX)) {
                        r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                      "%s cannot be trusted: %s is writable by others", path,
                                      directory);
                        return error_set_hint(reterr, r, "run: sudo chmod go-w %s", directory);
                }
        }
        return 0;
}

/* -ENOENT without reterr when there is no such file. */
static int try_program(const char *path, uid_t uid, char ret[static PROGRAM_PATH_MAX],
                       Error *reterr) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        char real[PROGRAM_PATH_MAX];
        int r;

        if (fd < 0)
                return errno == ENOENT ? -ENOENT :
                                         error_set_errno(reterr, errno, "cannot open %s", path);
        r = check_program(fd, path, uid, reterr);
        if (r < 0)
                return r;
        r = real_path(fd, real);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot tell where %s is", path);
        r = check_directories(real, uid, reterr);
        if (r >= 0)
                memcpy(ret, real, sizeof(real));
        return r;
}

static int find_program(const char *name, const char *configured, uid_t uid,
                        char ret[static PROGRAM_PATH_MAX], Error *reterr) {
        char path[64];
        int r = -ENOENT;

        if (configured)
                r = try_program(configured, uid, ret, reterr);
        else
                for (size_t i = 0; i < ELEMENTSOF(directories) && r == -ENOENT; i++) {
                        (void) snprintf(path, sizeof(path), "%s/%s", directories[i], name);
                        r = try_program(path, uid, ret, reterr);
                }
        if (r != -ENOENT)
                return r;
        if (configured) {
                r = error_set(reterr, ERROR_UNAVAILABLE, ENOENT, "there is no %s at %s", name,
                              configured);
                return error_set_hint(reterr, r,
                                      "install Firecracker's release there, or change the path in "
                                      BANGER_CONF);
        }
        r = error_set(reterr, ERROR_UNAVAILABLE, ENOENT, "there is no %s in %s or %s", name,
                      directories[0], directories[1]);
        return error_set_hint(reterr, r,
                              "install Firecracker's release into %s, or name its path in "
                              BANGER_CONF, directories[0]);
}

int programs_find(const Config *config, uid_t uid, Programs *ret, Error *reterr) {
        Programs programs;
        int r;

        r = find_program("firecracker", config->firecracker, uid, programs.firecracker, reterr);
        if (r < 0)
                return r;
        r = find_program("jailer", config->jailer, uid, programs.jailer, reterr);
        if (r < 0)
                return r;
        /* The jailer names the jail's directory after the file. */
        if (!string_equal(strrchr(programs.firecracker, '/') + 1, "firecracker")) {
                r = error_set(reterr, ERROR_UNAVAILABLE, EINVAL, "%s is not named \"firecracker\"",
                              programs.firecracker);
                return error_set_hint(reterr, r, "install it under that name, not as a link");
        }
        *ret = programs;
        return 0;
}
