#pragma once
/* The verbs about jails and units, for dispatch.c. userdata: Session. */
#include "common/varlink-server.h"

int handle_jail_make(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_jail_remove(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_launch(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_sockets(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_stop(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_reap(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
