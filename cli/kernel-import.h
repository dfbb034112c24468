#pragma once
#include "cli/command.h"
#include "common/api-kernel.h"

/* Imports this host's kernel with its modules; the caller clears ret with kernel_info_schema. */
int kernel_import_host(const Host *host, const char *name, KernelInfo *ret, Error *reterr);
/* Is there any kernel yet? */
int kernel_exists(const Host *host, bool *ret, Error *reterr);
