/* The loop's side of a start: what the thread is given, what comes back while and after it runs. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/version.h"
#include "daemon/names.h"
#include "daemon/vm-config.h"
#include "daemon/vm-keep.h"
#include "daemon/vm.h"

#define TAIL_LINES 6
#define TAIL_MAX 1000
#define LACKS_MAX 1000 /* more than the agent sends */

typedef struct StartJob {
        Start start;
        Vm *vm;            /* stays while its operation is under way */
        VarlinkCall *call; /* a reference; NULL: nobody waits */
        Error error;       /* the thread's */
        bool launched;     /* or tried to: the thread's */
        Error lost;        /* the loop's: why it cancelled the start */
        int lost_r;        /* 0: it did not */
} StartJob;

/* From the thread to the loop. */
typedef struct StartNews {
        StartJob *job;
        StartStepIndex step;
        bool ended;
        int listener_fd, pty_fd, log_fd; /* made by this step, or -1 */
} StartNews;

static StartJob *start_job_free(StartJob *job) {
        if (!job)
                return NULL;
        start_clear(&job->start);
        varlink_call_unref(job->call);
        error_clear(&job->error);
        error_clear(&job->lost);
        free(job);
        return NULL;
}

static void start_job_cleanup(StartJob **job) {
        start_job_free(*job);
}

static int on_hello(const HostHello *hello, GuestConfig *ret, void *userdata, Error *reterr) {
        const Vm *vm = userdata;
        const KernelRecord *kernel = kernels_find_id(vm->context->kernels, &vm->record.kernel);
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        if (!string_equal(hello->version, banger_version))
                vm_signal_set(vm->signal, VM_SIGNAL_OTHER_VERSION, NULL);
        log_write(LOG_DEBUG, fields, "%s: agent %s calls%s", vm->record.name, hello->version,
                  hello->again ? " again" : "");
        return vm_config_fill(&vm->record.id, vm->record.name, vm->slot,
                              &(VmDrives) {.modules = kernel && kernel->has_modules,
                                           .work = vm->record.work_mib > 0},
                              &vm->context->config, ret, reterr);
}

/* Whole characters, so that it stays UTF-8. */
static char *cut(const char *text, size_t max) {
        size_t n = strnlen(text, max);

        while (n > 0 && (text[n] & 0xC0) == 0x80)
                n--;
        return strndup(text, n);
}

/* With each report again: a daemon that was restarted learns it so. */
static void hear_lacks(Vm *vm, const char *message) {
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        _cleanup_free_ char *lacks = message ? cut(message, LACKS_MAX) : NULL;

        if (!lacks || string_equal(lacks, vm->lacks))
                return;
        free(vm->lacks);
        vm->lacks = steal_ptr(lacks);
        log_write(LOG_WARNING, fields, "%s: the guest goes on without: %s", vm->record.name,
                  vm->lacks);
        vm_changed(vm);
}

static void on_report(const HostReport *report, void *userdata) {
        Vm *vm = userdata;
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        if (report->stage != GUEST_FAILED)
                hear_lacks(vm, report->message);
        switch ((GuestStage) report->stage) {
        case GUEST_AGENT:
                vm_signal_set(vm->signal, VM_SIGNAL_AGENT, NULL);
                vm_raise_readiness(vm, VM_READINESS_AGENT);
                break;
        case GUEST_INIT:
                vm_raise_readiness(vm, VM_READINESS_INIT);
                break;
        case GUEST_FAILED:
                log_write(LOG_WARNING, fields, "%s: the guest gave up: %s", vm->record.name,
                          report->message ? report->message : "");
                vm_signal_set(vm->signal, VM_SIGNAL_FAILED,
                              report->message ? report->message : "it did not say why");
                break;
        }
}

static void on_ended(void *userdata) {
        Vm *vm = userdata;

        vm_signal_set(vm->signal, VM_SIGNAL_ENDED, NULL);
        /* An operation sees the signal itself. */
        if (vm->state == VM_RUNNING && !vm->operation)
                vm_ended(vm);
}

int vm_adopt_listener(Vm *vm, int listener_fd) {
        const GuestChannelConfig config = {
                .uid = vm_slot_uid(vm->slot),
                .hello = on_hello,
                .report = on_report,
                .userdata = vm,
        };

        vm_keep(&vm->record.id, KEEP_LISTENER, listener_fd);
        return guest_channel_new(vm->context->event, listener_fd, &config, &vm->channel);
}

