#include "helper/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "common/clock.h"
#include "common/strings.h"
#include "helper/devmapper.h"
#include "helper/jail.h"
#include "helper/session.h"
#include "helper/units.h"
#include "helper/vm-verbs.h"

/* systemd's part of a start is the fork and the exec of the jailer. */
#define START_TIMEOUT_USEC (20 * USEC_PER_SEC)
/* EXIT_EXEC: systemd.exec(5), "Process Exit Codes". */
#define STATUS_NOT_EXECUTED 203
/* Unix98 pty slaves: UNIX98_PTY_SLAVE_MAJOR and the seven after it, linux/major.h. */
#define PTY_MAJOR_FIRST 136
#define PTY_MAJOR_LAST 143

static int bad_fds(const char *why, Error *reterr) {
        int r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "%s", why);

        return error_set_field(reterr, r, "descriptors");
}

static bool is_pty(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) >= PTY_MAJOR_FIRST &&
               major(st.st_rdev) <= PTY_MAJOR_LAST && isatty(fd);
}

static bool is_pipe_end(int fd) {
        struct stat st;
        int flags = fcntl(fd, F_GETFL);

        return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && fstat(fd, &st) == 0 &&
               S_ISFIFO(st.st_mode);
}

/* The caller's descriptors become the stdio of a process that starts as root: only what that cannot
 * be turned against. The jailer neither writes to them nor reads before it has dropped to the VM's
 * uid, and prints its own errors only. */
int launch_check_stdio(int console_fd, int log_fd, Error *reterr) {
        if (!is_pty(console_fd))
                return bad_fds("the console is not a pseudo-terminal", reterr);
        if (!is_pipe_end(log_fd))
                return bad_fds("the log is not the writing end of a pipe", reterr);
        return 0;
}

static int check_kvm(const Host *host, Error *reterr) {
        struct stat st;
        int r;

        if (fstatat(host->dev_fd, "kvm", &st, 0) == 0 && S_ISCHR(st.st_mode))
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, ENOENT, "this host has no /dev/kvm");
        return error_set_hint(reterr, r,
                              "load kvm_intel or kvm_amd; if that fails, switch virtualisation on "
                              "in the firmware, or nesting in the hypervisor");
}

/* A unit that ended and that nobody has reaped would stand in the way. */
static int make_room(sd_bus *bus, const VmId *vm, Error *reterr) {
        UnitStatus status;
        int r;

        r = units_status(bus, vm, &status, reterr);
        if (r < 0)
                return r;
        if (status.state == ROOT_UNIT_ACTIVE)
                return error_set(reterr, ERROR_BUSY, EBUSY, "vm %s is running", vm->text);
        return status.state == ROOT_UNIT_ENDED ? units_forget(bus, vm, &status, reterr) : 0;
}

/* Of a terminal that it is given as stdin systemd makes the unit's controlling one (setup_input() in
 * its execute.c). When bangerd stopped, and with it the pty's other end, SIGHUP would end the VMM. It
 * cannot take one that another session has: this process, until the jailer has been executed. That
 * fails only if somebody else's session has it, which serves as well. */
static void console_hold(int fd) {
        /* Giving a terminal up raises SIGHUP; and whoever holds its other end can send the rest. */
        static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) signal(signals[i], SIG_IGN);
        (void) setsid();
        (void) ioctl(fd, TIOCSCTTY, 0);
}

static void console_release(int fd) {
        (void) ioctl(fd, TIOCNOTTY);
}

static int start_unit(sd_bus *bus, const LaunchPlan *plan, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = bus_manager_call(bus, "StartTransientUnit", &call, reterr);
        if (r < 0)
                return r;
        r = launch_append_unit(call, plan);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot describe the unit");
        return bus_call(bus, call, NULL, reterr);
}

/* systemd says why it could not execute a program, and how one ended, in the journal only. */
static int not_started(const VmId *vm, const char *jailer, const UnitStatus *status,
                       Error *reterr) {
        VmNames names;
        int r;

        vm_names(vm, &names);
        if (status->state == ROOT_UNIT_ABSENT)
                r = error_set(reterr, ERROR_FAILED, EIO, "%s ended at once", jailer);
        else if (status->exit_status == STATUS_NOT_EXECUTED)
                r = error_set(reterr, ERROR_FAILED, EIO, "systemd cannot execute %s", jailer);
        else
                r = error_set(reterr, ERROR_FAILED, EIO, "%s ended at once: %s, status %d", jailer,
                              status->result, status->exit_status);
        return error_set_hint(reterr, r,
                              "install Firecracker's release anew; what systemd saw: "
                              "sudo journalctl -u %s", names.unit);
}

