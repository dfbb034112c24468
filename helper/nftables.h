#pragma once
/* nftables, in nft's own words and in the network namespace of the caller. */
#include <stdbool.h>

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
/* Is there a table of this family and name, whoever made it? */
int nftables_has_table(Nftables *nftables, const char *family, const char *table, bool *ret,
                       Error *reterr);
/* The table as nft lists it, numbers as such and without the elements of sets. The caller frees. */
int nftables_list_table(Nftables *nftables, const char *family, const char *table, char **ret,
                        Error *reterr);
