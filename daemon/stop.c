/* The end of a VM: asked for, forced, or come by itself; and the clean-up that follows each. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/vm-end.h"
#include "daemon/vm-keep.h"
#include "daemon/vm.h"

/* For the agent to take the request: what takes none is ended by force, and a host under load can keep a
 * guest from its processors for seconds. */
#define ASK_TIMEOUT_USEC (10 * USEC_PER_SEC)
/* Of the time that the caller gives, what is kept for the agent's own last means: it freezes the
 * root and ends the guest when the init has not. A third, at most this. */
#define LAST_MEANS_MS 5000
/* For a guest that takes no request: it may be ending already, by one from before a restart. */
#define ENDING_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define GONE (VM_SIGNAL_ENDED | VM_SIGNAL_HALTED)

typedef enum StopStage {
        STOP_STAGE_NONE,
        STOP_STAGE_GUEST,
        STOP_STAGE_CLEANUP,
} StopStage;

static const char *const stage_names[] = {
        [STOP_STAGE_GUEST] = "guest",
        [STOP_STAGE_CLEANUP] = "cleanup",
};

typedef struct StopJob {
        Start start; /* whose undos are the clean-up */
        Vm *vm;
        VarlinkCall *call; /* a reference; NULL: nobody waits */
        VmStopMode mode;
        char *reason; /* of an end that no user asked for, where it is known already */
        int64_t timeout_ms;
        int vsock_fd; /* a duplicate; -1: to be asked for */
        bool unanswered; /* the guest was ended although it could not be asked */
        Error ask_error;
        Error error;
} StopJob;

typedef struct StopNews {
        StopJob *job;
        StopStage stage;
        int64_t elapsed_us;
        bool finished;
} StopNews;

static StopJob *stop_job_free(StopJob *job) {
        if (!job)
                return NULL;
        start_clear(&job->start);
        varlink_call_unref(job->call);
        close_fd(job->vsock_fd);
        free(job->reason);
        error_clear(&job->ask_error);
        error_clear(&job->error);
        free(job);
        return NULL;
}

static void stop_job_cleanup(StopJob **job) {
        stop_job_free(*job);
}

static void on_news(void *userdata) {
        StopNews *news = userdata;

        vm_tell_stage(news->job->vm, news->job->call, stage_names[news->stage], news->finished,
                      news->elapsed_us);
        free(news);
}

/* In the thread; without memory nobody is told. */
static void tell(StopJob *job, StopStage stage, bool finished, uint64_t began_usec) {
        StopNews *news = malloc(sizeof(*news));

        if (!news)
                return;
        *news = (StopNews) {
                .job = job,
                .stage = stage,
                .finished = finished,
                .elapsed_us = finished ? (int64_t) (clock_monotonic_usec() - began_usec) : 0,
        };
        if (pool_post(job->vm->context->pool, on_news, news) < 0)
                free(news);
}

/* A VM that could not be taken over yet has no socket here. */
static int reach_guest(StopJob *job) {
        int r;

        if (job->vsock_fd >= 0)
                return 0;
        r = job->start.ops->vsock_socket(&job->start, &job->ask_error);
        if (r >= 0)
                job->vsock_fd = steal_fd(&job->start.vsock_fd);
        return r;
}

/* Negative only when it was cancelled: everything else ends in force. */
static int ask_guest(StopJob *job) {
        uint64_t deadline_usec = clock_monotonic_usec() + (uint64_t) job->timeout_ms * USEC_PER_MSEC;
        uint64_t ask_usec = clock_monotonic_usec() + ASK_TIMEOUT_USEC;
        int64_t last_ms = job->timeout_ms / 3;
        int r;

        if (last_ms > LAST_MEANS_MS)
                last_ms = LAST_MEANS_MS;
        r = reach_guest(job);
        if (r >= 0)
                r = guest_stop(job->vsock_fd, job->timeout_ms - last_ms, ask_usec, &job->ask_error);
        if (r < 0) {
                job->unanswered = vm_signal_wait(job->start.signal, GONE, -1,
                                                 clock_monotonic_usec() + ENDING_TIMEOUT_USEC) < 0;
                return 0;
        }
        r = vm_signal_wait(job->start.signal, GONE, operation_cancel_fd(job->start.operation),
                           deadline_usec);
        if (r == -ECANCELED)
                return operation_check(job->start.operation, &job->error);
        if (r < 0) {
                job->unanswered = true;
                (void) error_set(&job->ask_error, ERROR_TIMED_OUT, ETIMEDOUT,
                                 "the guest has not stopped within %" PRId64 " s",
                                 job->timeout_ms / 1000);
        }
        return 0;
}

