#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cli/below.h"
#include "cli/layout.h"
#include "cli/setup.h"
#include "common/strings.h"

static int check_booted(const SetupEnv *env, const Account *owner, Error *reterr) {
        (void) owner;
        if (env->booted)
                return 0;
        return error_set(reterr, ERROR_UNAVAILABLE, ENODEV,
                         "this host does not run systemd, which banger is built on");
}

static int check_account(const SetupEnv *env, const Account *owner, Error *reterr) {
        return account_check_host(env->host->root_fd, owner, reterr);
}

static int check_earlier(const SetupEnv *env, const Account *owner, Error *reterr) {
        InstallConf conf = {.owner = NULL};
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = install_conf_read(env->host->install_conf, env->host->root_uid, &conf, &error);
        if (r == -ENOENT)
                return 0;
        if (r < 0) {
                if (reterr)
                        error_move(reterr, &error);
                return error_set_hint(reterr, r, "run: sudo banger system uninstall");
        }
        if (conf.uid != owner->uid) {
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                              "banger is installed on this host for %s already", conf.owner);
                r = error_set_hint(reterr, r, "run: sudo banger system uninstall");
        }
        install_conf_clear(&conf);
        return r;
}

static int check_units(const SetupEnv *env, const Account *owner, Error *reterr) {
        (void) owner;
        if (!env->booted)
                return 0; /* said already, and there is nobody to ask */
        for (size_t i = 0; i < layout_n_units; i++) {
                const char *name = layout_units[i].name;
                UnitState state;
                int r = env->units.ops->get_state(env->units.manager, name, &state, reterr);

                if (r < 0)
                        return r;
                if (!state.known) {
                        r = error_set(reterr, ERROR_UNAVAILABLE, ENOENT,
                                      "systemd has no usable unit %s (%s)", name, state.text);
                        return error_set_hint(reterr, r, "run: make install");
                }
        }
        return 0;
}

/* A VM's directory has root's files in it, so only what stands right in one of the tops tells whose it
 * is. */
static int check_entry(const SetupEnv *env, const Account *owner, int dir_fd, const char *path,
                       const char *name, Error *reterr) {
        _cleanup_close_ int fd = below_open(dir_fd, name, O_PATH);
        struct stat st;
        int r;

        if (fd == -ENOENT)
                return 0;
        if (fd < 0 && fd != -EXDEV)
                return error_set_errno(reterr, -fd, "cannot look at %s/%s", path, name);
        if (fd >= 0 && fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at %s/%s", path, name);
        if (fd < 0)
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                              "on %s/%s another file system is mounted", path, name);
        else if (st.st_uid == owner->uid || st.st_uid == env->host->root_uid)
                return 0;
        else
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                              "%s/%s belongs to uid %u, and %s would get it", path, name,
                              (unsigned) st.st_uid, owner->name);
        return error_set_hint(reterr, r, "install for that user, or remove what is there: "
                                         "sudo banger system uninstall --purge");
}

/* Up to the first that is another's. */
static int check_top(const SetupEnv *env, const Account *owner, const char *path, Error *reterr) {
        int r = 0, fd = openat(env->host->root_fd, path + 1,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const struct dirent *entry;
        DIR *directory;

        if (fd < 0 && errno == ENOENT)
                return 0;
        directory = fd < 0 ? NULL : fdopendir(fd);
        if (!directory) {
                r = error_set_errno(reterr, errno, "cannot read %s", path);
                close_fd(fd);
                return r;
        }
        while (r >= 0 && (errno = 0, entry = readdir(directory)))
                if (!string_equal(entry->d_name, ".") && !string_equal(entry->d_name, ".."))
                        r = check_entry(env, owner, fd, path, entry->d_name, reterr);
        if (r >= 0 && errno != 0)
                r = error_set_errno(reterr, errno, "cannot read %s", path);
        closedir(directory);
        return r;
}

/* An earlier owner's images, kernels and VMs, kept by an uninstall, are not for the next one. */
static int check_state(const SetupEnv *env, const Account *owner, Error *reterr) {
        for (size_t i = 0; i < layout_n_directories; i++) {
                int r;

                if (layout_directories[i].owner != LAYOUT_USER)
                        continue;
                r = check_top(env, owner, layout_directories[i].path, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}

int setup_check(const SetupEnv *env, const Account *owner, Error *reterr) {
        static int (*const checks[])(const SetupEnv *, const Account *, Error *) = {
                check_booted,
                check_account,
                check_earlier,
                check_state,
                check_units,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int this_r = checks[i](env, owner, &error);

                r = error_join(reterr, r, &error, this_r);
        }
        return r;
}
