/* What a VM's guest may reach and which ports of the host lead to it: in its record for the next
 * start, in the network's set while it runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/strings.h"
#include "daemon/vm.h"

/* Of one that runs. */
typedef struct NetworkJob {
        Vm *vm; /* stays while its operation is under way */
        Network *network;
        NetworkGuest guest;
        bool nat_before;
        Forwards before;
        VarlinkCall *call;
        Error error;
} NetworkJob;

static NetworkJob *network_job_free(NetworkJob *job) {
        if (!job)
                return NULL;
        network_guest_clear(&job->guest);
        forwards_clear(&job->before);
        varlink_call_unref(job->call);
        error_clear(&job->error);
        free(job);
        return NULL;
}

static void network_job_cleanup(NetworkJob **job) {
        network_job_free(*job);
}

/* Borrows the record's. */
static NetworkGuest guest_of(const Vm *vm) {
        return (NetworkGuest) {
                .id = vm->record.id,
                .slot = (unsigned) vm->record.last_slot,
                .nat = vm->record.nat,
                .forwards = vm->record.forwards,
        };
}

int vm_network_guest(const Vm *vm, NetworkGuest *ret) {
        const NetworkGuest guest = guest_of(vm);

        return network_guest_copy(&guest, ret);
}

void vm_fill_network(const Vm *vm) {
        const NetworkGuest guest = guest_of(vm);
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};

        if (network_fill(vm->context->network, &guest) < 0)
                log_write(LOG_ERR, fields, "%s: out of memory, its network is lost",
                          vm->record.name);
}

int vm_describe_forwards(const Vm *vm, char ***ret) {
        _cleanup_strv_ char **texts = NULL;

        for (size_t i = 0; i < vm->record.forwards.n_items; i++) {
                char text[FORWARD_TEXT_SIZE];
                int r;

                forward_format(&vm->record.forwards.items[i], text);
                r = strv_append(&texts, text);
                if (r < 0)
                        return r;
        }
        *ret = steal_ptr(texts);
        return 0;
}

typedef struct Search {
        const Forward *forward;
        const Vm *own;     /* whose it is to be; NULL: a new VM's */
        const Vm *holder;  /* whom its port leads to already; NULL */
        const Forward *held;
        bool leaving;      /* it is being taken away, which may fail */
        size_t n_others;   /* forwards of the other VMs */
} Search;

static void search(Vm *vm, void *userdata) {
        Search *state = userdata;
        const Forward *held = forwards_find_clash(&vm->record.forwards, state->forward);
        bool leaving = !held && vm->put_back;

        if (leaving)
                held = forwards_find_clash(vm->put_back, state->forward);
        if (vm != state->own)
                state->n_others += vm->record.forwards.n_items;
        if (!held)
                return;
        state->holder = vm;
        state->held = held;
        state->leaving = leaving;
}

static int refuse_clash(const Search *found, Error *reterr) {
        const char *name = found->holder->record.name;
        char text[FORWARD_TEXT_SIZE];
        int r;

        forward_format(found->held, text);
        if (found->leaving) {
                r = error_set(reterr, ERROR_BUSY, EBUSY,
                              "vm \"%s\" is about to lose %s, and may have to keep it", name, text);
                (void) error_set_object(reterr, r, name);
                return error_set_hint(reterr, r, "try again in a moment");
        }
        r = error_set(reterr, ERROR_ALREADY_EXISTS, EADDRINUSE,
                      "port %u (%s) leads to vm \"%s\" already, by %s", found->forward->host_port,
                      forward_protocol_names[found->forward->protocol], name, text);
        (void) error_set_object(reterr, r, name);
        return error_set_hint(reterr, r, "choose another port, or run: banger forward remove %s %s",
                              name, text);
}

static int refuse_twice(const char *text, Error *reterr) {
        int r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                          "\"%s\" is of a port that is given twice", text);

        return error_set_field(reterr, r, "publish");
}

/* Read anew each time: an administrator may have changed it. Where it cannot be, the helper has the last
 * word at a start. */
static int check_port(const DaemonContext *context, const Forward *forward, Error *reterr) {
        int fd = open(context->first_port, O_RDONLY | O_CLOEXEC);
        unsigned first = 0;
        int r = forward_read_first_port(fd < 0 ? -errno : fd, &first);

        close_fd(fd);
        if (r < 0)
                log_write(LOG_WARNING, NULL, "cannot tell which ports are root's: %s",
                          strerror(-r));
        return r < 0 ? 0 : forward_check_port(forward, first, reterr);
}

int vms_add_forward(const DaemonContext *context, const Vm *own, const char *text,
                    Forwards *forwards, Error *reterr) {
        Search found = {.own = own};
        Forward forward;
        int r = forward_parse(text, &forward, reterr);

        if (r >= 0)
                r = check_port(context, &forward, reterr);
        if (r < 0)
                return r;
        found.forward = &forward;
        vms_for_each(context->vms, search, &found);
        if (found.holder)
                return refuse_clash(&found, reterr);
        if (forwards_find_clash(forwards, &forward))
                return refuse_twice(text, reterr);
        if (found.n_others + forwards->n_items >= FORWARDS_MAX) {
                r = error_set(reterr, ERROR_UNAVAILABLE, ENOSPC,
                              "as many ports are forwarded as there can be (%d)", FORWARDS_MAX);
                return error_set_hint(reterr, r, "see: banger forward list");
        }
        r = forwards_add(forwards, &forward);
        return r < 0 ? error_set_errno(reterr, -r, "cannot add a forward") : 0;
}

