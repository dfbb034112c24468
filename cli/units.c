#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "cli/units.h"
#include "common/clock.h"
#include "common/strings.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE SYSTEMD_NAME ".Manager"
#define UNIT_INTERFACE SYSTEMD_NAME ".Unit"

/* systemd's own DefaultTimeoutStartSec and -StopSec are 90 s: it gives up before we do. */
#define JOB_TIMEOUT_USEC (100 * USEC_PER_SEC)

static const char *const job_methods[] = {
        [UNIT_START] = "StartUnit",
        [UNIT_RESTART] = "RestartUnit",
        [UNIT_TRY_RESTART] = "TryRestartUnit",
        [UNIT_STOP] = "StopUnit",
};

static const char *const job_verbs[] = {
        [UNIT_START] = "start",
        [UNIT_RESTART] = "restart",
        [UNIT_TRY_RESTART] = "restart",
        [UNIT_STOP] = "stop",
};

static void bus_error_cleanup(sd_bus_error *error) {
        sd_bus_error_free(error);
}
static void message_cleanup(sd_bus_message **message) {
        sd_bus_message_unref(*message);
}
static void slot_cleanup(sd_bus_slot **slot) {
        sd_bus_slot_unref(*slot);
}
#define _cleanup_bus_error_ _cleanup_(bus_error_cleanup)
#define _cleanup_message_ _cleanup_(message_cleanup)
#define _cleanup_slot_ _cleanup_(slot_cleanup)

static int bus_failure(Error *reterr, int r, const sd_bus_error *error, const char *what,
                       const char *unit) {
        const char *why = error && error->message ? error->message : strerrordesc_np(-r);

        return error_set(reterr, error_kind_from_errno(-r), -r, "cannot %s %s: %s", what, unit,
                         why ? why : "unknown error");
}

static int call_manager(sd_bus *bus, const char *method, sd_bus_error *error,
                        sd_bus_message **reply, const char *unit, const char *mode) {
        return sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE, method, error,
                                  reply, mode ? "ss" : "s", unit, mode);
}

static bool is_unknown_unit(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit") ||
               sd_bus_error_has_name(error, "org.freedesktop.DBus.Error.FileNotFound");
}

static int get_property(sd_bus *bus, const char *path, const char *property, char **ret) {
        return sd_bus_get_property_string(bus, SYSTEMD_NAME, path, UNIT_INTERFACE, property, NULL,
                                          ret);
}

static int systemd_get_state(void *manager, const char *unit, UnitState *ret, Error *reterr) {
        sd_bus *bus = manager;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *load = NULL, *file = NULL, *active = NULL;
        const char *path;
        int r;

        r = call_manager(bus, "LoadUnit", &error, &reply, unit, NULL);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = get_property(bus, path, "LoadState", &load);
        if (r >= 0)
                r = get_property(bus, path, "UnitFileState", &file);
        if (r >= 0)
                r = get_property(bus, path, "ActiveState", &active);
        if (r < 0)
                return bus_failure(reterr, r, &error, "ask systemd about", unit);

        *ret = (UnitState) {
                /* A stopped transient or removed unit may stay loaded: the file is what counts. */
                .known = string_equal(load, "loaded"),
                .enabled = string_equal(file, "enabled"),
                .active = string_equal(active, "active"),
        };
        (void) snprintf(ret->text, sizeof(ret->text), "%s, %s, %s", load,
                        *file ? file : "no unit file", active);
        return 0;
}

static int read_units(sd_bus_message *reply, char ***ret) {
        _cleanup_strv_ char **units = NULL;
        const char *name, *active;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r >= 0 &&
               (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, &active, NULL,
                                        NULL, NULL, NULL, NULL, NULL)) > 0)
                if (!string_equal(active, "inactive") && !string_equal(active, "failed"))
                        r = strv_append(&units, name);
        if (r < 0)
                return r;
        *ret = steal_ptr(units);
        return 0;
}

static int systemd_list(void *manager, const char *pattern, char ***ret, Error *reterr) {
        sd_bus *bus = manager;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                               "ListUnitsByPatterns", &error, &reply, "asas", 0, 1, pattern);
        if (r >= 0)
                r = read_units(reply, ret);
        return r < 0 ? bus_failure(reterr, r, &error, "list the units", pattern) : 0;
}

static int systemd_reload(void *manager, Error *reterr) {
        sd_bus *bus = manager;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, SYSTEMD_NAME, SYSTEMD_PATH,
                                           MANAGER_INTERFACE, "Reload");
        if (r >= 0)
                r = sd_bus_call(bus, call, JOB_TIMEOUT_USEC, &error, NULL);
        return r < 0 ? bus_failure(reterr, r, &error, "reload", "systemd") : 0;
}

