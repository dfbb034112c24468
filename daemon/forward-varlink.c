#include "daemon/forward-varlink.h"

#include <errno.h>
#include <string.h>

#include "common/api-forward.h"
#include "daemon/vm.h"

static int forward_add(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        DaemonContext *context = userdata;
        const ForwardChange *change = parameters;
        _cleanup_(forwards_clear) Forwards forwards = {};
        Vm *vm;
        int r;

        r = vms_find(context->vms, change->vm, &vm, reterr);
        if (r < 0)
                return r;
        if (vm_must_hold(vm))
                return vm_hold(vm, call, forward_add, parameters, reterr);
        r = forwards_copy(&vm->record.forwards, &forwards);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot add a forward");
        r = vms_add_forward(context, vm, change->forward, &forwards, reterr);
        return r < 0 ? r : vm_set_network(vm, vm->record.nat, &forwards, call, reterr);
}

static int refuse_absent(const Vm *vm, const Forward *forward, Error *reterr) {
        char text[FORWARD_TEXT_SIZE];
        int r;

        forward_format(forward, text);
        r = error_set(reterr, ERROR_NOT_FOUND, ENOENT, "vm \"%s\" has no forward %s",
                      vm->record.name, text);
        (void) error_set_object(reterr, r, vm->record.name);
        return error_set_hint(reterr, r, "run: banger forward list %s", vm->record.name);
}

static int forward_remove(VarlinkCall *call, const void *parameters, void *userdata,
                          Error *reterr) {
        const DaemonContext *context = userdata;
        const ForwardChange *change = parameters;
        _cleanup_(forwards_clear) Forwards forwards = {};
        Forward forward;
        Vm *vm;
        int r;

        r = vms_find(context->vms, change->vm, &vm, reterr);
        if (r < 0)
                return r;
        if (vm_must_hold(vm))
                return vm_hold(vm, call, forward_remove, parameters, reterr);
        r = forward_parse(change->forward, &forward, reterr);
        if (r < 0)
                return r;
        r = forwards_copy(&vm->record.forwards, &forwards);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot remove a forward");
        if (!forwards_remove(&forwards, &forward))
                return refuse_absent(vm, &forward, reterr);
        return vm_set_network(vm, vm->record.nat, &forwards, call, reterr);
}

/* Of the VMs that are asked about; vms_for_each() goes from the last name to the first. */
typedef struct Listing {
        const Vm *only; /* NULL: all */
        size_t n_forwards;
        ForwardInfo *end; /* the items are filled from the last to the first */
        bool failed;
} Listing;

static void count(Vm *vm, void *userdata) {
        Listing *listing = userdata;

        if (!listing->only || listing->only == vm)
                listing->n_forwards += vm->record.forwards.n_items;
}

static int describe_state(const Vm *vm, const Forward *forward, ForwardInfo *info) {
        int r;

        if (vm->state != VM_RUNNING)
                return 0;
        r = network_find_left_out(vm->context->network, &vm->record.id, forward, &info->reason);
        info->active = r >= 0 && !info->reason;
        return r;
}

static void fill(Vm *vm, void *userdata) {
        Listing *listing = userdata;

        if (listing->only && listing->only != vm)
                return;
        for (size_t i = vm->record.forwards.n_items; i > 0; i--) {
                const Forward *forward = &vm->record.forwards.items[i - 1];
                char address[INET_ADDRSTRLEN];
                ForwardInfo *info = --listing->end;

                forward_format_address(forward, address);
                *info = (ForwardInfo) {
                        .vm = strdup(vm->record.name),
                        .protocol = (int) forward->protocol,
                        .address = strdup(address),
                        .host_port = forward->host_port,
                        .guest_port = forward->guest_port,
                };
                listing->failed = listing->failed || !info->vm || !info->address ||
                                  describe_state(vm, forward, info) < 0;
        }
}

static void list_cleanup(ForwardList *list) {
        schema_clear(&forward_list_schema, list);
}

static int forward_list(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        const ForwardQuery *query = parameters;
        _cleanup_(list_cleanup) ForwardList list = {.forwards = {.items = NULL}};
        Listing listing = {.only = NULL};
        ForwardInfo *items;
        Vm *vm = NULL;
        int r = query->vm ? vms_find(context->vms, query->vm, &vm, reterr) : 0;

        if (r < 0)
                return r;
        listing.only = vm;
        vms_for_each(context->vms, count, &listing);
        items = calloc(listing.n_forwards + 1, sizeof(*items));
        if (!items)
                return error_set_errno(reterr, ENOMEM, "cannot list the forwards");
        list.forwards = (Objects) {.items = items, .n_items = listing.n_forwards};
        listing.end = items + listing.n_forwards;
        vms_for_each(context->vms, fill, &listing);
        if (listing.failed)
                return error_set_errno(reterr, ENOMEM, "cannot list the forwards");
        return varlink_call_reply(call, &list);
}

const VarlinkMethod forward_methods[] = {
        {"io.banger.Forward.Add", forward_add, 0},
        {"io.banger.Forward.Remove", forward_remove, 0},
        {"io.banger.Forward.List", forward_list, 0},
};
const size_t forward_n_methods = ELEMENTSOF(forward_methods);
