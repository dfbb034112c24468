#pragma once
/* For store*.c only. */
#include "daemon/sqlite.h"
#include "daemon/store.h"

struct Store {
        Database *database;
};

/* store-forward.c; within the transaction that puts the VM. */
int store_put_forwards(Store *store, const VmId *vm, const Forwards *forwards, Error *reterr);
/* Of all records, which are complete but for them. */
int store_load_forwards(Store *store, VmRecord *records, size_t n_records, Error *reterr);
