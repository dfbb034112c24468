#pragma once
/* Jail directories of VMs. */
#include "helper/inventory.h"

int jails_read(const Host *host, Inventory *inventory, Error *reterr);