static int stop_run(void *userdata) {
        StopJob *job = userdata;
        uint64_t began_usec = clock_monotonic_usec();
        int r;

        if (job->mode == VM_STOP_ASK) {
                tell(job, STOP_STAGE_GUEST, false, began_usec);
                r = ask_guest(job);
                if (r < 0)
                        return r;
                tell(job, STOP_STAGE_GUEST, true, began_usec);
        }
        began_usec = clock_monotonic_usec();
        tell(job, STOP_STAGE_CLEANUP, false, began_usec);
        r = start_undo_from(&job->start, START_READY, &job->error);
        if (r < 0)
                return r;
        tell(job, STOP_STAGE_CLEANUP, true, began_usec);
        return 0;
}

/* Nobody asked for this end: what is there to be read of it. *ret_again: it is to be started again. */
static char *describe_end(const StopJob *job, bool *ret_again) {
        static const RootReaped ended_by_us = {.result = NULL};
        const Vm *vm = job->vm;
        bool halted = vm->signal && (vm_signal_get(vm->signal) & VM_SIGNAL_HALTED) != 0;
        const RootReaped *reaped = halted ? &ended_by_us : &job->start.reaped;
        _cleanup_free_ char *panic = NULL;
        GuestEnd end = GUEST_END_NONE;

        if (job->reason)
                return strdup(job->reason);
        if (vm->console) {
                console_drain(vm->console);
                end = guest_end_read(console_serial(vm->console), &panic);
        }
        *ret_again = !vm->delete_wanted && vm_end_starts_again(end, reaped);
        return vm_end_describe(end, panic, reaped);
}

static char *make_reason(const StopJob *job, bool *ret_again) {
        if (job->mode == VM_STOP_ENDED)
                return describe_end(job, ret_again);
        if (job->unanswered)
                return string_format("ended by force: %s", job->ask_error.message
                                                                   ? job->ask_error.message
                                                                   : "the guest did not answer");
        return job->reason ? strdup(job->reason) : NULL;
}

static void start_again(Vm *vm, const char *reason) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *more = NULL;

        if (vm_start_again(vm, reason, &error) >= 0)
                return;
        more = string_format("%s, and cannot be started again: %s", reason,
                             error.message ? error.message : "");
        vm_set_reason(vm, more);
        vm->delete_wanted = vm->record.ephemeral;
        vm_set_stopped(vm);
        vm_save(vm);
        vm_changed(vm);
}

static void stop_succeeded(StopJob *job) {
        Vm *vm = job->vm;
        bool again = false;
        _cleanup_free_ char *operation = strdup(operation_id(vm->operation));
        _cleanup_free_ char *reason = make_reason(job, &again);
        const LogField fields[] = {
                {"BANGER_VM", vm->record.id.text},
                {"BANGER_OPERATION", operation},
                {},
        };

        if (reason)
                log_write(job->unanswered ? LOG_WARNING : LOG_NOTICE, fields, "%s: %s",
                          vm->record.name, reason);
        vm_release(vm);
        vm_unkeep(&vm->record.id);
        vm->slot = 0;
        vm_set_state(vm, VM_STOPPED);
        vm_set_reason(vm, reason);
        if (vm->record.ephemeral && !again)
                vm->delete_wanted = true;
        vm_set_stopped(vm);
        vm_save(vm);
        vm_end(vm, 0, NULL);
        /* Who waits for it to come up waits on. */
        if (again)
                start_again(vm, reason ? reason : "");
        else
                vm_changed(vm);
        vm_reply_progress(vm, steal_ptr(job->call), operation ? operation : "");
}

static void stop_failed(StopJob *job, int r) {
        Vm *vm = job->vm;
        bool untouched = r == -ECANCELED && !job->start.undo_failed;

        (void) error_prepend(&job->error, r, "cannot stop vm \"%s\"", vm->record.name);
        (void) error_set_object(&job->error, r, vm->record.name);
        if (untouched) {
                vm_set_state(vm, VM_RUNNING);
                /* The daemon that stops asks the guest again at its next start. */
                if (!vm->context->stopping) {
                        vm->record.intent = VM_INTENT_NONE;
                        vm_save(vm);
                }
        } else {
                vm_release(vm);
                vm_unkeep(&vm->record.id);
                vm_set_state(vm, VM_BROKEN);
                vm_set_reason(vm, job->error.message);
                vm->record.intent = VM_INTENT_NONE;
                vm_save(vm);
        }
        vm_end(vm, r, &job->error);
        vm_changed(vm);
        if (job->call)
                (void) varlink_call_fail(job->call, r, &job->error);
        /* Cancelled, but the guest had been asked already and has ended since. */
        if (untouched && !vm->context->stopping && (vm_signal_get(vm->signal) & GONE) != 0)
                vm_ended(vm);
}

