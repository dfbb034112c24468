#pragma once
/* Which modules a guest needs before it has its root, in the order in which they load. */
#include "common/error.h"
#include "common/strings.h"

/* From the text of modules.dep and modules.builtin: paths below the release's directory, each after
 * those that it needs. ERROR_UNAVAILABLE when the kernel lacks one. */
int modules_resolve(const char *dep, const char *builtin, Strv *ret, Error *reterr);
