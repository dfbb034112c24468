/* After a start of the daemon: what the kernel has, against what the store says. */
#include "daemon/recovery.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/root-stub.h"
#include "daemon/vm.h"

/* Enough for a helper that systemd has yet to start. Clients wait meanwhile. */
#define INVENTORY_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define AGAIN_USEC (2 * USEC_PER_SEC)

struct Recovery {
        DaemonContext *context;
        KeptFd *kept;
        size_t n_kept;
        Inventory inventory;
        Error error;
        bool asking;            /* in a thread */
        bool again;             /* once more, after that */
        bool applying;          /* the network, in a thread */
        bool apply_again;       /* once more, after that */
        sd_event_source *timer; /* until then */
        void (*done)(void *userdata); /* NULL once it was called */
        void *userdata;
};

/* Of objects that no VM of the store owns. */
typedef struct OrphanJob {
        Recovery *recovery;
        Start start;
        Error error;
} OrphanJob;

/* Takes this VM's kept descriptors; all or none, but for the rings, which an earlier version did not
 * keep: -1 then. */
static bool find_kept(Recovery *recovery, const VmId *id, int fds[_KEEP_ROLE_MAX]) {
        KeptFd *found[_KEEP_ROLE_MAX] = {};

        for (size_t i = 0; i < recovery->n_kept; i++)
                if (strcmp(recovery->kept[i].id.text, id->text) == 0 && recovery->kept[i].fd >= 0)
                        found[recovery->kept[i].role] = &recovery->kept[i];
        for (size_t i = 0; i < _KEEP_ROLE_MAX; i++)
                if (!found[i] && i != KEEP_RINGS)
                        return false;
        for (size_t i = 0; i < _KEEP_ROLE_MAX; i++)
                fds[i] = found[i] ? steal_fd(&found[i]->fd) : -1;
        return true;
}

static bool is_active_unit(const InventoryEntry *entry) {
        return entry->kind == INVENTORY_UNIT && entry->detail &&
               (string_after_prefix(entry->detail, "active") ||
                string_after_prefix(entry->detail, "activating"));
}

static VmRemains find_remains(const Recovery *recovery, const VmId *id) {
        const InventoryEntry *entries = recovery->inventory.entries.items;
        VmRemains remains = {.any = false};

        for (size_t i = 0; i < recovery->inventory.entries.n_items; i++)
                if (string_equal(entries[i].vm, id->text)) {
                        remains.any = true;
                        remains.active = remains.active || is_active_unit(&entries[i]);
                }
        return remains;
}

/* The first time all of them; then those of which nothing is known yet. */
static bool is_concerned(const Recovery *recovery, const Vm *vm) {
        return recovery->done || (vm->unsure && !vm->operation);
}

/* All that run, before anything else changes the network's set: what is not in it loses its. */
static void fill_one(Vm *vm, void *userdata) {
        const Recovery *recovery = userdata;
        VmRemains remains = find_remains(recovery, &vm->record.id);

        if (is_concerned(recovery, vm) && vm_runs_on(vm, &remains))
                vm_fill_network(vm);
}

static void recover_one(Vm *vm, void *userdata) {
        Recovery *recovery = userdata;
        VmRemains remains = find_remains(recovery, &vm->record.id);
        int fds[_KEEP_ROLE_MAX] = {};
        bool kept;

        if (!is_concerned(recovery, vm))
                return;
        kept = find_kept(recovery, &vm->record.id, fds);
        vm_recover(vm, &remains, kept, fds);
}

static int orphan_run(void *userdata) {
        OrphanJob *job = userdata;

        return start_undo_from(&job->start, START_READY, &job->error);
}

static void orphan_done(int r, void *userdata) {
        OrphanJob *job = userdata;
        const LogField fields[] = {{"BANGER_VM", job->start.id.text}, {}};

        if (r < 0)
                log_error(LOG_WARNING, fields, &job->error, "cannot remove what no VM owns");
        else
                log_write(LOG_NOTICE, fields, "removed what was left of a VM that is not known");
        if (network_failed(job->recovery->context->network))
                recovery_again(job->recovery);
        start_clear(&job->start);
        error_clear(&job->error);
        free(job);
}

static void remove_orphan(Recovery *recovery, const VmId *id) {
        OrphanJob *orphan = calloc(1, sizeof(*orphan));

        if (!orphan)
                return;
        orphan->recovery = recovery;
        start_init(&orphan->start);
        orphan->start.id = *id;
        orphan->start.root_socket = recovery->context->root_socket;
        orphan->start.network = recovery->context->network;
        if (pool_submit(recovery->context->pool, &(PoolJob) {orphan_run, orphan_done, orphan}) < 0)
                free(orphan);
}

static bool seen_before(const InventoryEntry *entries, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (string_equal(entries[j].vm, entries[i].vm))
                        return true;
        return false;
}

static void remove_orphans(Recovery *recovery) {
        const InventoryEntry *entries = recovery->inventory.entries.items;

        for (size_t i = 0; i < recovery->inventory.entries.n_items; i++) {
                VmId id;

                if (!entries[i].vm || vm_id_parse(entries[i].vm, &id) < 0)
                        continue;
                if (!vms_find_id(recovery->context->vms, id.text) && !seen_before(entries, i))
                        remove_orphan(recovery, &id);
        }
}

