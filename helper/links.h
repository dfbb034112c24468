#pragma once
/* Network links, as a source of the inventory. */
#include "helper/inventory.h"

/* The bridge, its carrier and the taps of VMs, in the network namespace of the caller. */
int links_read(const Host *host, Inventory *inventory, Error *reterr);
