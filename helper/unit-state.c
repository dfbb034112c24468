/* What state the unit of a VM is in, and waiting for another. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/clock.h"
#include "common/strings.h"
#include "helper/units.h"

#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define SERVICE_INTERFACE "org.freedesktop.systemd1.Service"
/* A wait asks again after this even if no signal came. */
#define RECHECK_USEC (500 * USEC_PER_MSEC)
/* Forgetting a unit that has no process is systemd's own work only. */
#define FORGET_TIMEOUT_USEC (5 * USEC_PER_SEC)

static int unit_path(const VmId *vm, char **ret, Error *reterr) {
        VmNames names;
        int r;

        vm_names(vm, &names);
        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", names.unit, ret);
        return r < 0 ? error_set_errno(reterr, -r, "cannot name the unit's object") : 0;
}

static int property_error(int r, const sd_bus_error *error, const char *name, Error *reterr) {
        if (error->message)
                return error_set(reterr, error_kind_from_errno(-r), -r, "systemd: %s",
                                 error->message);
        return error_set_errno(reterr, -r, "cannot read the unit's %s", name);
}

static int read_string(sd_bus *bus, const char *path, const char *interface, const char *name,
                       char **ret, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_get_property_string(bus, BUS_SYSTEMD, path, interface, name, &error, ret);

        return r < 0 ? property_error(r, &error, name, reterr) : 0;
}

static int read_int(sd_bus *bus, const char *path, const char *name, int32_t *ret, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_get_property_trivial(bus, BUS_SYSTEMD, path, SERVICE_INTERFACE, name, &error,
                                            'i', ret);

        return r < 0 ? property_error(r, &error, name, reterr) : 0;
}

static int read_result(sd_bus *bus, const char *path, UnitStatus *status, Error *reterr) {
        _cleanup_free_ char *result = NULL;
        int r;

        r = read_string(bus, path, SERVICE_INTERFACE, "Result", &result, reterr);
        if (r < 0)
                return r;
        (void) snprintf(status->result, sizeof(status->result), "%s", result);
        r = read_int(bus, path, "ExecMainCode", &status->exit_code, reterr);
        if (r < 0)
                return r;
        return read_int(bus, path, "ExecMainStatus", &status->exit_status, reterr);
}

/* systemd answers a start before it begins: until then the unit is inactive, with a job. */
static int read_has_job(sd_bus *bus, const char *path, bool *ret, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        uint32_t id = 0;
        int r;

        r = sd_bus_get_property(bus, BUS_SYSTEMD, path, UNIT_INTERFACE, "Job", &error, &reply,
                                "(uo)");
        if (r >= 0)
                r = sd_bus_message_read(reply, "(uo)", &id, NULL);
        if (r < 0)
                return property_error(r, &error, "Job", reterr);
        *ret = id != 0;
        return 0;
}

/* A unit that systemd does not know is inactive too; that of a VMM that ended well is collected at
 * once. */
static int read_inactive(sd_bus *bus, const char *path, UnitStatus *ret, Error *reterr) {
        bool has_job = false;
        int r;

        r = read_has_job(bus, path, &has_job, reterr);
        if (r < 0)
                return r;
        *ret = (UnitStatus) {
                .state = has_job ? ROOT_UNIT_ACTIVE : ROOT_UNIT_ABSENT,
                .starting = has_job,
        };
        return 0;
}

int units_status(sd_bus *bus, const VmId *vm, UnitStatus *ret, Error *reterr) {
        _cleanup_free_ char *path = NULL, *active = NULL, *sub = NULL;
        UnitStatus status = {.state = ROOT_UNIT_ACTIVE};
        int r;

        r = unit_path(vm, &path, reterr);
        if (r < 0)
                return r;
        r = read_string(bus, path, UNIT_INTERFACE, "ActiveState", &active, reterr);
        if (r < 0)
                return r;
        if (string_equal(active, "inactive"))
                return read_inactive(bus, path, ret, reterr);
        r = read_string(bus, path, UNIT_INTERFACE, "SubState", &sub, reterr);
        if (r < 0)
                return r;
        status.starting = string_equal(active, "activating");
        status.failed = string_equal(active, "failed");
        if (status.failed || (string_equal(active, "active") && string_equal(sub, "exited"))) {
                status.state = ROOT_UNIT_ENDED;
                r = read_result(bus, path, &status, reterr);
                if (r < 0)
                        return r;
        }
        *ret = status;
        return 0;
}

/* One that is not loaded neither runs nor is about to; its properties would have systemd look for a
 * file of it first. */
static int is_loaded(sd_bus *bus, const VmId *vm, bool *ret, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL;
        VmNames names;
        int r;

        vm_names(vm, &names);
        r = bus_manager_call(bus, "GetUnit", &call, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "s", names.unit);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a call");
        r = sd_bus_call(bus, call, 0, &error, NULL);
        if (r < 0 && !sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit"))
                return property_error(r, &error, "path", reterr);
        *ret = r >= 0;
        return 0;
}

int units_check_idle(sd_bus *bus, const VmId *vm, Error *reterr) {
        bool loaded = false;
        UnitStatus status;
        int r;

        r = is_loaded(bus, vm, &loaded, reterr);
        if (r < 0 || !loaded)
                return r;
        r = units_status(bus, vm, &status, reterr);
        if (r < 0)
                return r;
        if (status.state == ROOT_UNIT_ACTIVE)
                return error_set(reterr, ERROR_BUSY, EBUSY, "vm %s is running", vm->text);
        return 0;
}

int units_refuse_active(const Host *host, const VmId *vm, Error *reterr) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_connect_manager(host->paths->bus, &bus, reterr);

        return r < 0 ? r : units_check_idle(bus, vm, reterr);
}

