/* What the steps of a start do for real. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "common/clock.h"
#include "daemon/firecracker.h"
#include "daemon/root-stub.h"
#include "daemon/start.h"

/* For a verb of the helper that itself waits for nothing longer than udev or systemd. */
#define HELPER_TIMEOUT_USEC (30 * USEC_PER_SEC)
/* The first one has the kernel load a dozen modules of nftables: 18 s in software emulation. */
#define BRIDGE_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define SOCKET_TIMEOUT_MS 20000
#define KILL_TIMEOUT_MS 10000
#define VMM_TIMEOUT_USEC (20 * USEC_PER_SEC)
/* Nested software emulation takes 3 s; a slow disk with a journal to replay some more. */
#define READY_TIMEOUT_USEC (120 * USEC_PER_SEC)

static uint64_t helper_deadline(void) {
        return clock_monotonic_usec() + HELPER_TIMEOUT_USEC;
}

static int disk_attach(Start *start, Error *reterr) {
        const RootDiskAttach disk = {
                .vm = start->id.text,
                .image = start->image.text,
                .work = start->work_mib > 0,
                .operation = start_operation_text(start),
        };

        return root_disk_attach(start->root_socket, helper_deadline(), &disk, reterr);
}

static int disk_detach(Start *start, Error *reterr) {
        const RootVmRef vm = {.vm = start->id.text, .operation = start_operation_text(start)};

        return root_disk_detach(start->root_socket, helper_deadline(), &vm, reterr);
}

static int bridge_ensure(Start *start, Error *reterr) {
        const RootRequest request = {.operation = start_operation_text(start)};
        uint64_t deadline_usec = clock_monotonic_usec() + BRIDGE_TIMEOUT_USEC;

        return root_bridge_ensure(start->root_socket, deadline_usec, &request, reterr);
}

static int tap_create(Start *start, Error *reterr) {
        const RootVm vm = {
                .vm = start->id.text,
                .slot = start->slot,
                .operation = start_operation_text(start),
        };

        return root_tap_create(start->root_socket, helper_deadline(), &vm, reterr);
}

static int tap_delete(Start *start, Error *reterr) {
        const RootVmRef vm = {.vm = start->id.text, .operation = start_operation_text(start)};

        return root_tap_delete(start->root_socket, helper_deadline(), &vm, reterr);
}

static int put_guest(Start *start, Error *reterr) {
        return network_put(start->network, &start->guest, start_operation_text(start), reterr);
}

static int remove_guest(Start *start, Error *reterr) {
        return network_remove(start->network, &start->id, start_operation_text(start), reterr);
}

static int jail_make(Start *start, Error *reterr) {
        const RootJailMake jail = {
                .vm = start->id.text,
                .slot = start->slot,
                .kernel = start->kernel.text,
                .operation = start_operation_text(start),
        };

        return root_jail_make(start->root_socket, helper_deadline(), &jail, &start->listener_fd,
                              reterr);
}

static int jail_remove(Start *start, Error *reterr) {
        const RootVmRef vm = {.vm = start->id.text, .operation = start_operation_text(start)};

        return root_jail_remove(start->root_socket, helper_deadline(), &vm, reterr);
}

/* Bytes go through as they are: the guest's own terminal echoes and edits. */
static int make_raw(int fd) {
        struct termios settings;

        if (tcgetattr(fd, &settings) < 0)
                return -errno;
        cfmakeraw(&settings);
        return tcsetattr(fd, TCSANOW, &settings) < 0 ? -errno : 0;
}