static void on_said(void *userdata) {
        vm_heard(userdata);
}

int vm_adopt_console(Vm *vm, int pty_fd, int log_fd, Rings *rings) {
        const ConsoleConfig config = {.said = on_said, .ended = on_ended, .userdata = vm};

        vm_keep(&vm->record.id, KEEP_RINGS, rings->fd);
        vm_keep(&vm->record.id, KEEP_PTY, pty_fd);
        vm_keep(&vm->record.id, KEEP_LOG, log_fd);
        return console_new(vm->context->event, pty_fd, log_fd, rings, &config, &vm->console);
}

static int adopt_new_console(Vm *vm, int pty_fd, int log_fd) {
        Rings rings = RINGS_INIT;
        int r = rings_new(&rings);

        if (r < 0) {
                close_fd(pty_fd);
                close_fd(log_fd);
                return r;
        }
        return vm_adopt_console(vm, pty_fd, log_fd, &rings);
}

/* Without this the guest can only time out. */
static void give_up(StartJob *job, int r) {
        job->lost_r = r;
        operation_cancel(job->vm->operation);
}

static void on_news(void *userdata) {
        StartNews *news = userdata;
        StartJob *job = news->job;
        Vm *vm = job->vm;
        int r;

        if (news->listener_fd >= 0) {
                r = vm_adopt_listener(vm, news->listener_fd);
                if (r < 0)
                        give_up(job, error_set_errno(&job->lost, -r, "cannot hear the guest"));
        }
        if (news->log_fd >= 0) {
                r = adopt_new_console(vm, news->pty_fd, news->log_fd);
                if (r < 0)
                        give_up(job, error_set_errno(&job->lost, -r, "cannot follow the console"));
        }
        /* The bridge is there by now, maybe since this step. */
        if (news->step == START_TAP && news->ended)
                names_route(vm->context->names);
        if (news->step == START_LAUNCH && news->ended)
                vm_raise_readiness(vm, VM_READINESS_LAUNCHED);
        vm_tell_stage(vm, job->call, start_steps[news->step].name, news->ended,
                      news->ended ? job->start.elapsed_us[news->step] : 0);
        free(news);
}

/* In the thread. */
static void tell(Start *start, StartStepIndex step, bool ended) {
        StartJob *job = start->userdata;
        StartNews *news = malloc(sizeof(*news));

        job->launched = job->launched || step == START_LAUNCH;
        if (!news)
                return;
        *news = (StartNews) {
                .job = job,
                .step = step,
                .ended = ended,
                .listener_fd = -1,
                .pty_fd = -1,
                .log_fd = -1,
        };
        if (ended && step == START_JAIL)
                news->listener_fd = steal_fd(&start->listener_fd);
        if (ended && step == START_LAUNCH) {
                news->pty_fd = steal_fd(&start->pty_fd);
                news->log_fd = steal_fd(&start->log_fd);
        }
        if (pool_post(job->vm->context->pool, on_news, news) >= 0)
                return;
        close_fd(news->listener_fd);
        close_fd(news->pty_fd);
        close_fd(news->log_fd);
        free(news);
}

static int start_job_run(void *userdata) {
        StartJob *job = userdata;

        return start_run(&job->start, &job->error);
}

/* What the VMM or the guest said last, where that may be the reason. */
static void add_tail(const StartJob *job, int r, Error *error) {
        const Console *console = job->vm->console;
        _cleanup_free_ char *tail = NULL, *message = NULL;

        if (!console || r == -ECANCELED || job->start.failed_step < START_SOCKETS)
                return;
        tail = ring_tail(job->start.failed_step == START_READY ? console_serial(console)
                                                               : console_log(console),
                         TAIL_LINES, TAIL_MAX);
        if (!tail || *tail == '\0')
                return;
        message = string_format("%s; its last words: %s", error->message, tail);
        if (!message)
                return;
        free(error->message);
        error->message = steal_ptr(message);
}

