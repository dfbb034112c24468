/* io.banger.Root.Stop and .Reap: the end of a VM's unit. */
#include <errno.h>
#include <signal.h>

#include "common/clock.h"
#include "helper/session.h"
#include "helper/units.h"
#include "helper/vm-verbs.h"

/* The signals that may be sent, and no other. */
static const int signals[] = {
        [ROOT_SIGNAL_TERM] = SIGTERM,
        [ROOT_SIGNAL_KILL] = SIGKILL,
};

static int open_unit(Session *session, const char *id, VmId *ret_vm, sd_bus **ret, Error *reterr) {
        _cleanup_bus_ sd_bus *bus = NULL;
        VmId vm;
        int r;

        r = session_vm(session, id, &vm, reterr);
        if (r < 0)
                return r;
        r = bus_connect_manager(session->config->paths->bus, &bus, reterr);
        if (r < 0)
                return r;
        r = units_watch(bus, &vm, reterr);
        if (r < 0)
                return r;
        *ret_vm = vm;
        *ret = steal_ptr(bus);
        return 0;
}

int handle_stop(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootStop *stop = parameters;
        _cleanup_bus_ sd_bus *bus = NULL;
        Session *session = userdata;
        UnitStatus status;
        UnitWait wait;
        VmId vm;
        int r;

        r = open_unit(session, stop->vm, &vm, &bus, reterr);
        if (r < 0)
                return r;
        r = units_kill(bus, &vm, signals[stop->signal], reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot stop vm %s", vm.text);
        if (stop->timeout_ms > 0) {
                wait = (UnitWait) {
                        .deadline_usec = clock_monotonic_usec() +
                                         (uint64_t) stop->timeout_ms * USEC_PER_MSEC,
                        .cancel_fd = session->fd,
                };
                r = units_wait_end(bus, &vm, &wait, &status, reterr);
                if (r < 0)
                        return r;
        }
        return varlink_call_reply(call, NULL);
}

int handle_reap(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootVmRef *ref = parameters;
        _cleanup_bus_ sd_bus *bus = NULL;
        RootReaped reaped = {};
        UnitStatus status;
        VmId vm;
        int r;

        r = open_unit(userdata, ref->vm, &vm, &bus, reterr);
        if (r < 0)
                return r;
        r = units_status(bus, &vm, &status, reterr);
        if (r < 0)
                return r;
        reaped.state = (int) status.state;
        if (status.state == ROOT_UNIT_ENDED) {
                reaped.result = status.result;
                reaped.exit_code = status.exit_code;
                reaped.exit_status = status.exit_status;
                r = units_forget(bus, &vm, &status, reterr);
                if (r < 0)
                        return error_prepend(reterr, r, "cannot forget the unit of vm %s", vm.text);
        }
        return varlink_call_reply(call, &reaped);
}
