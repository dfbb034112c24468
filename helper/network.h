#pragma once
/* The bridge of the VMs and their taps. All of these are idempotent, mend what is half made, and
 * are to be called with the network's lock held. They act in the caller's network namespace. */
#include "common/config.h"
#include "common/ident.h"
#include "common/varlink-server.h"
#include "helper/host.h"

/* Makes changes of links wait for each other, as long as the descriptor is open. peer, the uid of who
 * asks: many calls of another's do not keep root from it. ERROR_BUSY after 25 s. */
int network_lock(const Host *host, uid_t peer, int *ret_fd, Error *reterr);

/* host->paths names the bridge and its carrier. A link of that name which is not ours, and a
 * network that this host has on another link already, are refused: ERROR_ALREADY_EXISTS. */
int bridge_ensure(const Host *host, const Config *settings, Error *reterr);
/* ERROR_BUSY while it has other ports than its carrier. One that is not ours is left alone. */
int bridge_remove(const Host *host, Error *reterr);

/* The index of our bridge; 0: there is none. */
int bridge_find(const Host *host, int *ret_index, Error *reterr);

/* ERROR_UNAVAILABLE without a bridge. */
int tap_ensure(const Host *host, const VmId *vm, uid_t owner, bool isolated, Error *reterr);
int tap_remove(const VmId *vm, Error *reterr);
/* Addresses belong to slots: the host still knows the MAC of the guest that had this one before, and
 * would send to that for seconds. */
int tap_forget_address(const Host *host, uint32_t address, Error *reterr);

/* Handlers; userdata: Session. */
int handle_bridge_ensure(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_bridge_remove(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_tap_create(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_tap_delete(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
int handle_network_set(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr);