static void stop_done(int r, void *userdata) {
        _cleanup_(stop_job_cleanup) StopJob *job = userdata;
        Vm *vm = job->vm;

        if (r < 0)
                stop_failed(job, r);
        else
                stop_succeeded(job);
        vm_settle(vm);
}

static int submit(Vm *vm, VmStopMode mode, int64_t timeout_s, const char *reason,
                  VarlinkCall *call, Error *reterr) {
        _cleanup_(stop_job_cleanup) StopJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return error_set_errno(reterr, ENOMEM, "cannot stop");
        job->vsock_fd = -1;
        r = vm_prepare(vm, &job->start, reterr);
        if (r < 0)
                return r;
        if (mode == VM_STOP_ASK && vm->vsock_fd >= 0) {
                job->vsock_fd = fcntl(vm->vsock_fd, F_DUPFD_CLOEXEC, 3);
                if (job->vsock_fd < 0)
                        return error_set_errno(reterr, errno, "cannot reach the guest");
        }
        job->reason = reason ? strdup(reason) : NULL;
        if (reason && !job->reason)
                return error_set_errno(reterr, ENOMEM, "cannot stop");
        job->vm = vm;
        job->mode = mode;
        job->timeout_ms = timeout_s * 1000;
        job->call = call ? varlink_call_ref(call) : NULL;
        r = pool_submit(vm->context->pool, &(PoolJob) {stop_run, stop_done, job});
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot stop");
        (void) steal_ptr(job);
        return 0;
}

static int stop_as(Vm *vm, const char *kind, VmStopMode mode, int64_t timeout_s, const char *reason,
                   VarlinkCall *call, Error *reterr) {
        int r;

        /* What is broken has nobody to ask; the clean-up is its repair. */
        if (mode == VM_STOP_ASK && vm->state != VM_RUNNING)
                mode = VM_STOP_FORCE;
        r = vm_begin(vm, kind, reterr);
        if (r < 0)
                return r;
        /* Durable before the guest is asked: its reboot is not taken for its own wish after a crash. */
        r = mode == VM_STOP_ENDED || vm->record.intent == VM_INTENT_DELETE
                    ? 0
                    : vm_set_intent(vm, VM_INTENT_STOP, reterr);
        if (r >= 0)
                r = submit(vm, mode, timeout_s, reason, call, reterr);
        if (r < 0) {
                if (vm->record.intent == VM_INTENT_STOP)
                        (void) vm_set_intent(vm, VM_INTENT_NONE, NULL);
                vm_end(vm, r, reterr);
                return r;
        }
        vm->unasked = !call && vm->record.intent != VM_INTENT_DELETE;
        vm_set_state(vm, VM_STOPPING);
        vm_changed(vm);
        return 0;
}

int vm_stop(Vm *vm, const char *kind, VmStopMode mode, int64_t timeout_s, VarlinkCall *call,
            Error *reterr) {
        return stop_as(vm, kind, mode, timeout_s, NULL, call, reterr);
}

int vm_shut_down(Vm *vm, const char *reason, Error *reterr) {
        return stop_as(vm, "io.banger.VM.Stop", VM_STOP_ASK, VM_STOP_TIMEOUT_S_DEFAULT, reason,
                       NULL, reterr);
}

int vm_clean_up(Vm *vm, const char *reason, Error *reterr) {
        return stop_as(vm, "io.banger.VM.Stop", VM_STOP_ENDED, 0, reason, NULL, reterr);
}

void vm_ended(Vm *vm) {
        _cleanup_error_ Error error = ERROR_INIT;
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        if (vm_clean_up(vm, NULL, &error) < 0) {
                log_error(LOG_ERR, fields, &error, "cannot clean up after the VM");
                vm_set_state(vm, VM_BROKEN);
                vm_set_reason(vm, error.message);
                vm_changed(vm);
        }
}
