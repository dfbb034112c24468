/* Calls about a VM that does something which nobody asked for: after a restart of the daemon, or after
 * its guest's own end. Who calls cannot know of that, so the call waits instead of being told Busy. */
#include <errno.h>

#include "daemon/vm.h"

struct VmHeld {
        VarlinkCall *call; /* a reference; it owns the parameters */
        VarlinkHandler handler;
        const void *parameters;
        VmHeld *next;
};

bool vm_must_hold(const Vm *vm) {
        return vm->operation && vm->unasked;
}

int vm_hold(Vm *vm, VarlinkCall *call, VarlinkHandler handler, const void *parameters,
            Error *reterr) {
        VmHeld *held = calloc(1, sizeof(*held));
        VmHeld **end = &vm->held;

        if (!held)
                return error_set_errno(reterr, ENOMEM, "cannot wait");
        *held = (VmHeld) {
                .call = varlink_call_ref(call),
                .handler = handler,
                .parameters = parameters,
        };
        while (*end)
                end = &(*end)->next;
        *end = held;
        return 0;
}

VmHeld *vm_held_free(VmHeld *held) {
        while (held) {
                VmHeld *next = held->next;

                varlink_call_unref(held->call);
                free(held);
                held = next;
        }
        return NULL;
}

void vm_held_call(VmHeld *first_taken, DaemonContext *context) {
        for (VmHeld *held = first_taken; held; held = held->next) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = held->handler(held->call, held->parameters, context, &error);

                if (r < 0)
                        (void) varlink_call_fail(held->call, r, &error);
        }
        vm_held_free(first_taken);
}
