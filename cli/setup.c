#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/daemon.h"
#include "cli/files.h"
#include "cli/layout.h"
#include "cli/remove.h"
#include "cli/setup.h"
#include "cli/table.h"
#include "common/clock.h"
#include "common/strings.h"
#include "common/version.h"

#define DAEMON_TIMEOUT_USEC (30 * USEC_PER_SEC)

typedef struct Setup {
        const SetupEnv *env;
        const InstallConf *conf;
        Progress *progress;
        UndoJournal journal;
} Setup;

static FileOwner owner_of(const Setup *setup, LayoutOwner owner) {
        if (owner == LAYOUT_USER)
                return (FileOwner) {setup->conf->uid, setup->conf->gid};
        return (FileOwner) {setup->env->host->root_uid, setup->env->host->root_gid};
}

static void tell_change(const Setup *setup, const char *path, FileChange change) {
        static const char *const verbs[] = {
                [FILE_UNCHANGED] = "is as it should be",
                [FILE_CREATED] = "made",
                [FILE_CHANGED] = "updated",
        };

        progress_say(setup->progress, PROGRESS_STEP, "%s: %s", path, verbs[change]);
}

static int make_directories(Setup *setup, Error *reterr) {
        for (size_t i = 0; i < layout_n_directories; i++) {
                const LayoutDirectory *directory = &layout_directories[i];
                FileChange change = FILE_UNCHANGED;
                int r = files_ensure_directory(setup->env->host->root_fd, directory->path,
                                               directory->mode, owner_of(setup, directory->owner),
                                               &setup->journal, &change, reterr);

                if (r < 0)
                        return r;
                tell_change(setup, directory->path, change);
        }
        return 0;
}

static int write_files(Setup *setup, Error *reterr) {
        int root_fd = setup->env->host->root_fd;

        for (size_t i = 0; i < layout_n_files; i++) {
                const LayoutFile *file = &layout_files[i];
                _cleanup_free_ char *content = NULL;
                FileChange change = FILE_UNCHANGED;
                int r;

                if (!file->settings || faccessat(root_fd, file->path + 1, F_OK, 0) < 0) {
                        r = file->format(setup->conf, &content);
                        if (r < 0)
                                return error_set_errno(reterr, -r, "cannot write %s", file->path);
                        r = files_ensure_file(root_fd, file->path, content, LAYOUT_FILE_MODE,
                                              owner_of(setup, LAYOUT_ROOT), &setup->journal,
                                              &change, reterr);
                        if (r < 0)
                                return r;
                }
                tell_change(setup, file->path, change);
        }
        return 0;
}

/* ---- units, and how to take back what was done to one ---- */

typedef struct UnitUndo {
        const Units *units;
        const Host *host;
        const char *name; /* of a layout table */
} UnitUndo;

static int undo_reload(void *argument, Error *reterr) {
        const UnitUndo *undo = argument;

        return undo->units->ops->reload(undo->units->manager, reterr);
}

static int undo_enable(void *argument, Error *reterr) {
        const UnitUndo *undo = argument;

        return undo->units->ops->disable(undo->units->manager, undo->name, reterr);
}

static int undo_start(void *argument, Error *reterr) {
        const UnitUndo *undo = argument;
        _cleanup_error_ Error error = ERROR_INIT;
        int r, reset_r;

        r = undo->units->ops->run_job(undo->units->manager, UNIT_STOP, undo->name, reterr);
        /* A failed unit would be all that is left to see of the attempt. */
        reset_r = undo->units->ops->reset_failed(undo->units->manager, undo->name, &error);
        return error_join(reterr, r, &error, reset_r);
}

static int undo_runtime_directory(void *argument, Error *reterr) {
        const UnitUndo *undo = argument;

        return remove_tree(undo->host->root_fd, undo->name, reterr);
}

