/* io.banger.Root.DiskAttach, .DiskDetach, .DiskGrow and .DiskOpen. */
#include <errno.h>

#include "common/api-root.h"
#include "helper/devmapper.h"
#include "helper/disk.h"
#include "helper/session.h"
#include "helper/units.h"

/* Of a VM that does not run: the numbers of its devices may become others', and the VMM's rights are
 * to the numbers. */
static int open_idle_vm(Session *session, const char *id, VmId *ret_vm, Host *ret, Error *reterr) {
        int r;

        r = session_vm(session, id, ret_vm, reterr);
        if (r >= 0)
                r = session_host(session, ret, reterr);
        return r < 0 ? r : units_refuse_active(ret, ret_vm, reterr);
}

int handle_disk_attach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootDiskAttach *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        Session *session = userdata;
        VmId vm;
        int r;

        r = open_idle_vm(session, request->vm, &vm, &host, reterr);
        if (r >= 0)
                r = disk_attach(&host,
                                &(DiskPlan) {.vm = &vm,
                                             .image = request->image,
                                             .owner = session->install.uid,
                                             .work = request->work},
                                reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

int handle_disk_detach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootVmRef *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        VmId vm;
        int r;

        r = open_idle_vm(userdata, request->vm, &vm, &host, reterr);
        if (r >= 0)
                r = disk_detach(&host, &vm, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

/* device-mapper asks for the size of the file once, and a start that is under way has asked. */
static int refuse_attached(const VmId *vm, Error *reterr) {
        Snapshot snapshot;
        int r = devmapper_read_snapshot(vm, &snapshot, reterr);

        if (r == -ENODEV)
                return 0;
        if (r < 0 && r != -EBADMSG)
                return r;
        return error_set(reterr, ERROR_BUSY, EBUSY, "the root device of vm %s is there", vm->text);
}

int handle_disk_grow(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootDiskGrow *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        Session *session = userdata;
        VmId vm;
        int r;

        r = open_idle_vm(session, request->vm, &vm, &host, reterr);
        if (r >= 0)
                r = refuse_attached(&vm, reterr);
        if (r >= 0)
                r = disk_grow_changes(&host,
                                      &(DiskPlan) {.vm = &vm, .owner = session->install.uid},
                                      request->cow_mib * INT64_C(1048576), reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

int handle_disk_open(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootDiskOpen *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        Session *session = userdata;
        VmId vm;
        int fd, r;

        r = open_idle_vm(session, request->vm, &vm, &host, reterr);
        if (r >= 0)
                r = disk_open(&host,
                              &(DiskPlan) {.vm = &vm,
                                           .image = request->image,
                                           .owner = session->install.uid,
                                           .reading = true},
                              &fd, reterr);
        if (r < 0)
                return r;
        r = varlink_call_push_fd(call, fd);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot pass the descriptor");
        return varlink_call_reply(call, NULL);
}
