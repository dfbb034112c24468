#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "common/clock.h"
#include "common/strings.h"
#include "helper/units.h"

#define REPLY_TIMEOUT_USEC (5 * USEC_PER_SEC)

static void bus_cleanup(sd_bus **bus) {
        *bus = sd_bus_close_unref(*bus);
}

static void message_cleanup(sd_bus_message **message) {
        *message = sd_bus_message_unref(*message);
}

static int units_connect(const char *address, sd_bus **ret) {
        _cleanup_(bus_cleanup) sd_bus *bus = NULL;
        int r;

        if (!address) {
                r = sd_bus_open_system(&bus);
                if (r < 0)
                        return r;
        } else {
                r = sd_bus_new(&bus);
                if (r < 0)
                        return r;
                r = sd_bus_set_address(bus, address);
                if (r < 0)
                        return r;
                r = sd_bus_start(bus);
                if (r < 0)
                        return r;
        }
        r = sd_bus_set_method_call_timeout(bus, REPLY_TIMEOUT_USEC);
        if (r < 0)
                return r;
        *ret = steal_ptr(bus);
        return 0;
}

static int units_call(sd_bus *bus, sd_bus_message **ret, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(message_cleanup) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, "org.freedesktop.systemd1",
                                           "/org/freedesktop/systemd1",
                                           "org.freedesktop.systemd1.Manager",
                                           "ListUnitsByPatterns");
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a call");
        r = sd_bus_message_append(call, "asas", 0, 1, "banger-vm-*.service");
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a call");
        r = sd_bus_call(bus, call, 0, &error, ret);
        if (r < 0 && error.message)
                return error_set(reterr, error_kind_from_errno(-r), -r, "systemd: %s",
                                 error.message);
        if (r < 0)
                return error_set_errno(reterr, -r, "systemd does not answer");
        return 0;
}

/* One unit of "a(ssssssouso)"; 0 at the end of the array. */
static int units_next(sd_bus_message *reply, Inventory *inventory) {
        const char *name, *load, *active, *sub;
        _cleanup_free_ char *detail = NULL;
        VmId vm;
        int r;

        r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, &load, &active, &sub, NULL,
                                NULL, NULL, NULL, NULL);
        if (r <= 0)
                return r;
        /* "not-found": only named by something else, such as an open reference. */
        if (!vm_id_from_unit(name, &vm) || string_equal(load, "not-found"))
                return 1;
        detail = string_format("%s, %s", active, sub);
        r = detail ? inventory_add(inventory, INVENTORY_UNIT, name, &vm, detail) : -ENOMEM;
        return r < 0 ? r : 1;
}

int units_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_(message_cleanup) sd_bus_message *reply = NULL;
        _cleanup_(bus_cleanup) sd_bus *bus = NULL;
        int r;

        r = units_connect(host->paths->bus, &bus);
        if (r < 0)
                return error_set(reterr, ERROR_UNAVAILABLE, -r, "cannot reach systemd's bus: %s",
                                 strerror(-r));
        r = units_call(bus, &reply, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r > 0)
                r = units_next(reply, inventory);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read systemd's reply");
        return 0;
}
