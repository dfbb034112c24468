#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/daemon.h"
#include "cli/layout.h"
#include "cli/reclaim.h"
#include "cli/remove.h"
#include "common/clock.h"
#include "common/strings.h"

#define CALL_TIMEOUT_USEC (30 * USEC_PER_SEC)

static uint64_t deadline(void) {
        return clock_monotonic_usec() + CALL_TIMEOUT_USEC;
}

static void inventory_cleanup(Inventory *inventory) {
        schema_clear(&inventory_schema, inventory);
}
#define _cleanup_inventory_ _cleanup_(inventory_cleanup)

/* An administrator's own drop-in may open it to others. */
static int check_socket(const Host *host, Error *reterr) {
        struct stat st;
        int r;

        /* Below the root directory. */
        if (fstatat(host->root_fd, &BANGERD_ROOT_SOCKET[1], &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_set_errno(reterr, errno, "cannot look at " BANGERD_ROOT_SOCKET);
        if (st.st_uid == host->root_uid && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
                return 0;
        r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                      BANGERD_ROOT_SOCKET " is not root's alone");
        return error_set_hint(reterr, r, "look for SocketUser= and SocketMode=: systemctl cat "
                              UNIT_HELPER_SOCKET);
}

int reclaim_helper(const SetupEnv *env, bool *ret_there, Error *reterr) {
        const Units *units = &env->units;
        UnitState state;
        int r = units->ops->get_state(units->manager, UNIT_HELPER_SOCKET, &state, reterr);

        if (r < 0 || !state.known)
                return r;
        *ret_there = true;
        r = remove_file(env->host->root_fd, LAYOUT_HELPER_OWNER, reterr);
        if (r >= 0)
                r = units->ops->reload(units->manager, reterr);
        if (r >= 0)
                r = units->ops->run_job(units->manager, UNIT_START, UNIT_HELPER_SOCKET, reterr);
        if (r >= 0)
                r = check_socket(env->host, reterr);
        return r;
}

static int check_ended(const Host *host, char *vm, Error *reterr) {
        RootReaped reaped = {.result = NULL};
        bool runs;
        int r = daemon_reap_vm(host, deadline(), vm, &reaped, reterr);

        if (r < 0)
                return r;
        runs = reaped.state == ROOT_UNIT_ACTIVE;
        schema_clear(&root_reaped_schema, &reaped);
        if (!runs)
                return 0;
        r = error_set(reterr, ERROR_BUSY, EBUSY, "vm %s runs, started a moment ago", vm);
        return error_set_hint(reterr, r,
                              "run: sudo systemctl stop banger-vm-%s.service, then uninstall again",
                              vm);
}

/* In the order of bangerd's own undoing: the jail has nodes of the disks. */
static int remove_vm(const Host *host, char *vm, Error *reterr) {
        static int (*const steps[])(const Host *, uint64_t, char *, Error *) = {
                daemon_remove_jail,
                daemon_detach_disks,
                daemon_delete_tap,
        };
        int r = check_ended(host, vm, reterr);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                _cleanup_error_ Error error = ERROR_INIT;

                r = error_join(reterr, r, &error, steps[i](host, deadline(), vm, &error));
        }
        return error_prepend(reterr, r, "cannot remove what is left of vm %s", vm);
}

int reclaim_list_vms(const Host *host, char ***ret, Error *reterr) {
        _cleanup_inventory_ Inventory inventory = {.entries = {.items = NULL}};
        _cleanup_strv_ char **vms = NULL;
        const InventoryEntry *entries;
        int r = daemon_read_inventory(host, deadline(), &inventory, reterr);

        if (r < 0)
                return r;
        entries = inventory.entries.items;
        for (size_t i = 0; i < inventory.entries.n_items && r >= 0; i++)
                if (entries[i].vm)
                        r = strv_append_once(&vms, entries[i].vm);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot list the VMs");
        *ret = steal_ptr(vms);
        return 0;
}

static int remove_vms(const Host *host, Progress *progress, Error *reterr) {
        _cleanup_strv_ char **vms = NULL;
        int r = reclaim_list_vms(host, &vms, reterr);

        if (r < 0)
                return r;
        for (size_t i = 0; vms && vms[i]; i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int this_r = remove_vm(host, vms[i], &error);

                if (this_r >= 0)
                        progress_say(progress, PROGRESS_STEP, "what was left of vm %s: removed",
                                     vms[i]);
                r = error_join(reterr, r, &error, this_r);
        }
        return r;
}

static int find_left(const Host *host, Progress *progress, Error *reterr) {
        _cleanup_inventory_ Inventory inventory = {.entries = {.items = NULL}};
        const InventoryEntry *entries;
        int r = daemon_read_inventory(host, deadline(), &inventory, reterr);

        if (r < 0)
                return r;
        entries = inventory.entries.items;
        for (size_t i = 0; i < inventory.entries.n_items; i++)
                progress_say(progress, PROGRESS_LEFT, "%s", entries[i].name);
        if (inventory.entries.n_items > 0)
                return error_set(reterr, ERROR_FAILED, EBUSY,
                                 "%zu kernel objects of banger are left: %s and so on",
                                 inventory.entries.n_items, entries[0].name);
        return 0;
}

int reclaim_kernel(const SetupEnv *env, Progress *progress, Error *reterr) {
        static const struct {
                int (*run)(const Host *, uint64_t, Error *);
                const char *done;
        } steps[] = {
                {daemon_clear_resolver, "systemd-resolved: asks bangerd no more"},
                {daemon_remove_bridge, "the bridge: removed"},
        };
        _cleanup_error_ Error left = ERROR_INIT;
        int r = remove_vms(env->host, progress, reterr);

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int this_r = steps[i].run(env->host, deadline(), &error);

                if (this_r >= 0)
                        progress_say(progress, PROGRESS_STEP, "%s", steps[i].done);
                r = error_join(reterr, r, &error, this_r);
        }
        return error_join(reterr, r, &left, find_left(env->host, progress, &left));
}
