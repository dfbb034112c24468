#pragma once
/* The helper in root's hands alone, and what the kernel holds of banger taken away through it. */
#include "cli/setup.h"

/* Ids of the VMs that the helper finds something of, each once; NULL-terminated, NULL when there are none. */
int reclaim_list_vms(const Host *host, char ***ret, Error *reterr);
/* With its socket and service stopped, the helper is made ready again on a socket that only root may
 * open: no call of the owner's is under way, waits, or comes. *ret_there is set, failure or not, where
 * systemd has such a unit, which the caller then stops again. */
int reclaim_helper(const SetupEnv *env, bool *ret_there, Error *reterr);
/* Objects of VMs that do not run, the resolver's setting, bridge and tables. What is left is told and is
 * an error; each step is told. */
int reclaim_kernel(const SetupEnv *env, Progress *progress, Error *reterr);
