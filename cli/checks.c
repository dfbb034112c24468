#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/checks.h"
#include "cli/daemon.h"
#include "cli/layout.h"
#include "cli/probe.h"
#include "common/clock.h"
#include "common/dns.h"
#include "common/strings.h"
#include "common/version.h"

#define ANSWER_TIMEOUT_USEC (10 * USEC_PER_SEC)

typedef struct Checks {
        const SetupEnv *env;
        SystemReport report;
        bool has_conf;
        InstallConf conf;
        char *reinstall; /* the remedy for most things */
} Checks;

/* Makes room for one and returns it; NULL when out of memory. */
static SystemCheck *next_check(Checks *checks) {
        Objects *list = &checks->report.checks;
        SystemCheck *grown = reallocarray(list->items, list->n_items + 1, sizeof(*grown));

        if (!grown)
                return NULL;
        list->items = grown;
        grown[list->n_items] = (SystemCheck) {.name = NULL};
        return &grown[list->n_items++];
}

static int take_check(Checks *checks, int r, SystemCheck *check) {
        SystemCheck *slot = r < 0 ? NULL : next_check(checks);

        if (r >= 0 && !slot) {
                schema_clear(&system_check_schema, check);
                return -ENOMEM;
        }
        if (slot)
                *slot = *check;
        return r;
}

static int check_conf(Checks *checks) {
        const Host *host = checks->env->host;
        _cleanup_error_ Error error = ERROR_INIT;
        SystemCheck check = {.name = NULL};
        int r;

        r = install_conf_read(host->install_conf, host->root_uid, &checks->conf, &error);
        checks->has_conf = r >= 0;
        checks->report.installed = r != -ENOENT;
        checks->reinstall = string_format("run: sudo banger system install --owner %s",
                                          r >= 0 ? checks->conf.owner : "USER");
        if (!checks->reinstall)
                return -ENOMEM;
        if (r < 0) {
                r = check_make(&check, BANGER_INSTALL_CONF, CHECK_FAILED, checks->reinstall, "%s",
                               error.message ? error.message : strerrordesc_np(-r));
                return take_check(checks, r, &check);
        }
        checks->report.version = checks->conf.version ? strdup(checks->conf.version) : NULL;
        checks->report.owner = strdup(checks->conf.owner);
        if (!checks->report.owner || (checks->conf.version && !checks->report.version))
                return -ENOMEM;
        if (!string_equal(checks->conf.version, banger_version))
                r = check_make(&check, BANGER_INSTALL_CONF, CHECK_DEGRADED, checks->reinstall,
                               "owner %s; installed by %s, this is %s", checks->conf.owner,
                               checks->conf.version ? checks->conf.version : "an unknown version",
                               banger_version);
        else
                r = check_make(&check, BANGER_INSTALL_CONF, CHECK_OK, NULL, "owner %s, version %s",
                               checks->conf.owner, checks->conf.version);
        return take_check(checks, r, &check);
}

static int check_unit(Checks *checks, const LayoutUnit *unit) {
        const Units *units = &checks->env->units;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *start = string_format("run: sudo systemctl start %s", unit->name);
        SystemCheck check = {.name = NULL};
        UnitState state;
        int r;

        if (!start)
                return -ENOMEM;
        if (!units->ops)
                r = check_make(&check, unit->name, CHECK_FAILED, NULL, "systemd cannot be asked");
        else if (units->ops->get_state(units->manager, unit->name, &state, &error) < 0)
                r = check_make(&check, unit->name, CHECK_FAILED, NULL, "%s",
                               error.message ? error.message : "systemd does not say");
        else if (!state.known)
                r = check_make(&check, unit->name, CHECK_FAILED, "run: make install", "%s",
                               state.text);
        else if (unit->enabled && !state.enabled)
                r = check_make(&check, unit->name, CHECK_DEGRADED, checks->reinstall, "%s",
                               state.text);
        else if (unit->enabled && !state.active && unit->remedy)
                r = check_make(&check, unit->name, CHECK_DEGRADED, unit->remedy, "%s", state.text);
        else if (unit->enabled && !state.active)
                r = check_make(&check, unit->name, CHECK_FAILED, start, "%s", state.text);
        else
                r = check_make(&check, unit->name, CHECK_OK, NULL, "%s", state.text);
        return take_check(checks, r, &check);
}

/* Is it of that type, owner and mode? want_uid is -1 when nobody is known to be the owner. */
static int check_path(Checks *checks, int dir_fd, const char *path, const char *name,
                      mode_t want_type, mode_t want_mode, uid_t want_uid, const char *remedy) {
        SystemCheck check = {.name = NULL};
        struct stat st;
        int r;

        if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                r = check_make(&check, name, CHECK_FAILED, remedy, "%s", strerrordesc_np(errno));
        else if ((st.st_mode & S_IFMT) != want_type)
                r = check_make(&check, name, CHECK_FAILED, remedy, "is of another type of file");
        else if ((st.st_mode & 07777) != want_mode ||
                 (want_uid != (uid_t) -1 && st.st_uid != want_uid))
                r = check_make(&check, name, CHECK_DEGRADED, remedy,
                               "uid %u, mode %04o; should be uid %u, mode %04o",
                               (unsigned) st.st_uid, (unsigned) st.st_mode & 07777U,
                               (unsigned) (want_uid == (uid_t) -1 ? st.st_uid : want_uid),
                               (unsigned) want_mode);
        else
                r = check_make(&check, name, CHECK_OK, NULL, "uid %u, mode %04o",
                               (unsigned) st.st_uid, (unsigned) want_mode);
        return take_check(checks, r, &check);
}

