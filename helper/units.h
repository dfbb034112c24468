#pragma once
/* Units of VMs, asked of systemd over its bus. */
#include "helper/inventory.h"

int units_read(const Host *host, Inventory *inventory, Error *reterr);