static void start_succeeded(StartJob *job) {
        Vm *vm = job->vm;
        BootStage stages[_START_STEP_MAX];
        int64_t now_s = (int64_t) (clock_realtime_usec() / USEC_PER_SEC);
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *operation = strdup(operation_id(vm->operation));

        for (size_t i = 0; i < _START_STEP_MAX; i++)
                stages[i] = (BootStage) {start_steps[i].name, job->start.elapsed_us[i]};
        if (store_add_boot(vm->context->store, &vm->record.id, &vm->record.image, now_s, stages,
                           _START_STEP_MAX, &error) < 0)
                log_error(LOG_WARNING, NULL, &error, "cannot keep the times of a start");
        vm->vsock_fd = steal_fd(&job->start.vsock_fd);
        vm->record.started_s = now_s;
        vm->record.intent = vm->delete_wanted ? VM_INTENT_DELETE : VM_INTENT_NONE;
        vm_set_state(vm, VM_RUNNING);
        vm_set_reason(vm, NULL);
        vm_save(vm);
        vm_end(vm, 0, NULL);
        vm_changed(vm);
        vm_reply_progress(vm, steal_ptr(job->call), operation ? operation : "");
        if ((vm_signal_get(vm->signal) & (VM_SIGNAL_ENDED | VM_SIGNAL_HALTED)) != 0)
                vm_ended(vm);
}

/* The loop's reason instead of "was cancelled"; what could not be undone is still said. */
static int blame_loss(StartJob *job) {
        _cleanup_error_ Error thread = steal_struct(job->error, ERROR_INIT);

        error_move(&job->error, &job->lost);
        if (job->start.undo_failed)
                (void) error_join(&job->error, job->lost_r, &thread, -ECANCELED);
        return job->lost_r;
}

static void start_failed(StartJob *job, int r) {
        Vm *vm = job->vm;
        Error *error = &job->error;

        if (job->lost_r < 0)
                r = blame_loss(job);
        /* Reads what has come in since. */
        add_tail(job, r, error);
        (void) error_prepend(error, r, "cannot start vm \"%s\"", vm->record.name);
        (void) error_set_object(error, r, vm->record.name);
        vm_release(vm);
        vm_unkeep(&vm->record.id);
        if (!job->start.undo_failed)
                vm->slot = 0;
        vm->unit_ended = !job->launched || job->start.reaped.state == ROOT_UNIT_ENDED;
        vm_set_state(vm, job->start.undo_failed ? VM_BROKEN : VM_STOPPED);
        /* Where nobody waits to be told, it can be read. */
        vm_set_reason(vm, job->start.undo_failed || !job->call ? error->message : NULL);
        vm_set_stopped(vm);
        vm_save(vm);
        vm_end(vm, r, error);
        vm_changed(vm);
        if (job->call)
                (void) varlink_call_fail(job->call, r, error);
}

static void start_job_done(int r, void *userdata) {
        _cleanup_(start_job_cleanup) StartJob *job = userdata;
        Vm *vm = job->vm;

        operation_explain(vm->operation, r, &job->error);
        if (r < 0)
                start_failed(job, r);
        else
                start_succeeded(job);
        vm_settle(vm);
}

int64_t vm_cow_bytes_with(const Vm *vm, int64_t cow_mib) {
        const ImageRecord *image = images_find_id(vm->context->images, &vm->record.image);
        int64_t usual = start_cow_bytes(image ? image->size_bytes : 0);
        int64_t wanted = cow_mib * INT64_C(1048576);

        return wanted > usual ? wanted : usual;
}

int64_t vm_cow_bytes(const Vm *vm) {
        return vm_cow_bytes_with(vm, vm->record.cow_mib);
}

typedef struct Others {
        const Vm *vm;
        StartSpace *items;
        size_t n_items;
} Others;

static void count_one(Vm *other, void *userdata) {
        Others *others = userdata;

        if (other->slot == 0 || other == others->vm)
                return;
        others->items[others->n_items++] = (StartSpace) {
                .id = other->record.id,
                .cow_bytes = vm_cow_bytes(other),
                .work_bytes = start_work_bytes(other->record.work_mib),
        };
}

int vm_count_others(const Vm *vm, StartSpace **ret, size_t *ret_n) {
        Others others = {.vm = vm};
        int64_t running, total;

        vms_count(vm->context->vms, &running, &total);
        others.items = calloc((size_t) total + 1, sizeof(*others.items));
        if (!others.items)
                return -ENOMEM;
        vms_for_each(vm->context->vms, count_one, &others);
        *ret = others.items;
        *ret_n = others.n_items;
        return 0;
}

