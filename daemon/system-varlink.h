#pragma once
/* io.banger.System on the wire. userdata of the handlers: DaemonContext. */
#include "common/varlink-server.h"

int system_get_status(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int system_get_summary(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