/* The wait reads the state again, whatever the signal says. */
static int on_change(_unused_ sd_bus_message *message, _unused_ void *userdata,
                     _unused_ sd_bus_error *error) {
        return 0;
}

int units_watch(sd_bus *bus, const VmId *vm, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = unit_path(vm, &path, reterr);
        if (r < 0)
                return r;
        r = sd_bus_match_signal(bus, NULL, NULL, path, "org.freedesktop.DBus.Properties",
                                "PropertiesChanged", on_change, NULL);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot watch the unit");
        /* Without it systemd sends no signals. It ends with the connection. */
        r = bus_manager_call(bus, "Subscribe", &call, reterr);
        if (r < 0)
                return r;
        return bus_call(bus, call, NULL, reterr);
}

/* Signals that have come already: 1 when there were any. */
static int drain(sd_bus *bus) {
        int any = 0, r;

        while ((r = sd_bus_process(bus, NULL)) > 0)
                any = 1;
        return r < 0 ? r : any;
}

int units_pause(sd_bus *bus, const UnitWait *wait) {
        uint64_t end = clock_monotonic_usec() + RECHECK_USEC;
        bool last = wait->deadline_usec <= end;
        struct pollfd items[2];
        int r;

        r = drain(bus);
        if (r != 0)
                return r;
        /* No event asked for: poll(2) tells of a closed peer all the same, and only of that. */
        items[0] = (struct pollfd) {.fd = wait->cancel_fd};
        items[1] = (struct pollfd) {.fd = sd_bus_get_fd(bus), .events = POLLIN};
        do
                r = poll(items, ELEMENTSOF(items),
                         clock_poll_timeout(last ? wait->deadline_usec : end));
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        if (items[0].revents)
                return -ECANCELED;
        if (items[1].revents) {
                r = drain(bus);
                return r < 0 ? r : 1;
        }
        return last ? 0 : 1;
}

typedef bool (*UnitReached)(const UnitStatus *status);

static bool has_ended(const UnitStatus *status) {
        return status->state != ROOT_UNIT_ACTIVE;
}

static bool has_started(const UnitStatus *status) {
        return !status->starting;
}

static int wait_for(sd_bus *bus, const VmId *vm, const UnitWait *wait, UnitReached reached,
                    const char *what, UnitStatus *ret, Error *reterr) {
        for (;;) {
                UnitStatus status;
                int r;

                r = units_status(bus, vm, &status, reterr);
                if (r < 0)
                        return r;
                if (reached(&status)) {
                        *ret = status;
                        return 0;
                }
                r = units_pause(bus, wait);
                if (r == -ECANCELED)
                        return error_set(reterr, ERROR_CANCELED, ECANCELED, "the caller has left");
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot wait for systemd");
                if (r == 0)
                        return error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT,
                                         "the unit of vm %s did not %s in time", vm->text, what);
        }
}

int units_wait_end(sd_bus *bus, const VmId *vm, const UnitWait *wait, UnitStatus *ret,
                   Error *reterr) {
        return wait_for(bus, vm, wait, has_ended, "end", ret, reterr);
}

int units_wait_start(sd_bus *bus, const VmId *vm, const UnitWait *wait, UnitStatus *ret,
                     Error *reterr) {
        return wait_for(bus, vm, wait, has_started, "start", ret, reterr);
}

/* A call about the unit, whose name is its first argument. 0 as well when there is no such unit, or
 * no process in it: who asks for an end has it. */
static int unit_call(sd_bus *bus, const VmId *vm, const char *method, const char *more_types,
                     const char *text, int number, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL;
        VmNames names;
        int r;

        vm_names(vm, &names);
        r = bus_manager_call(bus, method, &call, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "s", names.unit);
        if (r >= 0 && more_types)
                r = sd_bus_message_append(call, more_types, text, number);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a call");
        r = sd_bus_call(bus, call, 0, &error, NULL);
        if (r >= 0 || sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit") ||
            sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchProcess"))
                return 0;
        return error_set(reterr, error_kind_from_errno(-r), -r, "systemd: %s",
                         error.message ? error.message : strerror(-r));
}

int units_kill(sd_bus *bus, const VmId *vm, int signal, Error *reterr) {
        return unit_call(bus, vm, "KillUnit", "si", "main", signal, reterr);
}

int units_forget(sd_bus *bus, const VmId *vm, const UnitStatus *status, Error *reterr) {
        UnitWait wait = {.deadline_usec = clock_monotonic_usec() + FORGET_TIMEOUT_USEC,
                         .cancel_fd = -1};
        UnitStatus now = *status;
        int r;

        if (status->failed)
                return unit_call(bus, vm, "ResetFailedUnit", NULL, NULL, 0, reterr);
        r = unit_call(bus, vm, "StopUnit", "s", "replace", 0, reterr);
        while (r >= 0 && now.state != ROOT_UNIT_ABSENT) {
                r = units_status(bus, vm, &now, reterr);
                if (r < 0 || now.state == ROOT_UNIT_ABSENT)
                        break;
                r = units_pause(bus, &wait);
                if (r == 0)
                        r = error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT,
                                      "systemd did not forget the unit of vm %s in time", vm->text);
                else if (r < 0)
                        error_set_errno(reterr, -r, "cannot wait for systemd");
        }
        return r < 0 ? r : 0;
}
