#pragma once
/* systemd over its bus: connecting, and calls whose failure tells what systemd said. */
#include <systemd/sd-bus.h>

#include "common/cleanup.h"
#include "common/error.h"

#define BUS_SYSTEMD "org.freedesktop.systemd1"
#define BUS_MANAGER_PATH "/org/freedesktop/systemd1"
#define BUS_MANAGER "org.freedesktop.systemd1.Manager"

#define _cleanup_bus_ _cleanup_(bus_cleanup)
#define _cleanup_message_ _cleanup_(bus_message_cleanup)

static inline void bus_cleanup(sd_bus **bus) {
        *bus = sd_bus_close_unref(*bus);
}

static inline void bus_message_cleanup(sd_bus_message **message) {
        *message = sd_bus_message_unref(*message);
}

/* address NULL: the system bus. A call on it is given up after five seconds. */
int bus_connect(const char *address, sd_bus **ret, Error *reterr);
/* To systemd's manager alone, without the bus where that is possible. */
int bus_connect_manager(const char *address, sd_bus **ret, Error *reterr);
/* A call of systemd's manager, to be filled. */
int bus_manager_call(sd_bus *bus, const char *method, sd_bus_message **ret, Error *reterr);
/* Sends and waits. ret may be NULL. D-Bus's error comes back as its nearest errno. */
int bus_call(sd_bus *bus, sd_bus_message *call, sd_bus_message **ret, Error *reterr);
