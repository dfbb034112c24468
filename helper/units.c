#include "helper/units.h"

#include <errno.h>
#include <string.h>

#include "common/strings.h"

static int units_list(sd_bus *bus, sd_bus_message **ret, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = bus_manager_call(bus, "ListUnitsByPatterns", &call, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "asas", 0, 1, "banger-vm-*.service");
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a call");
        return bus_call(bus, call, ret, reterr);
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
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = bus_connect_manager(host->paths->bus, &bus, reterr);
        if (r < 0)
                return r;
        r = units_list(bus, &reply, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r > 0)
                r = units_next(reply, inventory);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read systemd's reply");
        return 0;
}