static uid_t owner_uid(const Checks *checks) {
        return checks->has_conf ? checks->conf.uid : (uid_t) -1;
}

static int check_socket(Checks *checks, const char *path, const char *unit) {
        _cleanup_free_ char *remedy = string_format("run: sudo systemctl restart %s", unit);

        if (!remedy)
                return -ENOMEM;
        return check_path(checks, AT_FDCWD, path, path, S_IFSOCK, 0600, owner_uid(checks), remedy);
}

static int add_answer(Checks *checks, const char *name, int r, const char *version,
                      const Error *error) {
        SystemCheck check = {.name = NULL};

        if (r < 0)
                r = check_make(&check, name,
                               error->kind == ERROR_NOT_PERMITTED ? CHECK_DEGRADED : CHECK_FAILED,
                               error->hint, "%s",
                               error->message ? error->message : strerrordesc_np(-r));
        else if (!string_equal(version, banger_version))
                r = check_make(&check, name, CHECK_DEGRADED, "run: make install",
                               "answers; is of version %s, this is %s", version, banger_version);
        else
                r = check_make(&check, name, CHECK_OK, NULL, "answers; version %s", version);
        return take_check(checks, r, &check);
}

/* What bangerd says of a part that VMs can do without. */
static int add_component(Checks *checks, const SystemStatus *status, const char *name) {
        const ComponentStatus *components = status->components.items;
        SystemCheck check = {.name = NULL};
        int r;

        for (size_t i = 0; i < status->components.n_items; i++) {
                if (!string_equal(components[i].name, name))
                        continue;
                r = check_make(&check, name,
                               components[i].state == COMPONENT_OK ? CHECK_OK : CHECK_DEGRADED,
                               NULL, "%s",
                               components[i].message ? components[i].message
                                                     : "names like NAME." DNS_DOMAIN " resolve");
                return take_check(checks, r, &check);
        }
        return 0;
}

static int check_bangerd(Checks *checks) {
        _cleanup_error_ Error error = ERROR_INIT;
        SystemStatus status = {.host = NULL};
        int r = daemon_get_status(checks->env->host, clock_monotonic_usec() + ANSWER_TIMEOUT_USEC,
                                  &status, &error);
        int added = add_answer(checks, "bangerd", r, status.version, &error);

        if (r >= 0 && added >= 0)
                added = add_component(checks, &status, "dns");
        if (r >= 0)
                schema_clear(&system_status_schema, &status);
        return added;
}

static int check_helper(Checks *checks) {
        _cleanup_error_ Error error = ERROR_INIT;
        RootPong pong = {.version = NULL};
        int r = daemon_ping_helper(checks->env->host, clock_monotonic_usec() + ANSWER_TIMEOUT_USEC,
                                   &pong, &error);
        int added = add_answer(checks, "bangerd-root", r, pong.version, &error);

        if (r >= 0)
                schema_clear(&root_pong_schema, &pong);
        return added;
}

static int check_directories(Checks *checks) {
        const Host *host = checks->env->host;
        int r = 0;

        for (size_t i = 0; i < layout_n_directories && r >= 0; i++) {
                const LayoutDirectory *directory = &layout_directories[i];
                uid_t uid = directory->owner == LAYOUT_USER ? owner_uid(checks) : host->root_uid;

                r = check_path(checks, host->root_fd, directory->path + 1, directory->path, S_IFDIR,
                               directory->mode, uid, checks->reinstall);
        }
        return r;
}

static int check_units(Checks *checks) {
        int r = 0;

        for (size_t i = 0; i < layout_n_units && r >= 0; i++)
                r = check_unit(checks, &layout_units[i]);
        return r;
}

static int check_sockets(Checks *checks) {
        int r = check_socket(checks, checks->env->host->bangerd_socket, UNIT_BANGERD_SOCKET);

        if (r < 0)
                return r;
        return check_socket(checks, checks->env->host->helper_socket, UNIT_HELPER_SOCKET);
}

static int check_host(Checks *checks) {
        static int (*const probes[])(int, SystemCheck *) = {
                probe_kvm,
                probe_firecracker,
                probe_jailer,
                probe_cgroup2,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(probes) && r >= 0; i++) {
                SystemCheck check = {.name = NULL};

                r = probes[i](checks->env->host->root_fd, &check);
                r = take_check(checks, r, &check);
        }
        return r;
}

int checks_run(const SetupEnv *env, SystemReport *ret, Error *reterr) {
        static int (*const groups[])(Checks *) = {
                check_conf, check_units,       check_sockets, check_bangerd,
                check_helper, check_directories, check_host,
        };
        Checks checks = {.env = env};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(groups) && r >= 0; i++)
                r = groups[i](&checks);
        if (checks.has_conf)
                install_conf_clear(&checks.conf);
        free(checks.reinstall);
        if (r < 0) {
                schema_clear(&system_report_schema, &checks.report);
                return error_set_errno(reterr, -r, "cannot check the installation");
        }
        *ret = checks.report;
        return 0;
}

int checks_exit_status(const SystemReport *report) {
        const SystemCheck *checks = report->checks.items;

        if (!report->installed)
                return error_kind_exit_status(ERROR_NOT_INSTALLED);
        for (size_t i = 0; i < report->checks.n_items; i++)
                if (checks[i].state != CHECK_OK)
                        return error_kind_exit_status(ERROR_DEGRADED);
        return 0;
}
