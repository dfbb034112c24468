#pragma once
/* Units of VMs, asked of systemd over its bus. That of a VMM that ends well is gone at once; one that
 * fails stays to be read, and who has read it forgets it. */
#include "helper/bus.h"
#include "helper/inventory.h"

int units_read(const Host *host, Inventory *inventory, Error *reterr);

typedef struct UnitStatus {
        RootUnitState state;
        bool starting;    /* active, but its program does not run yet */
        bool failed;      /* ended, and systemd calls that a failure */
        char result[32];  /* ended only: systemd's Result, "success" … */
        int32_t exit_code, exit_status; /* ended only: ExecMainCode, ExecMainStatus */
} UnitStatus;

/* What a wait watches, besides time. */
typedef struct UnitWait {
        uint64_t deadline_usec; /* monotonic */
        int cancel_fd;          /* ends the wait when its peer has closed; -1: none */
} UnitWait;

int units_status(sd_bus *bus, const VmId *vm, UnitStatus *ret, Error *reterr);
/* -EBUSY (ERROR_BUSY) while the unit runs. */
int units_check_idle(sd_bus *bus, const VmId *vm, Error *reterr);
int units_refuse_active(const Host *host, const VmId *vm, Error *reterr);

/* From here on units_pause() is woken when the unit changes. */
int units_watch(sd_bus *bus, const VmId *vm, Error *reterr);
/* Returns when the unit may have changed (1), at the deadline (0), or with -ECANCELED. Being woken
 * is no proof: anybody may send a signal over the bus. So ask again. */
int units_pause(sd_bus *bus, const UnitWait *wait);
/* Until the unit neither runs nor starts. -ETIMEDOUT, -ECANCELED. Needs units_watch(). */
int units_wait_end(sd_bus *bus, const VmId *vm, const UnitWait *wait, UnitStatus *ret,
                   Error *reterr);
/* Until its program runs or it has ended. */
int units_wait_start(sd_bus *bus, const VmId *vm, const UnitWait *wait, UnitStatus *ret,
                     Error *reterr);

/* Sends a signal to the unit's main process; 0 as well when there is none. */
int units_kill(sd_bus *bus, const VmId *vm, int signal, Error *reterr);
/* Makes systemd forget a unit that has ended. Needs units_watch(). */
int units_forget(sd_bus *bus, const VmId *vm, const UnitStatus *status, Error *reterr);
