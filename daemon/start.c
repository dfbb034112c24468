#include "daemon/start.h"

#include <string.h>

#include "common/clock.h"
#include "daemon/firecracker.h"

static int run_check(Start *start, Error *reterr) {
        return start->ops->check(start, reterr);
}

static int run_disk(Start *start, Error *reterr) {
        int r = start->ops->make_disk(start, reterr);

        return r < 0 ? r : start->ops->disk_attach(start, reterr);
}

/* The COW file stays: it is the VM's root. */
static int undo_disk(Start *start, Error *reterr) {
        return start->ops->disk_detach(start, reterr);
}

static int run_tap(Start *start, Error *reterr) {
        int r = start->ops->bridge_ensure(start, reterr);

        if (r >= 0)
                r = start->ops->tap_create(start, reterr);
        /* Before it boots: there is no time at which a guest may do what is not for it. */
        return r < 0 ? r : start->ops->network_put(start, reterr);
}

/* The bridge stays: others are on it, or will be. */
static int undo_tap(Start *start, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = start->ops->tap_delete(start, reterr);
        /* Then: with the last guest and its tap all rules go. */
        int remove_r = start->ops->network_remove(start, &error);

        return error_join(reterr, r, &error, remove_r);
}

static int run_jail(Start *start, Error *reterr) {
        return start->ops->jail_make(start, reterr);
}

static int undo_jail(Start *start, Error *reterr) {
        start->listener_fd = close_fd(start->listener_fd);
        return start->ops->jail_remove(start, reterr);
}

static int run_launch(Start *start, Error *reterr) {
        int r = start->ops->open_console(start, reterr);

        if (r >= 0)
                r = start->ops->launch(start, reterr);
        /* The unit has them now; while they are open here, the log would not end with it. */
        start->pty_far_fd = close_fd(start->pty_far_fd);
        start->log_far_fd = close_fd(start->log_far_fd);
        return r;
}

/* Reaps also when the kill failed: the unit may be gone all the same. */
static int undo_launch(Start *start, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = start->ops->kill(start, reterr);
        int reap_r = start->ops->reap(start, &error);

        return error_join(reterr, r, &error, reap_r);
}

static int run_sockets(Start *start, Error *reterr) {
        return start->ops->api_socket(start, reterr);
}

static int undo_sockets(Start *start, _unused_ Error *reterr) {
        start->vmm = firecracker_free(start->vmm);
        start->api_fd = close_fd(start->api_fd);
        start->vsock_fd = close_fd(start->vsock_fd);
        return 0;
}

/* The VMM makes its vsock socket while it is configured. */
static int run_configure(Start *start, Error *reterr) {
        int r = start->ops->configure(start, reterr);

        return r < 0 ? r : start->ops->vsock_socket(start, reterr);
}

static int run_boot(Start *start, Error *reterr) {
        return start->ops->boot(start, reterr);
}

static int run_ready(Start *start, Error *reterr) {
        return start->ops->wait_ready(start, reterr);
}

const StartStep start_steps[_START_STEP_MAX] = {
        [START_CHECK] = {"check", run_check, NULL},
        [START_DISK] = {"disk", run_disk, undo_disk},
        [START_TAP] = {"tap", run_tap, undo_tap},
        [START_JAIL] = {"jail", run_jail, undo_jail},
        [START_LAUNCH] = {"launch", run_launch, undo_launch},
        [START_SOCKETS] = {"sockets", run_sockets, undo_sockets},
        [START_CONFIGURE] = {"configure", run_configure, NULL},
        [START_BOOT] = {"boot", run_boot, NULL},
        [START_READY] = {"ready", run_ready, NULL},
};

void start_init(Start *start) {
        *start = (Start) {
                .ops = &start_ops,
                .listener_fd = -1,
                .pty_fd = -1,
                .log_fd = -1,
                .pty_far_fd = -1,
                .log_far_fd = -1,
                .api_fd = -1,
                .vsock_fd = -1,
                .failed_step = -1,
        };
}

void start_clear(Start *start) {
        (void) undo_sockets(start, NULL);
        close_fd(start->listener_fd);
        close_fd(start->pty_fd);
        close_fd(start->log_fd);
        close_fd(start->pty_far_fd);
        close_fd(start->log_far_fd);
        schema_clear(&root_reaped_schema, &start->reaped);
        free(start->name);
        free(start->others);
        network_guest_clear(&start->guest);
        start_init(start);
}

int start_undo_from(Start *start, StartStepIndex from, Error *reterr) {
        int r = 0;

        for (int i = (int) from; i >= 0; i--) {
                _cleanup_error_ Error error = ERROR_INIT;
                int undo_r;

                if (!start_steps[i].undo)
                        continue;
                undo_r = start_steps[i].undo(start, &error);
                (void) error_prepend(&error, undo_r, "undoing %s", start_steps[i].name);
                r = error_join(reterr, r, &error, undo_r);
        }
        start->undo_failed = r < 0;
        return r;
}

static int run_step(Start *start, StartStepIndex i, Error *reterr) {
        const StartStep *step = &start_steps[i];
        uint64_t began_usec = clock_monotonic_usec();
        int r;

        if (start->tell)
                start->tell(start, i, false);
        r = step->run(start, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "%s", step->name);
        start->elapsed_us[i] = (int64_t) (clock_monotonic_usec() - began_usec);
        if (start->tell)
                start->tell(start, i, true);
        return 0;
}

char *start_operation_text(Start *start) {
        if (!start->operation)
                return NULL;
        (void) snprintf(start->operation_text.text, sizeof(start->operation_text.text), "%s",
                        operation_id(start->operation));
        return start->operation_text.text;
}

int start_run(Start *start, Error *reterr) {
        for (int i = 0; i < _START_STEP_MAX; i++) {
                _cleanup_error_ Error undo_error = ERROR_INIT;
                int last = i, r, undo_r = 0;

                r = start->operation ? operation_check(start->operation, reterr) : 0;
                if (r < 0)
                        last = i - 1; /* this one has not begun */
                else
                        r = run_step(start, (StartStepIndex) i, reterr);
                if (r >= 0)
                        continue;
                start->failed_step = i;
                if (last >= 0)
                        undo_r = start_undo_from(start, (StartStepIndex) last, &undo_error);
                return error_join(reterr, r, &undo_error, undo_r);
        }
        return 0;
}

int64_t start_work_bytes(int64_t work_mib) {
        return work_mib > 0 ? work_mib * INT64_C(1048576) + WORK_DISK_TAIL_BYTES : 0;
}

int64_t start_cow_bytes(int64_t image_bytes) {
        return image_bytes + image_bytes / 16 + INT64_C(4) * 1024 * 1024;
}