static int systemd_enable(void *manager, const char *unit, Error *reterr) {
        sd_bus *bus = manager;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                               "EnableUnitFiles", &error, NULL, "asbb", 1, unit, 0, 0);
        return r < 0 ? bus_failure(reterr, r, &error, "enable", unit) : 0;
}

static int systemd_disable(void *manager, const char *unit, Error *reterr) {
        sd_bus *bus = manager;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                               "DisableUnitFiles", &error, NULL, "asb", 1, unit, 0);
        if (r < 0 && is_unknown_unit(&error))
                return 0;
        return r < 0 ? bus_failure(reterr, r, &error, "disable", unit) : 0;
}

typedef struct JobWait {
        const char *path; /* NULL until the call is answered: then nothing was processed yet */
        bool done;
        char result[32];
} JobWait;

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        JobWait *wait = userdata;
        const char *path, *result;

        (void) error;
        if (sd_bus_message_read(message, "uoss", NULL, &path, NULL, &result) < 0)
                return 0;
        if (string_equal(path, wait->path)) {
                wait->done = true;
                (void) snprintf(wait->result, sizeof(wait->result), "%s", result);
        }
        return 0;
}

static int wait_for_job(sd_bus *bus, JobWait *wait) {
        uint64_t deadline_usec = clock_monotonic_usec() + JOB_TIMEOUT_USEC;

        while (!wait->done) {
                uint64_t now_usec = clock_monotonic_usec();
                int r = sd_bus_process(bus, NULL);

                if (r == 0 && now_usec >= deadline_usec)
                        return -ETIMEDOUT;
                if (r == 0)
                        r = sd_bus_wait(bus, deadline_usec - now_usec);
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

static int job_failure(Error *reterr, UnitJob job, const char *unit, const char *result) {
        int r = error_set(reterr, ERROR_FAILED, EIO, "cannot %s %s: the job ended with \"%s\"",
                          job_verbs[job], unit, result);

        return error_set_hint(reterr, r, "see: journalctl -u %s", unit);
}

static int systemd_run_job(void *manager, UnitJob job, const char *unit, Error *reterr) {
        sd_bus *bus = manager;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_slot_ sd_bus_slot *slot = NULL;
        JobWait wait = {.path = NULL};
        int r;

        /* Before the call, or a quick job's end would be missed. */
        r = sd_bus_match_signal(bus, &slot, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                "JobRemoved", on_job_removed, &wait);
        if (r >= 0)
                r = call_manager(bus, job_methods[job], &error, &reply, unit, "replace");
        if (r < 0 && job != UNIT_START && job != UNIT_RESTART && is_unknown_unit(&error))
                return 0;
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &wait.path);
        if (r >= 0)
                r = wait_for_job(bus, &wait);
        if (r < 0)
                return bus_failure(reterr, r, &error, job_verbs[job], unit);
        if (!string_equal(wait.result, "done") && !string_equal(wait.result, "skipped"))
                return job_failure(reterr, job, unit, wait.result);
        return 0;
}

static int systemd_reset_failed(void *manager, const char *unit, Error *reterr) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = call_manager(manager, "ResetFailedUnit", &error, NULL, unit, NULL);

        if (r < 0 && is_unknown_unit(&error))
                return 0;
        return r < 0 ? bus_failure(reterr, r, &error, "reset", unit) : 0;
}

const UnitOps unit_ops_systemd = {
        .get_state = systemd_get_state,
        .list = systemd_list,
        .reload = systemd_reload,
        .enable = systemd_enable,
        .disable = systemd_disable,
        .run_job = systemd_run_job,
        .reset_failed = systemd_reset_failed,
};

int units_open(Units *ret, Error *reterr) {
        sd_bus *bus = NULL;
        int r = sd_bus_open_system(&bus);

        /* Without a subscription systemd sends no signals. */
        if (r >= 0)
                r = sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                       "Subscribe", NULL, NULL, "");
        if (r < 0) {
                sd_bus_flush_close_unref(bus);
                return error_set(reterr, ERROR_UNAVAILABLE, -r, "cannot talk to systemd: %s",
                                 strerrordesc_np(-r));
        }
        *ret = (Units) {.ops = &unit_ops_systemd, .manager = bus};
        return 0;
}

void units_close(Units *units) {
        if (units->manager)
                sd_bus_flush_close_unref(units->manager);
        *units = (Units) {.ops = NULL};
}
