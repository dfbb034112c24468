#include "helper/bus.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"

#define REPLY_TIMEOUT_USEC (5 * USEC_PER_SEC)
/* systemd's own socket, for root: systemctl uses it too. Nothing is in between, and it is there
 * while the bus is not. */
#define MANAGER_ADDRESS "unix:path=/run/systemd/private"

static int open_address(const char *address, sd_bus **ret) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, address);
        if (r < 0)
                return r;
        r = sd_bus_negotiate_fds(bus, 1);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = steal_ptr(bus);
        return 0;
}

static int connect_to(const char *address, bool manager, sd_bus **ret) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = -ENOENT;

        if (address)
                r = open_address(address, &bus);
        else if (manager)
                r = open_address(MANAGER_ADDRESS, &bus);
        if (r < 0 && !address)
                r = sd_bus_open_system(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_method_call_timeout(bus, REPLY_TIMEOUT_USEC);
        if (r < 0)
                return r;
        *ret = steal_ptr(bus);
        return 0;
}

static int unreachable(int r, Error *reterr) {
        return error_set(reterr, ERROR_UNAVAILABLE, -r, "cannot reach systemd's bus: %s",
                         strerror(-r));
}

int bus_connect(const char *address, sd_bus **ret, Error *reterr) {
        int r = connect_to(address, false, ret);

        return r < 0 ? unreachable(r, reterr) : 0;
}

int bus_connect_manager(const char *address, sd_bus **ret, Error *reterr) {
        int r = connect_to(address, true, ret);

        return r < 0 ? unreachable(r, reterr) : 0;
}

int bus_manager_call(sd_bus *bus, const char *method, sd_bus_message **ret, Error *reterr) {
        int r = sd_bus_message_new_method_call(bus, ret, BUS_SYSTEMD, BUS_MANAGER_PATH, BUS_MANAGER,
                                               method);

        return r < 0 ? error_set_errno(reterr, -r, "cannot make a call") : 0;
}

int bus_call(sd_bus *bus, sd_bus_message *call, sd_bus_message **ret, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_call(bus, call, 0, &error, ret);

        if (r < 0 && error.message)
                return error_set(reterr, error_kind_from_errno(-r), -r, "systemd: %s",
                                 error.message);
        if (r < 0)
                return error_set_errno(reterr, -r, "systemd does not answer");
        return 0;
}
