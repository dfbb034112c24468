/* io.banger.Root.JailMake and .JailRemove. */
#include <errno.h>

#include "helper/jail.h"
#include "helper/session.h"
#include "helper/units.h"
#include "helper/vm-verbs.h"

/* Of a VM that does not run. */
static int open_idle_vm(Session *session, const char *id, VmId *ret_vm, Host *ret, Error *reterr) {
        int r;

        r = session_vm(session, id, ret_vm, reterr);
        if (r < 0)
                return r;
        r = session_host(session, ret, reterr);
        if (r < 0)
                return r;
        if (ret->state_fd < 0)
                return error_set(reterr, ERROR_NOT_INSTALLED, ENOENT, "there is no %s",
                                 ret->paths->state);
        return units_refuse_active(ret, ret_vm, reterr);
}

/* The work disk is one that a VM may do without. */
static int find_drives(JailPlan *plan, Error *reterr) {
        for (int role = 0; role < _DEVICE_ROLE_MAX; role++) {
                int r = devmapper_find(&plan->vm, (DeviceRole) role, &plan->drives[role]);

                if (r == -ENODEV && role != DEVICE_ROOT)
                        continue;
                if (r == -ENODEV)
                        return error_set(reterr, ERROR_NOT_FOUND, ENODEV,
                                         "vm %s has no root device", plan->vm.text);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot find the devices of vm %s",
                                               plan->vm.text);
        }
        return 0;
}

int handle_jail_make(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootJailMake *make = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        Session *session = userdata;
        JailPlan plan = {
                .uid = vm_slot_uid((unsigned) make->slot),
                .owner = session->install.uid,
                .kernel = make->kernel,
        };
        int listener, r;

        r = open_idle_vm(session, make->vm, &plan.vm, &host, reterr);
        if (r < 0)
                return r;
        r = find_drives(&plan, reterr);
        if (r < 0)
                return r;
        r = jail_remove(&host, &plan.vm, reterr);
        if (r < 0)
                return r;
        r = jail_make(&host, &plan, &listener, reterr);
        if (r < 0)
                return r;
        r = varlink_call_push_fd(call, listener);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot pass the listener");
        return varlink_call_reply(call, NULL);
}

int handle_jail_remove(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootVmRef *ref = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        VmId vm;
        int r;

        r = open_idle_vm(userdata, ref->vm, &vm, &host, reterr);
        if (r < 0)
                return r;
        r = jail_remove(&host, &vm, reterr);
        if (r < 0)
                return r;
        return varlink_call_reply(call, NULL);
}
