#pragma once
/* io.banger.VM on the wire. userdata of the handlers: DaemonContext. */
#include "common/varlink-server.h"

int vm_handle_create(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_start(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_stop(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_resize(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_delete(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_set(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_list(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_show(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int vm_handle_connect(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