int launch_await(sd_bus *bus, const VmId *vm, const char *jailer, uint64_t deadline_usec,
                 Error *reterr) {
        const UnitWait wait = {.deadline_usec = deadline_usec, .cancel_fd = -1};
        _cleanup_error_ Error ignored = ERROR_INIT;
        UnitStatus status;
        int r;

        r = units_wait_start(bus, vm, &wait, &status, reterr);
        if (r < 0) {
                /* What comes up after all would be a VM that nobody knows of. */
                (void) units_kill(bus, vm, SIGKILL, &ignored);
                return r;
        }
        if (status.state == ROOT_UNIT_ACTIVE)
                return 0;
        if (status.state == ROOT_UNIT_ENDED)
                (void) units_forget(bus, vm, &status, &ignored);
        return not_started(vm, jailer, &status, reterr);
}

/* The numbers in the jail are only as good as the devices that had them. */
static int find_drives(const Host *host, const VmId *vm, uid_t uid, dev_t ret[_DEVICE_ROLE_MAX],
                       Error *reterr) {
        int r = jail_drives(host, vm, uid, ret, reterr);

        for (int role = 0; role < _DEVICE_ROLE_MAX && r >= 0; role++) {
                dev_t device = 0;
                int find_r;

                if (ret[role] == 0)
                        continue;
                find_r = devmapper_find(vm, (DeviceRole) role, &device);
                if (find_r < 0 || device != ret[role])
                        r = error_set(reterr, ERROR_FAILED, ESTALE,
                                      "a drive in the jail of vm %s is not its disk", vm->text);
        }
        return r;
}

static int launch(const Host *host, const VmId *vm, LaunchPlan *plan, Error *reterr) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = bus_connect_manager(host->paths->bus, &bus, reterr);
        if (r < 0)
                return r;
        r = units_watch(bus, vm, reterr);
        if (r < 0)
                return r;
        r = make_room(bus, vm, reterr);
        if (r < 0)
                return r;
        r = find_drives(host, vm, plan->uid, plan->drives, reterr);
        if (r < 0)
                return r;
        console_hold(plan->console_fd);
        r = start_unit(bus, plan, reterr);
        if (r >= 0)
                r = launch_await(bus, vm, plan->programs->jailer,
                                 clock_monotonic_usec() + START_TIMEOUT_USEC, reterr);
        console_release(plan->console_fd);
        return r;
}

/* What of the host a launch needs besides the VM's own. */
static int prepare(Session *session, Host *ret_host, Programs *ret_programs,
                   char **ret_jails, Error *reterr) {
        int r = session_host(session, ret_host, reterr);

        if (r >= 0)
                r = check_kvm(ret_host, reterr);
        if (r >= 0)
                r = programs_find(&session->settings, 0, ret_programs, reterr);
        if (r < 0)
                return r;
        *ret_jails = string_format("%s/jails", ret_host->paths->state);
        return *ret_jails ? 0 : error_set_errno(reterr, ENOMEM, "cannot name the jails");
}

int handle_launch(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        size_t n_fds = varlink_call_n_fds(call);
        _cleanup_close_ int console_fd = varlink_call_take_fd(call, 0);
        _cleanup_close_ int log_fd = varlink_call_take_fd(call, 1);
        _cleanup_free_ char *jails = NULL;
        const RootLaunch *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        Session *session = userdata;
        Programs programs;
        LaunchPlan plan;
        VmNames names;
        VmId vm;
        int r;

        r = session_name_vm(session, request->vm, &vm, reterr);
        if (r < 0)
                return r;
        /* Before the VM is locked: to look at what a caller sends, or to close it, can take as long as it
         * likes, as with a file on FUSE. */
        if (n_fds != 2)
                return bad_fds("the request does not carry two descriptors", reterr);
        r = launch_check_stdio(console_fd, log_fd, reterr);
        if (r < 0)
                return r;
        r = session_lock_vm(session, reterr);
        if (r < 0)
                return r;
        r = prepare(session, &host, &programs, &jails, reterr);
        if (r < 0)
                return r;
        vm_names(&vm, &names);
        plan = (LaunchPlan) {
                .vm = vm.text,
                .unit = names.unit,
                .jails = jails,
                .uid = vm_slot_uid((unsigned) request->slot),
                .vcpus = (unsigned) request->vcpus,
                .memory_mib = (uint64_t) request->memory_mib,
                .programs = &programs,
                .console_fd = console_fd,
                .log_fd = log_fd,
        };
        r = launch(&host, &vm, &plan, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot launch vm %s", vm.text);
        return varlink_call_reply(call, NULL);
}
