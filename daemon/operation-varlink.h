#pragma once
/* io.banger.Operation and io.banger.Event on the wire. userdata of the handlers: DaemonContext. */
#include "common/varlink-server.h"

int operation_handle_list(VarlinkCall *call, const void *parameters, void *userdata,
                          Error *reterr);
int operation_handle_cancel(VarlinkCall *call, const void *parameters, void *userdata,
                            Error *reterr);
int event_handle_subscribe(VarlinkCall *call, const void *parameters, void *userdata,
                           Error *reterr);
