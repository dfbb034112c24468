#pragma once
/* systemd's manager, as far as installing needs it. */
#include "common/error.h"

typedef struct UnitState {
        bool known;   /* there is a unit file of that name */
        bool enabled;
        bool active;
        char text[96]; /* "loaded, enabled, active" */
} UnitState;

typedef enum UnitJob {
        UNIT_START,
        UNIT_RESTART,
        UNIT_TRY_RESTART, /* only when it runs */
        UNIT_STOP,
} UnitJob;

/* All block. Asking for what is already so succeeds, and so does stopping, disabling or resetting
 * what systemd does not know. */
typedef struct UnitOps {
        int (*get_state)(void *manager, const char *unit, UnitState *ret, Error *reterr);
        /* Loaded units by a shell pattern, not those that ended; a NULL-terminated array, NULL when
         * there are none. */
        int (*list)(void *manager, const char *pattern, char ***ret, Error *reterr);
        int (*reload)(void *manager, Error *reterr);
        int (*enable)(void *manager, const char *unit, Error *reterr);
        int (*disable)(void *manager, const char *unit, Error *reterr);
        /* Returns when the job is done; -ETIMEDOUT after a while. */
        int (*run_job)(void *manager, UnitJob job, const char *unit, Error *reterr);
        int (*reset_failed)(void *manager, const char *unit, Error *reterr);
} UnitOps;

typedef struct Units {
        const UnitOps *ops;
        void *manager;
} Units;

/* Over D-Bus; the manager is an sd_bus. */
extern const UnitOps unit_ops_systemd;

/* The system's manager. units_close() afterwards. */
int units_open(Units *ret, Error *reterr);
void units_close(Units *units);
#define _cleanup_units_ _cleanup_(units_close)
