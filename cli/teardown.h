#pragma once
/* Uninstalling: goes on past failures, and looks afterwards whether anything is left. */
#include "cli/setup.h"

/* ERROR_BUSY, naming them, when VMs or parts of them still exist: the helper is asked, or systemd
 * where the helper does not answer. */
int teardown_check(const SetupEnv *env, Progress *progress, Error *reterr);
/* purge: images, kernels, VMs and settings go too. All failures are joined; what is left over is
 * told and is a failure. */
int teardown_run(const SetupEnv *env, bool purge, Progress *progress, Error *reterr);
