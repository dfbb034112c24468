#pragma once
/* io.banger.Forward on the wire. userdata of the handlers: DaemonContext. */
#include "common/varlink-server.h"

extern const VarlinkMethod forward_methods[];
extern const size_t forward_n_methods;
