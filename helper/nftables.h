#pragma once
/* nftables, in nft's own words and in the network namespace of the caller. */
#include "common/error.h"

typedef struct Nftables Nftables;

/* ERROR_UNAVAILABLE on a kernel without nftables. */
int nftables_open(Nftables **ret, Error *reterr);
Nftables *nftables_close(Nftables *nftables);
static inline void nftables_cleanup(Nftables **nftables) {
        nftables_close(*nftables);
}

/* One transaction: all of the commands hold at once, or none does. */
int nftables_run(Nftables *nftables, const char *commands, Error *reterr);
/* What nft lists, "table ip filter" for one, numbers as such and without the elements of sets. It
 * may read far more from the kernel than it then lists. The caller frees. */
int nftables_list(Nftables *nftables, const char *what, char **ret, Error *reterr);
