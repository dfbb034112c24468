/* Connections to guests' agents, for clients: waits until there is an agent, then dials. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/vm.h"

#define DIAL_TIMEOUT_USEC (10 * USEC_PER_SEC)

struct VmWaiter {
        Vm *vm;
        VarlinkCall *call; /* a reference */
        VmReadiness needs;
        int64_t timeout_s;
        sd_event_source *timer;
        VmWaiter *previous, *next;
};

typedef struct DialJob {
        VarlinkCall *call; /* a reference */
        int vsock_fd;      /* a duplicate */
        int agent_fd;
        char *name;
        Error error;
} DialJob;

static DialJob *dial_job_free(DialJob *job) {
        if (!job)
                return NULL;
        varlink_call_unref(job->call);
        close_fd(job->vsock_fd);
        close_fd(job->agent_fd);
        free(job->name);
        error_clear(&job->error);
        free(job);
        return NULL;
}

static void dial_job_cleanup(DialJob **job) {
        dial_job_free(*job);
}

static int dial_run(void *userdata) {
        DialJob *job = userdata;

        return guest_connect(job->vsock_fd, clock_monotonic_usec() + DIAL_TIMEOUT_USEC,
                             &job->agent_fd, &job->error);
}

static void dial_done(int r, void *userdata) {
        _cleanup_(dial_job_cleanup) DialJob *job = userdata;

        if (r >= 0) {
                r = varlink_call_push_fd(job->call, steal_fd(&job->agent_fd));
                if (r < 0)
                        (void) error_set_errno(&job->error, -r, "cannot pass the connection on");
        }
        if (r >= 0)
                (void) varlink_call_reply(job->call, NULL);
        else {
                (void) error_prepend(&job->error, r, "vm \"%s\"", job->name);
                (void) error_set_object(&job->error, r, job->name);
                (void) varlink_call_fail(job->call, r, &job->error);
        }
}

static int dial(Vm *vm, VarlinkCall *call, Error *reterr) {
        _cleanup_(dial_job_cleanup) DialJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return error_set_errno(reterr, ENOMEM, "cannot connect");
        job->agent_fd = -1;
        job->vsock_fd = fcntl(vm->vsock_fd, F_DUPFD_CLOEXEC, 3);
        if (job->vsock_fd < 0)
                return error_set_errno(reterr, errno, "cannot connect");
        job->name = strdup(vm->record.name);
        job->call = varlink_call_ref(call);
        if (!job->name)
                return error_set_errno(reterr, ENOMEM, "cannot connect");
        r = pool_submit(vm->context->short_pool, &(PoolJob) {dial_run, dial_done, job});
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot connect");
        (void) steal_ptr(job);
        return 0;
}

static VmWaiter *waiter_free(VmWaiter *waiter) {
        if (waiter->previous)
                waiter->previous->next = waiter->next;
        else
                waiter->vm->waiters = waiter->next;
        if (waiter->next)
                waiter->next->previous = waiter->previous;
        varlink_call_set_gone(waiter->call, NULL, NULL);
        sd_event_source_disable_unref(waiter->timer);
        varlink_call_unref(waiter->call);
        free(waiter);
        return NULL;
}

static void waiter_fail(VmWaiter *waiter, int r, const Error *error) {
        (void) varlink_call_fail(waiter->call, r, error);
        waiter_free(waiter);
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        VmWaiter *waiter = userdata;
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = error_set(&error, ERROR_TIMED_OUT, ETIMEDOUT,
                      "vm \"%s\" was not ready within %" PRId64 " s", waiter->vm->record.name,
                      waiter->timeout_s);
        (void) error_set_object(&error, r, waiter->vm->record.name);
        waiter_fail(waiter, r, &error);
        return 0;
}

static void on_gone(_unused_ VarlinkCall *call, void *userdata) {
        waiter_free(userdata);
}

static int waiter_new(Vm *vm, const VmConnect *connect, VarlinkCall *call) {
        VmWaiter *waiter = calloc(1, sizeof(*waiter));
        int r;

        if (!waiter)
                return -ENOMEM;
        waiter->vm = vm;
        waiter->call = varlink_call_ref(call);
        waiter->needs = connect->now ? VM_READINESS_AGENT : VM_READINESS_INIT;
        waiter->timeout_s = connect->timeout_s;
        waiter->next = vm->waiters;
        if (vm->waiters)
                vm->waiters->previous = waiter;
        vm->waiters = waiter;
        varlink_call_set_gone(call, on_gone, waiter);
        r = sd_event_add_time_relative(vm->context->event, &waiter->timer, CLOCK_MONOTONIC,
                                       (uint64_t) connect->timeout_s * USEC_PER_SEC, 0, on_timer,
                                       waiter);
        if (r < 0)
                waiter_free(waiter);
        return r;
}

static int not_running(const Vm *vm, Error *reterr) {
        int r = error_set(reterr, ERROR_UNAVAILABLE, ENOTCONN, "vm \"%s\" is not running",
                          vm->record.name);

        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger vm start %s", vm->record.name);
}

static bool comes(const Vm *vm) {
        return vm->state == VM_STARTING || vm->state == VM_RUNNING;
}

static bool ready(const Vm *vm, VmReadiness needs) {
        return vm->state == VM_RUNNING && vm->readiness >= needs && vm->vsock_fd >= 0;
}

void vm_check_waiters(Vm *vm) {
        for (VmWaiter *waiter = vm->waiters, *next; waiter; waiter = next) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = 0;

                next = waiter->next;
                if (!comes(vm))
                        r = not_running(vm, &error);
                else if (ready(vm, waiter->needs))
                        r = dial(vm, waiter->call, &error);
                else
                        continue;
                if (r < 0)
                        waiter_fail(waiter, r, &error);
                else
                        waiter_free(waiter); /* the job has a reference of its own */
        }
}

int vm_connect(Vm *vm, const VmConnect *connect, VarlinkCall *call, Error *reterr) {
        int r;

        if (!comes(vm))
                return not_running(vm, reterr);
        if (ready(vm, connect->now ? VM_READINESS_AGENT : VM_READINESS_INIT))
                return dial(vm, call, reterr);
        r = waiter_new(vm, connect, call);
        return r < 0 ? error_set_errno(reterr, -r, "cannot wait") : 0;
}
