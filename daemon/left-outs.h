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

/* Out of the helper's answer, which is robbed of the reasons; ids and forwards: what it was asked for,
 * in that order. An answer about none of them is passed over. -ENOMEM. */
int left_outs_read(RootNetworkDone *done, const VmId *ids, const Forwards *forwards, LeftOuts *ret);
void left_outs_clear(LeftOuts *left_outs);
/* NULL: it is not among them. */
const LeftOut *left_outs_find(const LeftOuts *left_outs, const VmId *id, const Forward *forward);
/* Logs those that are new, or for another reason. */
void left_outs_tell(const LeftOuts *before, const LeftOuts *now);
