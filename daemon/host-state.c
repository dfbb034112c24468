#include "daemon/host-state.h"

#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "common/clock.h"
#include "common/strings.h"

#define ANSWER_TIMEOUT_USEC (2 * USEC_PER_SEC)

static void bus_cleanup(sd_bus **bus) {
        sd_bus_flush_close_unref(*bus);
}

bool host_is_stopping(void) {
        _cleanup_(bus_cleanup) sd_bus *bus = NULL;
        _cleanup_free_ char *state = NULL;

        if (sd_bus_open_system(&bus) < 0 ||
            sd_bus_set_method_call_timeout(bus, ANSWER_TIMEOUT_USEC) < 0)
                return false;
        /* org.freedesktop.systemd1(5): "stopping" from when shutdown.target is wanted. */
        return sd_bus_get_property_string(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                          "org.freedesktop.systemd1.Manager", "SystemState", NULL,
                                          &state) >= 0 &&
               string_equal(state, "stopping");
}