static int push_unit_undo(Setup *setup, UndoRun run, const char *name, Error *reterr) {
        UnitUndo *undo = malloc(sizeof(*undo));
        int r = -ENOMEM;

        if (undo) {
                *undo = (UnitUndo) {&setup->env->units, setup->env->host, name};
                r = undo_push(&setup->journal, run, free, undo);
        }
        return r < 0 ? error_set_errno(reterr, -r, "cannot set up %s", name) : 0;
}

static int prepare_reload(Setup *setup, Error *reterr) {
        return push_unit_undo(setup, undo_reload, "systemd", reterr);
}

static int reload_units(Setup *setup, Error *reterr) {
        const Units *units = &setup->env->units;
        int r = units->ops->reload(units->manager, reterr);

        if (r >= 0)
                progress_say(setup->progress, PROGRESS_STEP, "systemd: reloaded");
        return r;
}

static int enable_units(Setup *setup, Error *reterr) {
        const Units *units = &setup->env->units;

        for (size_t i = 0; i < layout_n_units; i++) {
                const LayoutUnit *unit = &layout_units[i];
                UnitState state;
                int r;

                if (!unit->enabled)
                        continue;
                r = units->ops->get_state(units->manager, unit->name, &state, reterr);
                if (r >= 0 && !state.enabled) {
                        r = push_unit_undo(setup, undo_enable, unit->name, reterr);
                        if (r >= 0)
                                r = units->ops->enable(units->manager, unit->name, reterr);
                }
                if (r < 0)
                        return r;
                progress_say(setup->progress, PROGRESS_STEP, "%s: enabled", unit->name);
        }
        return reload_units(setup, reterr);
}

