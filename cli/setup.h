#pragma once
/* Installing: everything is checked before, done in idempotent steps, and taken back on failure. */
#include "cli/account.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/units.h"
#include "common/install.h"

typedef struct SetupEnv {
        const Host *host;
        Units units;
        bool booted; /* systemd is PID 1 */
        /* Do both daemons answer, and are they of our version? */
        int (*check_daemons)(const Host *host, Error *reterr);
} SetupEnv;

/* Is there a reason not to? Changes nothing; all reasons are joined. */
int setup_check(const SetupEnv *env, const Account *owner, Error *reterr);
/* What setup_run() will do, for people. -ENOMEM. */
int setup_print_plan(FILE *out, const InstallConf *conf);
/* Each step is told as it is done. On failure all of them are undone, and errors joined. */
int setup_run(const SetupEnv *env, const InstallConf *conf, Progress *progress, Error *reterr);
/* For SetupEnv outside tests. */
int setup_check_daemons(const Host *host, Error *reterr);
