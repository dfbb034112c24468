#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/apart.h"
#include "cli/daemon.h"
#include "cli/layout.h"
#include "cli/leftovers.h"
#include "cli/reclaim.h"
#include "cli/remove.h"
#include "cli/teardown.h"
#include "common/clock.h"
#include "common/ident.h"
#include "common/io.h"
#include "common/strings.h"

/* For one tree, and the whole of a big disk in it. */
#define REMOVAL_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define SETTINGS_MAX ((size_t) 64 * 1024)

typedef struct Teardown {
        const SetupEnv *env;
        bool purge;
        Progress *progress;
        uid_t owner;
        bool unclear; /* the kernel still holds something, or may */
        int r;        /* the first failure */
        Error error;
} Teardown;

/* ---- what runs ---- */

static int ask_systemd(const SetupEnv *env, char ***vms, Error *reterr) {
        _cleanup_strv_ char **units = NULL;
        int r = env->units.ops->list(env->units.manager, UNIT_VM_INSTANCES, &units, reterr);

        for (size_t i = 0; r >= 0 && units && units[i]; i++) {
                VmId id;

                if (vm_id_from_unit(units[i], &id))
                        r = strv_append_once(vms, id.text);
        }
        return r;
}

static char *join_words(char *const *words) {
        char *joined = strdup("");

        for (size_t i = 0; joined && words && words[i]; i++) {
                char *longer = string_format("%s%s%s", joined, i > 0 ? ", " : "", words[i]);

                free(joined);
                joined = longer;
        }
        return joined;
}

int teardown_check(const SetupEnv *env, Progress *progress, Error *reterr) {
        _cleanup_strv_ char **vms = NULL;
        _cleanup_free_ char *names = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        int r = reclaim_list_vms(env->host, &vms, &error);

        if (r < 0) {
                if (error.kind != ERROR_NOT_INSTALLED)
                        progress_say(progress, PROGRESS_WARNING,
                                     "%s; asking systemd for running VMs instead",
                                     error.message ? error.message : "the helper does not answer");
                r = ask_systemd(env, &vms, reterr);
        }
        if (r < 0)
                return r;
        if (!vms)
                return 0;

        names = join_words(vms);
        r = error_set(reterr, ERROR_BUSY, EBUSY, "VMs still run on this host: %s",
                      names ? names : "");
        return error_set_hint(reterr, r, "stop them first");
}

/* ---- the steps ---- */

/* Keeps the failure and goes on. */
static void note(Teardown *teardown, int r, Error *error, const char *done) {
        if (r >= 0)
                progress_say(teardown->progress, PROGRESS_STEP, "%s", done);
        else
                progress_say(teardown->progress, PROGRESS_WARNING, "%s",
                             error->message ? error->message : strerrordesc_np(-r));
        teardown->r = error_join(&teardown->error, teardown->r, error, r);
}

