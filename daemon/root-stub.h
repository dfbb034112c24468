#pragma once
/* The daemon's only way to the helper: one typed function a verb. Each opens a connection of its
 * own, so that a slow step holds nobody else up, and blocks until its deadline: for pool jobs only.
 * deadline_usec is on the monotonic clock. */

#include "common/api-root.h"

/* The caller clears ret with schema_clear(&root_pong_schema). */
int root_ping(const char *socket, uint64_t deadline_usec, RootPong *ret, Error *reterr);
/* The caller clears ret with schema_clear(&inventory_schema). */
int root_inventory(const char *socket, uint64_t deadline_usec, Inventory *ret, Error *reterr);

int root_bridge_ensure(const char *socket, uint64_t deadline_usec, const RootRequest *request,
                       Error *reterr);
int root_bridge_remove(const char *socket, uint64_t deadline_usec, Error *reterr);
/* Has systemd-resolved ask bangerd for names of VMs; without a bridge there is nothing to set yet. */
int root_resolver_set(const char *socket, uint64_t deadline_usec, Error *reterr);
int root_resolver_clear(const char *socket, uint64_t deadline_usec, Error *reterr);
int root_tap_create(const char *socket, uint64_t deadline_usec, const RootVm *vm, Error *reterr);
int root_tap_delete(const char *socket, uint64_t deadline_usec, const RootVmRef *vm, Error *reterr);
/* All guests that run and what leads to them, in place of what there was. */
/* The caller clears ret with root_network_done_schema. */
int root_network_set(const char *socket, uint64_t deadline_usec, const RootNetwork *network,
                     RootNetworkDone *ret, Error *reterr);
int root_disk_attach(const char *socket, uint64_t deadline_usec, const RootDiskAttach *disk,
                     Error *reterr);
/* Of a stopped VM. */
int root_disk_grow(const char *socket, uint64_t deadline_usec, const RootDiskGrow *grow,
                   Error *reterr);
int root_disk_detach(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                     Error *reterr);
/* *ret_listener_fd: for the guest's calls. */
int root_jail_make(const char *socket, uint64_t deadline_usec, const RootJailMake *jail,
                   int *ret_listener_fd, Error *reterr);
int root_jail_remove(const char *socket, uint64_t deadline_usec, const RootVmRef *vm,
                     Error *reterr);
/* Both descriptors are borrowed. */
int root_launch(const char *socket, uint64_t deadline_usec, const RootLaunch *launch, int pty_fd,
                int log_fd, Error *reterr);
/* Waits for one socket of the VM: the API's from the launch on, the vsock's only after bangerd has
 * configured that device (Firecracker binds it then). Opened with O_PATH, for /proc/self/fd/N.
 * ERROR_CANCELED once cancel_fd (-1: none) is readable. */
int root_socket(const char *socket, uint64_t deadline_usec, const RootSockets *wanted, int cancel_fd,
                int *ret_fd, Error *reterr);
int root_stop(const char *socket, uint64_t deadline_usec, const RootStop *stop, Error *reterr);
/* The caller clears ret with schema_clear(&root_reaped_schema). */
int root_reap(const char *socket, uint64_t deadline_usec, const RootVmRef *vm, RootReaped *ret,
              Error *reterr);
