/* A guest whose kernel has halted: Firecracker stays alive after it, and nothing but the console
 * tells. Anybody in the guest can write those words, so its agent is asked, too: one that answers
 * has not halted, or not yet. */
#include <errno.h>
#include <fcntl.h>

#include "common/clock.h"
#include "daemon/vm-end.h"
#include "daemon/vm.h"

#define LOOK_FIRST_USEC (100 * USEC_PER_MSEC)
#define LOOK_AGAIN_USEC (500 * USEC_PER_MSEC)
/* Measured in nested software emulation: 15 to 80 ms. */
#define ANSWER_TIMEOUT_USEC (500 * USEC_PER_MSEC)
#define LOOKS_MAX 60

typedef struct LookJob {
        DaemonContext *context;
        VmId id;
        int64_t started_s; /* it may have been started again meanwhile */
        int vsock_fd;      /* a duplicate */
} LookJob;

static void look_job_free(LookJob *job) {
        close_fd(job->vsock_fd);
        free(job);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void look_later(Vm *vm, uint64_t after_usec) {
        uint64_t at_usec = clock_monotonic_usec() + after_usec;
        int r;

        if (vm->halt_looks == 0)
                return;
        vm->halt_looks--;
        if (!vm->halt_timer)
                r = sd_event_add_time(vm->context->event, &vm->halt_timer, CLOCK_MONOTONIC, at_usec,
                                      USEC_PER_MSEC, on_timer, vm);
        else {
                r = sd_event_source_set_time(vm->halt_timer, at_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(vm->halt_timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                vm->halt_looks = 0;
}

static int look_run(void *userdata) {
        const LookJob *job = userdata;
        int fd = -1, r;

        r = guest_connect(job->vsock_fd, clock_monotonic_usec() + ANSWER_TIMEOUT_USEC, &fd, NULL);
        close_fd(fd);
        return r;
}

static void look_done(int r, void *userdata) {
        LookJob *job = userdata;
        Vm *vm = r == -ECANCELED ? NULL : vms_find_id(job->context->vms, job->id.text);
        bool same = vm && vm->signal && vm->record.started_s == job->started_s;

        look_job_free(job);
        if (!same)
                return;
        if (r >= 0) {
                look_later(vm, LOOK_AGAIN_USEC);
                return;
        }
        vm->halt_looks = 0;
        vm_signal_set(vm->signal, VM_SIGNAL_HALTED, NULL);
        /* An operation sees the signal itself. */
        if (vm->state == VM_RUNNING && !vm->operation)
                vm_ended(vm);
}

static int look(Vm *vm) {
        LookJob *job = calloc(1, sizeof(*job));
        int r = 0;

        if (!job)
                return -ENOMEM;
        *job = (LookJob) {
                .context = vm->context,
                .id = vm->record.id,
                .started_s = vm->record.started_s,
                .vsock_fd = fcntl(vm->vsock_fd, F_DUPFD_CLOEXEC, 3),
        };
        if (job->vsock_fd < 0)
                r = -errno;
        if (r >= 0)
                r = pool_submit(vm->context->short_pool, &(PoolJob) {look_run, look_done, job});
        if (r < 0)
                look_job_free(job);
        return r;
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        /* No socket yet: it is being taken over. */
        if (vm->vsock_fd < 0 || look(vm) < 0)
                look_later(vm, LOOK_AGAIN_USEC);
        return 0;
}

void vm_heard(Vm *vm) {
        if (!guest_end_halts(console_serial(vm->console), &vm->heard))
                return;
        /* Before its agent has called there is nobody to ask. */
        if (vm->state == VM_STARTING) {
                vm_signal_set(vm->signal, VM_SIGNAL_HALTED, NULL);
                return;
        }
        vm->halt_looks = LOOKS_MAX;
        look_later(vm, LOOK_FIRST_USEC);
}
