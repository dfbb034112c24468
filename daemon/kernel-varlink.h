#pragma once
/* io.banger.Kernel on the wire. userdata of the handlers: DaemonContext, of which they use
 * kernels (kernel.h), worker_socket, pool and operations. */
#include "common/varlink-server.h"

extern const VarlinkMethod kernel_methods[];
extern const size_t kernel_n_methods;