int vms_add_forwards(const DaemonContext *context, char *const *texts, Forwards *forwards,
                     Error *reterr) {
        int r = 0;

        for (size_t i = 0; texts && texts[i] && r >= 0; i++)
                r = vms_add_forward(context, NULL, texts[i], forwards, reterr);
        return r;
}

/* Both ways: the record gets what the other two have. */
static void swap(VmRecord *record, bool *nat, Forwards *forwards) {
        bool nat_before = record->nat;
        Forwards before = record->forwards;

        record->nat = *nat;
        record->forwards = *forwards;
        *nat = nat_before;
        *forwards = before;
}

static int network_job_run(void *userdata) {
        NetworkJob *job = userdata;

        return network_put(job->network, &job->guest, operation_id(job->vm->operation),
                           &job->error);
}

static void network_job_failed(NetworkJob *job, int r) {
        Vm *vm = job->vm;

        /* vm_end() has the earlier set applied again, should the helper have applied this one. */
        swap(&vm->record, &job->nat_before, &job->before);
        vm_save(vm);
        (void) error_prepend(&job->error, r, "cannot change the network of vm \"%s\"",
                             vm->record.name);
        (void) error_set_object(&job->error, r, vm->record.name);
        vm_end(vm, r, &job->error);
        (void) varlink_call_fail(job->call, r, &job->error);
}

static void network_job_done(int r, void *userdata) {
        _cleanup_(network_job_cleanup) NetworkJob *job = userdata;
        const VmSignalBits gone = VM_SIGNAL_ENDED | VM_SIGNAL_HALTED;
        Vm *vm = job->vm;

        vm->put_back = NULL;
        operation_explain(vm->operation, r, &job->error);
        if (r < 0)
                network_job_failed(job, r);
        else {
                vm_end(vm, 0, NULL);
                (void) varlink_call_reply(job->call, NULL);
        }
        vm_changed(vm);
        /* Meanwhile; nobody else has looked. */
        if (!vm->delete_wanted && (vm_signal_get(vm->signal) & gone) != 0)
                vm_ended(vm);
        vm_settle(vm);
}

/* The record has what is wanted already. */
static int submit(Vm *vm, const char *kind, NetworkJob *job, Error *reterr) {
        int r = vm_network_guest(vm, &job->guest);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot change the network");
        r = vm_begin(vm, kind, reterr);
        if (r < 0)
                return r;
        r = operation_submit(vm->operation, vm->context->pool,
                             &(PoolJob) {network_job_run, network_job_done, job});
        if (r >= 0) {
                vm->put_back = &job->before;
                return 0;
        }
        r = r == -EBUSY ? error_set_hint(reterr,
                                         error_set(reterr, ERROR_BUSY, EBUSY,
                                                   "too much is under way"),
                                         "try again when something has ended, see: "
                                         "banger operation list")
                        : error_set_errno(reterr, -r, "cannot change the network");
        vm_end(vm, r, reterr);
        return r;
}

/* What a broken VM has left of its network is not known: its repair comes first. */
static int check_changeable(const Vm *vm, Error *reterr) {
        int r;

        if (vm->state != VM_BROKEN || vm->operation)
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, EUCLEAN, "vm \"%s\" is broken: %s",
                      vm->record.name, vm->record.reason ? vm->record.reason : "");
        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger vm stop %s", vm->record.name);
}

/* Durable first: what the kernel does is what the next start of the daemon finds written. */
static int store(Vm *vm, NetworkJob *job, Error *reterr) {
        int r;

        swap(&vm->record, &job->nat_before, &job->before);
        r = store_put_vm(vm->context->store, &vm->record, reterr);
        if (r < 0)
                swap(&vm->record, &job->nat_before, &job->before);
        return r;
}

int vm_set_network(Vm *vm, bool nat, Forwards *forwards_taken, VarlinkCall *call, Error *reterr) {
        _cleanup_(network_job_cleanup) NetworkJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job) {
                forwards_clear(forwards_taken);
                return error_set_errno(reterr, ENOMEM, "cannot change the network");
        }
        *job = (NetworkJob) {
                .vm = vm,
                .network = vm->context->network,
                .nat_before = nat,
                .before = steal_struct(*forwards_taken, (Forwards) {.items = NULL}),
                .call = varlink_call_ref(call),
        };
        r = check_changeable(vm, reterr);
        if (r >= 0 && vm->operation)
                r = vm_begin(vm, varlink_call_method(call), reterr); /* says what it is busy with */
        if (r >= 0)
                r = store(vm, job, reterr);
        if (r < 0)
                return r;
        if (vm->state != VM_RUNNING) {
                vm_changed(vm);
                return varlink_call_reply(call, NULL);
        }
        r = submit(vm, varlink_call_method(call), job, reterr);
        if (r < 0) {
                swap(&vm->record, &job->nat_before, &job->before);
                vm_save(vm);
                return r;
        }
        (void) steal_ptr(job);
        return 0;
}
