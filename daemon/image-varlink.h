#pragma once
/* io.banger.Image on the wire. userdata of the handlers: DaemonContext, of which they use
 * images (image.h), worker_socket, pool and operations. */
#include "common/varlink-server.h"

extern const VarlinkMethod image_methods[];
extern const size_t image_n_methods;
