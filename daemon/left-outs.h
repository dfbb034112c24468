#pragma once
/* The forwards that the helper could not set, and why. */

#include "common/api-root.h"
#include "common/forward.h"
#include "common/ident.h"

typedef struct LeftOut {
        VmId id;
        Forward forward;
        char *reason;
} LeftOut;

typedef struct LeftOuts {
        LeftOut *items;
        size_t n_items;
} LeftOuts;

/* A forward of a request, in the terms of the set. -EINVAL. */
int left_outs_read_forward(const RootForward *forward, VmId *ret_id, Forward *ret);
/* What was refused of a request, out of its answer, which is robbed of the reasons; an answer about
 * none of its forwards is passed over. -ENOMEM. */
int left_outs_read(const RootNetwork *wanted, RootNetworkDone *done, LeftOuts *ret);
void left_outs_clear(LeftOuts *left_outs);
/* NULL: it is not among them. */
const LeftOut *left_outs_find(const LeftOuts *left_outs, const VmId *id, const Forward *forward);
/* Logs those that are new, or for another reason. */
void left_outs_tell(const LeftOuts *before, const LeftOuts *now);
