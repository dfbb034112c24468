#pragma once
/* For store*.c only. */
#include "daemon/sqlite.h"
#include "daemon/store.h"

struct Store {
        Database *database;
};
