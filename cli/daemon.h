#pragma once
/* Calls of the two daemons. */
#include "cli/command.h"
#include "common/api-root.h"
#include "common/api-system.h"
#include "common/reach.h"

/* Connects, calls and leaves: as varlink_client_call(), which knows the rest. */
int daemon_call(const Host *host, const Interface *interface, const char *method, const void *in,
                void *out, int *ret_fd, uint64_t deadline_usec, Error *reterr);
/* Each connects, asks once and leaves. The caller clears the reply with its schema. */
int daemon_get_status(const Host *host, uint64_t deadline_usec, SystemStatus *ret, Error *reterr);
int daemon_get_summary(const Host *host, uint64_t deadline_usec, SystemSummary *ret,
                       Error *reterr);
int daemon_ping_helper(const Host *host, uint64_t deadline_usec, RootPong *ret, Error *reterr);
int daemon_read_inventory(const Host *host, uint64_t deadline_usec, Inventory *ret, Error *reterr);
/* systemd-resolved asks bangerd no more. */
int daemon_clear_resolver(const Host *host, uint64_t deadline_usec, Error *reterr);
/* The bridge and its carrier go; refused while a VM has a tap on it. */
int daemon_remove_bridge(const Host *host, uint64_t deadline_usec, Error *reterr);
/* What the kernel has for a VM, by id; refused while its unit runs, which Reap tells. */
int daemon_reap_vm(const Host *host, uint64_t deadline_usec, char *vm, RootReaped *ret,
                   Error *reterr);
int daemon_remove_jail(const Host *host, uint64_t deadline_usec, char *vm, Error *reterr);
int daemon_detach_disks(const Host *host, uint64_t deadline_usec, char *vm, Error *reterr);
int daemon_delete_tap(const Host *host, uint64_t deadline_usec, char *vm, Error *reterr);
