#pragma once
/* The work of each verb of the helper by the bare library: no checks, no undo, no recovery.
 * Whatever fails ends the program. Each opens its own connections, as a call of the helper does. */
#include <stdnoreturn.h>
#include <sys/types.h>

#include "common/ident.h"

/* What both sides work on. */
typedef struct Bench {
        const char *image, *kernel; /* ids */
        uid_t owner;
        char *tables;  /* what `nft list ruleset` says of the bridge's tables without guests */
        char *network; /* with all of them, in place of what there is */
        int pty_fd, pty_far_fd, log_fd, log_far_fd;
} Bench;

extern const VmId bare_vm;
#define BARE_SLOT 201
#define BARE_BRIDGE "br-banger" /* the helper's is gone by then, and the rules name it */
#define BARE_CARRIER "bgr-carrier"

noreturn void bench_fail(const char *what, int error);
/* r is 0 or a negative errno; bench_check_errno() takes what a system call returned. */
void bench_check(int r, const char *what);
int bench_check_errno(int r, const char *what);

void bare_bridge_ensure(Bench *bench);
void bare_bridge_remove(Bench *bench);
void bare_tap_create(Bench *bench);
void bare_tap_delete(Bench *bench);
void bare_network_set(Bench *bench);
void bare_network_clear(Bench *bench);

void bare_disk_attach(Bench *bench);
void bare_disk_detach(Bench *bench);
void bare_disk_grow(Bench *bench);
void bare_disk_open(Bench *bench);
void bare_jail_make(Bench *bench);
void bare_jail_remove(Bench *bench);

void bare_resolver_set(Bench *bench);
void bare_resolver_clear(Bench *bench);
void bare_launch(Bench *bench);
void bare_sockets(Bench *bench);
void bare_sockets_there(Bench *bench);
void bare_stop(Bench *bench);
void bare_reap(Bench *bench);

/* Reads what an inventory reads. */
void bare_inventory(Bench *bench);
void bare_inventory_links(void);
void bare_inventory_disks(void);
void bare_inventory_units(void);
/* Of a device of the VM's; 0: it has none. */
dev_t bare_device(const char *name);