static void set_unsure(Vm *vm, void *userdata) {
        const Recovery *recovery = userdata;

        vm_set_unsure(vm, recovery->error.message ? recovery->error.message : "");
}

/* What nobody has taken belongs to VMs that run no more. */
static void drop_kept(Recovery *recovery) {
        for (size_t i = 0; i < recovery->n_kept; i++) {
                const Vm *vm = vms_find_id(recovery->context->vms, recovery->kept[i].id.text);

                if (recovery->kept[i].fd < 0)
                        continue;
                if (!vm || !vm->console)
                        vm_unkeep(&recovery->kept[i].id);
                close_fd(recovery->kept[i].fd);
        }
        free(recovery->kept);
        recovery->kept = NULL;
        recovery->n_kept = 0;
}

typedef struct NetworkJob {
        Recovery *recovery;
        Error error;
} NetworkJob;

static int network_run(void *userdata) {
        NetworkJob *job = userdata;

        return network_apply(job->recovery->context->network, &job->error);
}

static int apply_network(Recovery *recovery);

static void network_done(int r, void *userdata) {
        NetworkJob *job = userdata;
        Recovery *recovery = job->recovery;

        recovery->applying = false;
        if (r < 0 && r != -ECANCELED) {
                log_error(LOG_WARNING, NULL, &job->error, "cannot set the network of the VMs yet");
                recovery_again(recovery);
        } else if (r >= 0 && recovery->apply_again && apply_network(recovery) < 0)
                recovery_again(recovery);
        error_clear(&job->error);
        free(job);
}

/* Once for all that run; what has stopped meanwhile is gone from the kernel by that. One that is
 * under way may have read the set already: after it once more, however often it is asked for. */
static int apply_network(Recovery *recovery) {
        NetworkJob *job;
        int r;

        recovery->apply_again = recovery->applying;
        if (recovery->applying)
                return 0;
        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->recovery = recovery;
        r = pool_submit(recovery->context->pool, &(PoolJob) {network_run, network_done, job});
        if (r < 0)
                free(job);
        recovery->applying = r >= 0;
        return r;
}

static int inventory_run(void *userdata) {
        Recovery *recovery = userdata;

        return root_inventory(recovery->context->root_socket,
                              clock_monotonic_usec() + INVENTORY_TIMEOUT_USEC,
                              &recovery->inventory, &recovery->error);
}

static void inventory_done(int r, void *userdata) {
        Recovery *recovery = userdata;
        void (*done)(void *) = recovery->done;

        recovery->asking = false;
        if (r == -ECANCELED)
                return;
        if (r >= 0) {
                vms_for_each(recovery->context->vms, fill_one, recovery);
                vms_for_each(recovery->context->vms, recover_one, recovery);
                if (apply_network(recovery) < 0)
                        recovery->again = true;
                remove_orphans(recovery);
                drop_kept(recovery);
        } else {
                log_error(LOG_WARNING, NULL, &recovery->error, "cannot tell which VMs run");
                if (done)
                        vms_for_each(recovery->context->vms, set_unsure, recovery);
                recovery->again = true;
        }
        schema_clear(&inventory_schema, &recovery->inventory);
        error_clear(&recovery->error);
        recovery->done = NULL;
        if (recovery->again)
                recovery_again(recovery);
        if (done)
                done(recovery->userdata);
}

static int ask(Recovery *recovery) {
        int r = pool_submit(recovery->context->pool,
                            &(PoolJob) {inventory_run, inventory_done, recovery});

        recovery->asking = r >= 0;
        return r;
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Recovery *recovery = userdata;

        recovery->timer = sd_event_source_disable_unref(recovery->timer);
        if (ask(recovery) < 0)
                recovery_again(recovery);
        return 0;
}

void recovery_again(Recovery *recovery) {
        recovery->again = recovery->asking;
        if (recovery->asking || recovery->timer)
                return;
        if (sd_event_add_time_relative(recovery->context->event, &recovery->timer, CLOCK_MONOTONIC,
                                       AGAIN_USEC, 0, on_timer, recovery) < 0)
                log_write(LOG_ERR, NULL, "cannot look again which VMs run");
}

/* Before it is known what runs the set is not complete; then it is applied in any case. */
void recovery_apply_network(Recovery *recovery) {
        network_forget(recovery->context->network);
        if (!recovery->done && apply_network(recovery) < 0)
                recovery_again(recovery);
}

int recovery_new(DaemonContext *context, KeptFd *kept, size_t n_kept, void (*done)(void *userdata),
                 void *userdata, Recovery **ret) {
        Recovery *recovery = calloc(1, sizeof(*recovery));
        int r;

        if (!recovery)
                return -ENOMEM;
        *recovery = (Recovery) {
                .context = context,
                .done = done,
                .userdata = userdata,
        };
        r = ask(recovery);
        if (r < 0) {
                free(recovery);
                return r;
        }
        recovery->kept = kept;
        recovery->n_kept = n_kept;
        *ret = recovery;
        return 0;
}

Recovery *recovery_free(Recovery *recovery) {
        if (!recovery)
                return NULL;
        /* Without an inventory they stay in systemd's store, for the next start. */
        for (size_t i = 0; i < recovery->n_kept; i++)
                close_fd(recovery->kept[i].fd);
        free(recovery->kept);
        schema_clear(&inventory_schema, &recovery->inventory);
        error_clear(&recovery->error);
        sd_event_source_disable_unref(recovery->timer);
        free(recovery);
        return NULL;
}