/* Pushed in reverse, so that sockets are stopped first and start nothing again. */
static int prepare_stops(Setup *setup, Error *reterr) {
        const Units *units = &setup->env->units;

        for (size_t i = layout_n_units; i-- > 0;) {
                UnitState state;
                int r = units->ops->get_state(units->manager, layout_units[i].name, &state, reterr);

                if (r >= 0 && !state.active)
                        r = push_unit_undo(setup, undo_start, layout_units[i].name, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int prepare_runtime_directories(Setup *setup, Error *reterr) {
        for (size_t i = 0; i < layout_n_runtime_directories; i++) {
                const char *path = layout_runtime_directories[i];
                int r;

                if (faccessat(setup->env->host->root_fd, path + 1, F_OK, 0) == 0)
                        continue;
                r = push_unit_undo(setup, undo_runtime_directory, path, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A host may have them built in, or lack a module that is not ours: banger then runs all the same. */
static int load_modules(Setup *setup, _unused_ Error *reterr) {
        const Units *units = &setup->env->units;
        _cleanup_error_ Error error = ERROR_INIT;

        if (units->ops->run_job(units->manager, UNIT_RESTART, UNIT_MODULES_LOAD, &error) >= 0)
                progress_say(setup->progress, PROGRESS_STEP, "kernel modules: loaded");
        else
                progress_say(setup->progress, PROGRESS_WARNING,
                             "kernel modules: %s; should VMs not start, load loop, dm_snapshot and "
                             "tun", error.message);
        return 0;
}

static int start_units(Setup *setup, Error *reterr) {
        static const struct {
                const char *name;
                UnitJob job;
                const char *verb;
        } jobs[] = {
                {UNIT_BANGERD_SOCKET, UNIT_START, "started"},
                {UNIT_HELPER_SOCKET, UNIT_START, "started"},
                {UNIT_WORKER_SOCKET, UNIT_START, "started"},
                /* What still runs may be of an earlier version; its socket starts the new one. */
                {UNIT_HELPER_SERVICE, UNIT_TRY_RESTART, "starts when it is needed"},
                {UNIT_BANGERD_SERVICE, UNIT_RESTART, "running"},
        };
        const Units *units = &setup->env->units;

        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                int r = units->ops->run_job(units->manager, jobs[i].job, jobs[i].name, reterr);

                if (r < 0)
                        return r;
                progress_say(setup->progress, PROGRESS_STEP, "%s: %s", jobs[i].name, jobs[i].verb);
        }
        return 0;
}

static int await_daemons(Setup *setup, Error *reterr) {
        int r = setup->env->check_daemons(setup->env->host, reterr);

        if (r >= 0)
                progress_say(setup->progress, PROGRESS_STEP, "bangerd and bangerd-root: answer");
        return r;
}

static int check_version(const char *daemon, const char *version, Error *reterr) {
        int r;

        if (string_equal(version, banger_version))
                return 0;
        r = error_set(reterr, ERROR_FAILED, ESTALE, "%s is of version %s, this is banger %s",
                      daemon, version, banger_version);
        return error_set_hint(reterr, r, "run: make install");
}

int setup_check_daemons(const Host *host, Error *reterr) {
        uint64_t deadline_usec = clock_monotonic_usec() + DAEMON_TIMEOUT_USEC;
        SystemStatus status = {.host = NULL};
        RootPong pong = {.version = NULL};
        int r;

        r = daemon_get_status(host, deadline_usec, &status, reterr);
        if (r >= 0) {
                r = check_version("bangerd", status.version, reterr);
                schema_clear(&system_status_schema, &status);
        }
        if (r < 0)
                return r;
        r = daemon_ping_helper(host, deadline_usec, &pong, reterr);
        if (r >= 0) {
                r = check_version("bangerd-root", pong.version, reterr);
                schema_clear(&root_pong_schema, &pong);
        }
        return r;
}

int setup_run(const SetupEnv *env, const InstallConf *conf, Progress *progress, Error *reterr) {
        static int (*const steps[])(Setup *, Error *) = {
                prepare_reload, /* undone last: systemd forgets the drop-ins once they are gone */
                make_directories,
                write_files,
                reload_units,
                enable_units,
                prepare_runtime_directories,
                prepare_stops,
                load_modules,
                start_units,
                await_daemons,
        };
        Setup setup = {.env = env, .conf = conf, .progress = progress};
        _cleanup_error_ Error undo_error = ERROR_INIT;
        int r = 0, undo_r = 0;

        for (size_t i = 0; i < ELEMENTSOF(steps) && r >= 0; i++)
                r = steps[i](&setup, reterr);
        if (r < 0) {
                progress_say(progress, PROGRESS_WARNING, "failed; undoing what was done");
                undo_r = undo_run(&setup.journal, &undo_error);
        }
        undo_clear(&setup.journal);
        return error_join(reterr, r, &undo_error, undo_r);
}

static int add_plan_row(Table *table, const char *what, const char *object, const char *how) {
        return table_add(table, (const char *const[]) {what, object, how});
}

int setup_print_plan(FILE *out, const InstallConf *conf) {
        static const TableColumn columns[3];
        _cleanup_table_ Table *table = NULL;
        int r = table_new(columns, ELEMENTSOF(columns), &table);

        for (size_t i = 0; i < layout_n_directories && r >= 0; i++) {
                const LayoutDirectory *directory = &layout_directories[i];
                _cleanup_free_ char *how = string_format(
                        "%s %04o", directory->owner == LAYOUT_USER ? conf->owner : "root",
                        (unsigned) directory->mode);

                r = how ? add_plan_row(table, "  directory", directory->path, how) : -ENOMEM;
        }
        for (size_t i = 0; i < layout_n_files && r >= 0; i++)
                r = add_plan_row(table, "  file", layout_files[i].path,
                                 layout_files[i].settings ? "root 0644, unless it exists"
                                                          : "root 0644");
        for (size_t i = 0; i < layout_n_units && r >= 0; i++)
                r = add_plan_row(table, "  unit", layout_units[i].name,
                                 layout_units[i].enabled ? "enable, start" : "when needed");
        if (r >= 0)
                table_print(table, out);
        return r;
}
