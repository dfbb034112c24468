#include "guest/host.h"

#include <errno.h>
#include <time.h>

#include "common/clock.h"
#include "common/version.h"

int host_hello(VarlinkClient *client, bool again, uint64_t deadline_usec, GuestConfig *ret,
               Error *reterr) {
        char version[32];
        const HostHello hello = {.version = version, .again = again};

        (void) snprintf(version, sizeof(version), "%s", banger_version);
        return varlink_client_call(client, &interface_host, "Hello", &hello, ret, NULL, 0, NULL,
                                   deadline_usec, reterr);
}

int host_report(VarlinkClient *client, GuestStage stage, const char *message,
                uint64_t deadline_usec, Error *reterr) {
        char text[1024];
        HostReport report = {.stage = (int) stage};

        if (message) {
                (void) snprintf(text, sizeof(text), "%s", message);
                report.message = text;
        }
        return varlink_client_call(client, &interface_host, "Report", &report, NULL, NULL, 0, NULL,
                                   deadline_usec, reterr);
}

void guest_config_clear(GuestConfig *config) {
        schema_clear(&guest_config_schema, config);
}

int host_set_clock(const GuestConfig *config, Error *reterr) {
        const int64_t second = (int64_t) USEC_PER_SEC;
        const struct timespec now = {
                .tv_sec = config->time_us / second,
                .tv_nsec = config->time_us % second * 1000,
        };

        if (clock_settime(CLOCK_REALTIME, &now) < 0)
                return error_set_errno(reterr, errno, "cannot set the clock");
        return 0;
}
