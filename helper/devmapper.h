#pragma once
/* Device-mapper; the only file that knows libdevmapper. */
#include "helper/inventory.h"

/* Devices whose UUID is ours: the kernel sets it together with the name, at creation. */
int devmapper_read(const Host *host, Inventory *inventory, Error *reterr);