static bool exists(const Teardown *teardown, const char *path) {
        return faccessat(teardown->env->host->root_fd, path + 1, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void each_unit(Teardown *teardown, const char *verb,
                      int (*act)(const Units *, const LayoutUnit *, Error *)) {
        for (size_t i = 0; i < layout_n_units; i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *done = string_format("%s: %s", layout_units[i].name, verb);
                int r = act(&teardown->env->units, &layout_units[i], &error);

                note(teardown, r, &error, done ? done : verb);
        }
}

static int disable_unit(const Units *units, const LayoutUnit *unit, Error *reterr) {
        return unit->enabled ? units->ops->disable(units->manager, unit->name, reterr) : 0;
}

static int reset_unit(const Units *units, const LayoutUnit *unit, Error *reterr) {
        return units->ops->reset_failed(units->manager, unit->name, reterr);
}

static int stop_unit(Teardown *teardown, const char *unit) {
        const Units *units = &teardown->env->units;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *done = string_format("%s: stopped", unit);
        int r = units->ops->run_job(units->manager, UNIT_STOP, unit, &error);

        note(teardown, r, &error, done ? done : unit);
        return r;
}

static void stop_helper(Teardown *teardown) {
        if (stop_unit(teardown, UNIT_HELPER_SOCKET) < 0 ||
            stop_unit(teardown, UNIT_HELPER_SERVICE) < 0)
                teardown->unclear = true; /* a session of the owner's may go on */
}

/* Jobs of bangerd's that were under way. */
static void stop_workers(Teardown *teardown) {
        const Units *units = &teardown->env->units;
        _cleanup_strv_ char **workers = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        int r = units->ops->list(units->manager, UNIT_WORKER_INSTANCES, &workers, &error);

        for (size_t i = 0; r >= 0 && workers && workers[i]; i++)
                r = units->ops->run_job(units->manager, UNIT_STOP, workers[i], &error);
        note(teardown, r, &error, UNIT_WORKER_INSTANCES ": stopped");
}

/* All but the slice, which would end a VM that was started a moment ago. */
static void stop_units(Teardown *teardown) {
        for (size_t i = 0; i < layout_n_units; i++) {
                const char *name = layout_units[i].name;

                if (!string_equal(name, UNIT_SLICE) && !string_equal(name, UNIT_HELPER_SOCKET) &&
                    !string_equal(name, UNIT_HELPER_SERVICE))
                        (void) stop_unit(teardown, name);
        }
        stop_workers(teardown);
        stop_helper(teardown);
}

static int look_by_ourselves(Teardown *teardown, Error *reterr) {
        _cleanup_strv_ char **names = NULL;
        int r = leftovers_find(teardown->env->host->root_fd, &names, reterr);

        if (r < 0 || !names)
                return r;
        return error_set(reterr, ERROR_FAILED, EBUSY,
                         "%zu kernel objects of banger are left, and there is no helper to remove "
                         "them: %s and so on", strv_length(names), names[0]);
}

/* When no program of the owner's is served by anything of ours any more: what it made until then goes,
 * and nothing comes after it. */
static void clear_kernel(Teardown *teardown) {
        const SetupEnv *env = teardown->env;
        _cleanup_error_ Error error = ERROR_INIT;
        bool there = false;
        int r;

        if (!exists(teardown, BANGER_INSTALL_CONF))
                return; /* which the helper asks for too */
        r = reclaim_helper(env, &there, &error);
        if (there) {
                if (r >= 0)
                        r = reclaim_kernel(env, teardown->progress, &error);
                stop_helper(teardown);
        } else if (r >= 0) {
                progress_say(teardown->progress, PROGRESS_WARNING,
                             "there is no " UNIT_HELPER_SOCKET " to ask what is left; look for tables "
                             "and loop devices with: nft list tables; losetup");
                r = look_by_ourselves(teardown, &error);
        }
        teardown->unclear = teardown->unclear || r < 0;
        note(teardown, r, &error, "the kernel: holds nothing of banger");
}

/* Settings are the administrator's once they are not what install wrote. */
static bool keeps_file(const Teardown *teardown, const LayoutFile *file) {
        const InstallConf nobody = {.owner = NULL};
        _cleanup_free_ char *wrote = NULL, *now = NULL;

        if (!file->settings || teardown->purge || !exists(teardown, file->path))
                return false;
        return file->format(&nobody, &wrote) < 0 ||
               io_read_file(teardown->env->host->root_fd, file->path + 1, SETTINGS_MAX, &now,
                            NULL) < 0 ||
               !string_equal(wrote, now);
}

/* From the last: all units ask for install.conf, so none of them starts, as root, without its owner's
 * drop-in. */
static void remove_files(Teardown *teardown) {
        for (size_t i = layout_n_files; i-- > 0;) {
                const LayoutFile *file = &layout_files[i];
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *done = NULL;
                int r;

                if (keeps_file(teardown, file)) {
                        progress_say(teardown->progress, PROGRESS_KEPT, "%s: it was changed",
                                     file->path);
                        continue;
                }
                if (!exists(teardown, file->path))
                        continue;
                r = remove_file(teardown->env->host->root_fd, file->path, &error);
                done = string_format("%s: removed", file->path);
                note(teardown, r, &error, done ? done : "removed");
        }
}

typedef struct Removal {
        int root_fd;
        const char *path;
        bool whole; /* with what is in it */
} Removal;

/* 1 when it is not empty, and stays. */
static int removal_run(void *argument, Error *reterr) {
        const Removal *removal = argument;
        bool removed = true;
        int r;

        if (removal->whole)
                return remove_tree(removal->root_fd, removal->path, reterr);
        r = remove_empty_directory(removal->root_fd, removal->path, &removed, reterr);
        return r < 0 || removed ? r : 1;
}

static int explain_removal(const Teardown *teardown, const char *path, int r, Error *error) {
        if (r != -ETIMEDOUT)
                return r;
        if (teardown->owner == 0) {
                r = error_set(error, ERROR_TIMED_OUT, ETIMEDOUT,
                              "cannot remove %s: a program holds a file in it", path);
                return error_set_hint(error, r, "end it, then uninstall again; which it may be: "
                                      "sudo fuser -vm %s", path);
        }
        r = error_set(error, ERROR_TIMED_OUT, ETIMEDOUT,
                      "cannot remove %s: a program of the owner's (uid %u) holds a file in it", path,
                      (unsigned) teardown->owner);
        return error_set_hint(error, r, "run: sudo pkill -KILL -u %u, then uninstall again",
                              (unsigned) teardown->owner);
}

static void remove_directory(Teardown *teardown, const char *path, bool whole) {
        Removal removal = {teardown->env->host->root_fd, path, whole};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *done = string_format("%s: removed", path);
        int r;

        if (!exists(teardown, path))
                return;
        r = apart_run(removal_run, &removal, clock_monotonic_usec() + REMOVAL_TIMEOUT_USEC, &error);
        r = explain_removal(teardown, path, r, &error);
        if (r > 0)
                progress_say(teardown->progress, PROGRESS_KEPT, "%s: it is not empty", path);
        else
                note(teardown, r, &error, done ? done : path);
}

static void remove_directories(Teardown *teardown) {
        for (size_t i = layout_n_directories; i-- > 0;) {
                const LayoutDirectory *directory = &layout_directories[i];

                remove_directory(teardown, directory->path,
                                 directory->kind == LAYOUT_SCRATCH ||
                                         (directory->kind == LAYOUT_STATE && teardown->purge));
        }
        for (size_t i = 0; i < layout_n_runtime_directories; i++)
                remove_directory(teardown, layout_runtime_directories[i], true);
}

/* Of the state that is there: install.conf may be gone already. 0: nothing of an owner's is. */
static uid_t find_owner(const SetupEnv *env) {
        for (size_t i = 0; i < layout_n_directories; i++) {
                struct stat st;

                if (layout_directories[i].owner == LAYOUT_USER &&
                    fstatat(env->host->root_fd, layout_directories[i].path + 1, &st,
                            AT_SYMLINK_NOFOLLOW) == 0)
                        return st.st_uid;
        }
        return 0;
}

static void reload(Teardown *teardown) {
        const Units *units = &teardown->env->units;
        _cleanup_error_ Error error = ERROR_INIT;
        int r = units->ops->reload(units->manager, &error);

        note(teardown, r, &error, "systemd: reloaded");
}

/* ---- the proof ---- */

static size_t find_left_units(const Teardown *teardown) {
        const Units *units = &teardown->env->units;
        size_t n = 0;

        for (size_t i = 0; i < layout_n_units; i++) {
                const char *name = layout_units[i].name;
                UnitState state;
                bool asked = units->ops->get_state(units->manager, name, &state, NULL) >= 0;

                if (asked && !state.active && !state.enabled)
                        continue;
                progress_say(teardown->progress, PROGRESS_LEFT, "%s (%s)", name,
                             asked ? state.text : "systemd does not say");
                n++;
        }
        return n;
}

/* Of a template, or of names that nobody knows beforehand. */
static size_t find_left_instances(const Teardown *teardown, const char *pattern) {
        const Units *units = &teardown->env->units;
        _cleanup_strv_ char **left = NULL;

        if (units->ops->list(units->manager, pattern, &left, NULL) < 0) {
                progress_say(teardown->progress, PROGRESS_LEFT, "%s (systemd does not say)", pattern);
                return 1;
        }
        for (size_t i = 0; left && left[i]; i++)
                progress_say(teardown->progress, PROGRESS_LEFT, "%s", left[i]);
        return strv_length(left);
}

static size_t find_left_files(const Teardown *teardown) {
        size_t n = 0;

        for (size_t i = 0; i < layout_n_files; i++)
                if (exists(teardown, layout_files[i].path) &&
                    !keeps_file(teardown, &layout_files[i])) {
                        progress_say(teardown->progress, PROGRESS_LEFT, "%s", layout_files[i].path);
                        n++;
                }
        for (size_t i = 0; i < layout_n_directories; i++) {
                const LayoutDirectory *directory = &layout_directories[i];
                bool may_stay = directory->kind == LAYOUT_CONFIG ||
                                (directory->kind == LAYOUT_STATE && !teardown->purge);

                if (!may_stay && exists(teardown, directory->path)) {
                        progress_say(teardown->progress, PROGRESS_LEFT, "%s", directory->path);
                        n++;
                }
        }
        for (size_t i = 0; i < layout_n_runtime_directories; i++)
                if (exists(teardown, layout_runtime_directories[i])) {
                        progress_say(teardown->progress, PROGRESS_LEFT, "%s",
                                     layout_runtime_directories[i]);
                        n++;
                }
        return n;
}

static size_t find_left_objects(const Teardown *teardown) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_strv_ char **names = NULL;

        if (leftovers_find(teardown->env->host->root_fd, &names, &error) < 0) {
                progress_say(teardown->progress, PROGRESS_LEFT, "links and devices: %s",
                             error.message ? error.message : "they cannot be listed");
                return 1;
        }
        for (size_t i = 0; names && names[i]; i++)
                progress_say(teardown->progress, PROGRESS_LEFT, "%s", names[i]);
        return strv_length(names);
}

static int prove(Teardown *teardown) {
        size_t n = find_left_units(teardown);

        n += find_left_instances(teardown, UNIT_WORKER_INSTANCES);
        n += find_left_instances(teardown, UNIT_VM_INSTANCES);
        n += find_left_objects(teardown);
        n += find_left_files(teardown);
        if (teardown->r >= 0 && n > 0)
                teardown->r = error_set(&teardown->error, ERROR_FAILED, ENOTEMPTY,
                                        "%zu of what banger put on this host is left", n);
        if (teardown->r < 0)
                return teardown->r;
        if (exists(teardown, BANGER_STATE_DIR)) {
                progress_say(teardown->progress, PROGRESS_STEP,
                             "nothing of banger runs or starts here; images, kernels and VMs stay "
                             "in %s; to remove them: sudo banger system uninstall --purge",
                             BANGER_STATE_DIR);
                return 0;
        }
        progress_say(teardown->progress, PROGRESS_STEP,
                     "this host is clean; programs and static units go with: make uninstall, or "
                     "the package manager");
        return 0;
}

int teardown_run(const SetupEnv *env, bool purge, Progress *progress, Error *reterr) {
        Teardown teardown = {
                .env = env,
                .purge = purge,
                .progress = progress,
                .owner = find_owner(env),
        };
        int r;

        stop_units(&teardown);
        clear_kernel(&teardown);
        if (!teardown.unclear)
                (void) stop_unit(&teardown, UNIT_SLICE);
        each_unit(&teardown, "disabled", disable_unit);
        if (teardown.unclear) {
                progress_say(progress, PROGRESS_WARNING,
                             "files stay, so that the next uninstall can ask the helper again");
        } else {
                remove_files(&teardown);
                remove_directories(&teardown);
        }
        reload(&teardown);
        each_unit(&teardown, "forgotten", reset_unit);
        r = prove(&teardown);
        if (r < 0 && reterr)
                error_move(reterr, &teardown.error);
        error_clear(&teardown.error);
        return r;
}