int vm_prepare(const Vm *vm, Start *ret, Error *reterr) {
        const DaemonContext *context = vm->context;
        const KernelRecord *kernel = kernels_find_id(context->kernels, &vm->record.kernel);

        start_init(ret);
        if (context->start_ops)
                ret->ops = context->start_ops;
        ret->id = vm->record.id;
        ret->image = vm->record.image;
        ret->kernel = vm->record.kernel;
        ret->slot = vm->slot;
        ret->vcpus = vm->record.vcpus;
        ret->memory_mib = vm->record.memory_mib;
        ret->cow_bytes = vm_cow_bytes(vm);
        ret->work_mib = vm->record.work_mib;
        ret->has_modules = kernel && kernel->has_modules;
        ret->root_socket = context->root_socket;
        ret->worker_socket = context->worker_socket;
        ret->state_dir = context->state_dir;
        ret->firecracker = context->config.firecracker;
        ret->operation = vm->operation;
        ret->signal = vm->signal;
        ret->network = context->network;
        if (vm_network_guest(vm, &ret->guest) < 0)
                return error_set_errno(reterr, ENOMEM, "cannot prepare");
        ret->name = strdup(vm->record.name);
        return ret->name ? 0 : error_set_errno(reterr, ENOMEM, "cannot prepare");
}

static int check_startable(const Vm *vm, Error *reterr) {
        int r;

        if (vm->state == VM_STOPPED || vm->operation)
                return 0; /* vm_begin() says what it is busy with */
        if (vm->state == VM_BROKEN) {
                r = error_set(reterr, ERROR_UNAVAILABLE, EUCLEAN, "vm \"%s\" is broken: %s",
                              vm->record.name, vm->record.reason ? vm->record.reason : "");
                (void) error_set_hint(reterr, r, "run: banger vm stop %s", vm->record.name);
        } else
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EALREADY, "vm \"%s\" runs already",
                              vm->record.name);
        return error_set_object(reterr, r, vm->record.name);
}

/* On failure the VM is as it was, but for its operation. */
static int submit(Vm *vm, VarlinkCall *call, Error *reterr) {
        _cleanup_(start_job_cleanup) StartJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return error_set_errno(reterr, ENOMEM, "cannot start");
        start_init(&job->start);
        r = vm_signal_new(&vm->signal);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot start");
        r = vm_take_slot(vm, reterr);
        if (r < 0)
                return r;
        r = vm_prepare(vm, &job->start, reterr);
        if (r < 0)
                return r;
        r = vm_count_others(vm, &job->start.others, &job->start.n_others);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot start");
        /* Durable first: after a crash this says whose objects are left. */
        r = vm_set_started(vm, 0);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot start");
        r = vm_set_intent(vm, VM_INTENT_START, reterr);
        if (r < 0)
                return r;
        job->start.tell = tell;
        job->start.userdata = job;
        job->vm = vm;
        job->call = call ? varlink_call_ref(call) : NULL;
        r = operation_submit(vm->operation, vm->context->pool,
                             &(PoolJob) {start_job_run, start_job_done, job});
        if (r == -EBUSY)
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_BUSY, EBUSY,
                                                "cannot start vm \"%s\": too much is under way",
                                                vm->record.name),
                                      "try again when something has ended, see: "
                                      "banger operation list");
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot start");
        (void) steal_ptr(job);
        return 0;
}

/* At once: a client that gives up before the first stage knows what to cancel. */
static void tell_operation(const Vm *vm, VarlinkCall *call) {
        char id[VM_ID_LENGTH + 1];
        const VmProgress progress = {.operation = id};

        if (!call || !varlink_call_wants_more(call))
                return;
        (void) snprintf(id, sizeof(id), "%s", operation_id(vm->operation));
        (void) varlink_call_progress(call, &progress);
}

static int start_as(Vm *vm, VarlinkCall *call, const char *reason, Error *reterr) {
        int r;

        r = check_startable(vm, reterr);
        if (r < 0)
                return r;
        r = vm_begin(vm, "io.banger.VM.Start", reterr);
        if (r < 0)
                return r;
        r = submit(vm, call, reterr);
        if (r < 0) {
                vm->slot = 0;
                vm_release(vm);
                vm_set_stopped(vm);
                vm_save(vm);
                vm_end(vm, r, reterr);
                return r;
        }
        tell_operation(vm, call);
        vm->unit_ended = false;
        vm_set_reason(vm, reason);
        vm_set_state(vm, VM_STARTING);
        vm_changed(vm);
        return 0;
}

int vm_start(Vm *vm, VarlinkCall *call, Error *reterr) {
        return start_as(vm, call, NULL, reterr);
}

int vm_start_again(Vm *vm, const char *reason, Error *reterr) {
        return start_as(vm, NULL, reason, reterr);
}
