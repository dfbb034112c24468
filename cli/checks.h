#pragma once
/* Every check of `system status`. Needs no root: what others may not see is said so. */
#include "cli/setup.h"
#include "common/api-system.h"

/* units.ops NULL: there is no systemd to ask. The caller clears the report with its schema. */
int checks_run(const SetupEnv *env, SystemReport *ret, Error *reterr);
/* 0, or of DESIGN.md: not installed, degraded. */
int checks_exit_status(const SystemReport *report);