static int open_console(Start *start, Error *reterr) {
        int pipe_fds[2], r;

        start->pty_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (start->pty_fd < 0 || grantpt(start->pty_fd) < 0 || unlockpt(start->pty_fd) < 0)
                return error_set_errno(reterr, errno, "cannot open a terminal for the console");
        /* By descriptor: no path below /dev/pts is looked up. */
        start->pty_far_fd = ioctl(start->pty_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (start->pty_far_fd < 0)
                return error_set_errno(reterr, errno, "cannot open the console's far end");
        r = make_raw(start->pty_far_fd);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot set the console up");
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return error_set_errno(reterr, errno, "cannot make the log's pipe");
        start->log_fd = pipe_fds[0];
        start->log_far_fd = pipe_fds[1];
        return 0;
}

static int launch(Start *start, Error *reterr) {
        const RootLaunch request = {
                .vm = start->id.text,
                .slot = start->slot,
                .vcpus = start->vcpus,
                .memory_mib = start->memory_mib,
                .operation = start_operation_text(start),
        };

        return root_launch(start->root_socket, helper_deadline(), &request, start->pty_far_fd,
                           start->log_far_fd, reterr);
}

static int kill_unit(Start *start, Error *reterr) {
        const RootStop stop = {
                .vm = start->id.text,
                .signal = ROOT_SIGNAL_KILL,
                .timeout_ms = KILL_TIMEOUT_MS,
                .operation = start_operation_text(start),
        };

        return root_stop(start->root_socket, helper_deadline(), &stop, reterr);
}

static int reap(Start *start, Error *reterr) {
        const RootVmRef vm = {.vm = start->id.text, .operation = start_operation_text(start)};
        RootReaped reaped = {};
        int r;

        r = root_reap(start->root_socket, helper_deadline(), &vm, &reaped, reterr);
        if (r < 0)
                return r;
        schema_clear(&root_reaped_schema, &start->reaped);
        start->reaped = reaped;
        if (reaped.state == ROOT_UNIT_ACTIVE)
                return error_set(reterr, ERROR_BUSY, EBUSY, "its unit still runs");
        return 0;
}

static int wait_socket(Start *start, RootSocket which, int *ret_fd, Error *reterr) {
        const RootSockets wanted = {
                .vm = start->id.text,
                .slot = start->slot,
                .socket = (int) which,
                .timeout_ms = SOCKET_TIMEOUT_MS,
                .operation = start_operation_text(start),
        };

        return root_socket(start->root_socket, helper_deadline(), &wanted,
                           operation_cancel_fd(start->operation), ret_fd, reterr);
}

static int api_socket(Start *start, Error *reterr) {
        return wait_socket(start, ROOT_SOCKET_API, &start->api_fd, reterr);
}

static int vsock_socket(Start *start, Error *reterr) {
        return wait_socket(start, ROOT_SOCKET_VSOCK, &start->vsock_fd, reterr);
}

static int configure(Start *start, Error *reterr) {
        FirecrackerConfig config = {
                .vcpus = start->vcpus,
                .memory_mib = start->memory_mib,
                .cid = vm_slot_cid(start->slot),
                .modules = start->has_modules,
                .work = start->work_mib > 0,
        };
        VmNames names;
        int r;

        vm_names(&start->id, &names);
        config.tap = names.tap;
        config.mac = names.mac_text;
        r = firecracker_new(start->api_fd, &start->vmm);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot reach Firecracker");
        return firecracker_configure(start->vmm, &config, clock_monotonic_usec() + VMM_TIMEOUT_USEC,
                                     reterr);
}

static int boot(Start *start, Error *reterr) {
        int r = firecracker_boot(start->vmm, clock_monotonic_usec() + VMM_TIMEOUT_USEC, reterr);

        start->vmm = firecracker_free(start->vmm);
        return r;
}

static int no_guest(const Start *start, const char *message, Error *reterr) {
        int r = error_set(reterr, ERROR_FAILED, EIO, "the guest gave up: %s", message);

        if ((vm_signal_get(start->signal) & VM_SIGNAL_OTHER_VERSION) == 0)
                return r;
        return error_set_hint(reterr, r,
                              "its kernel was imported by another version of banger; "
                              "run: banger kernel import --host");
}

static int no_call(Error *reterr) {
        int r = error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT,
                          "the guest's agent has not called within %llu s",
                          (unsigned long long) (READY_TIMEOUT_USEC / USEC_PER_SEC));

        return error_set_hint(reterr, r, "start it when the host has less to do, or make it anew "
                                         "with more --memory or another --kernel");
}

static int no_vmm(Error *reterr) {
        int r = error_set(reterr, ERROR_FAILED, EIO, "the VMM ended before the guest was ready");

        return error_set_hint(reterr, r, "make it anew with more --memory or another --kernel, or "
                                         "run: banger kernel import --host");
}

/* A guest that gave up ends right after it: its message comes first. */
static int wait_ready(Start *start, Error *reterr) {
        const VmSignalBits any = VM_SIGNAL_AGENT | VM_SIGNAL_FAILED | VM_SIGNAL_ENDED |
                                 VM_SIGNAL_HALTED;
        _cleanup_free_ char *message = NULL;
        int r;

        r = vm_signal_wait(start->signal, any, operation_cancel_fd(start->operation),
                           clock_monotonic_usec() + READY_TIMEOUT_USEC);
        if (r == -ECANCELED)
                return operation_check(start->operation, reterr);
        if (r == -ETIMEDOUT)
                return no_call(reterr);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot wait for the guest");
        message = vm_signal_message(start->signal);
        if (message)
                return no_guest(start, message, reterr);
        if ((r & VM_SIGNAL_ENDED) != 0)
                return no_vmm(reterr);
        if ((r & VM_SIGNAL_HALTED) != 0)
                return error_set(reterr, ERROR_FAILED, EIO, "the guest halted before it was ready");
        return 0;
}

const StartOps start_ops = {
        .check = start_check,
        .make_disk = start_make_disks,
        .disk_attach = disk_attach,
        .disk_detach = disk_detach,
        .bridge_ensure = bridge_ensure,
        .tap_create = tap_create,
        .tap_delete = tap_delete,
        .network_put = put_guest,
        .network_remove = remove_guest,
        .jail_make = jail_make,
        .jail_remove = jail_remove,
        .open_console = open_console,
        .launch = launch,
        .kill = kill_unit,
        .reap = reap,
        .api_socket = api_socket,
        .configure = configure,
        .vsock_socket = vsock_socket,
        .boot = boot,
        .wait_ready = wait_ready,
};
