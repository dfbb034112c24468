#pragma once
/* Calls to bangerd: io.banger.Host. */
#include "common/api-guest.h"
#include "common/varlink-poll.h"

/* *ret is the caller's to clear with guest_config_clear(). */
int host_hello(VarlinkClient *client, bool again, uint64_t deadline_usec, GuestConfig *ret,
               Error *reterr);
int host_report(VarlinkClient *client, GuestStage stage, const char *message,
                uint64_t deadline_usec, Error *reterr);
void guest_config_clear(GuestConfig *config);
/* Sets the clock: a guest's is late at boot and stale after a resume. */
int host_set_clock(const GuestConfig *config, Error *reterr);
