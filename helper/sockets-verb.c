/* io.banger.Root.Sockets, and what waiting for a socket means on a real host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "helper/session.h"
#include "helper/sockets.h"
#include "helper/units.h"
#include "helper/vm-verbs.h"

typedef struct Waiting {
        const Host *host;
        sd_bus **bus; /* NULL in there until there is something to wait for */
        const VmId *vm;
        uid_t uid, owner;
        int cancel_fd;
        bool changed; /* the unit may have: ask */
} Waiting;

static uint64_t real_now(_unused_ void *userdata) {
        return clock_monotonic_usec();
}

static int real_look(void *userdata, const char *path, int *ret_fd, Error *reterr) {
        const Waiting *waiting = userdata;

        return socket_open(waiting->host, path, waiting->uid, waiting->owner, ret_fd, reterr);
}

/* Only for a socket that is not there at once. */
static int watch_unit(const Waiting *waiting, Error *reterr) {
        int r = bus_connect_manager(waiting->host->paths->bus, waiting->bus, reterr);

        return r < 0 ? r : units_watch(*waiting->bus, waiting->vm, reterr);
}

static int real_check(void *userdata, Error *reterr) {
        Waiting *waiting = userdata;
        UnitStatus status;
        VmNames names;
        int r = 0;

        if (!*waiting->bus)
                r = watch_unit(waiting, reterr);
        if (r < 0 || !waiting->changed)
                return r;
        r = units_status(*waiting->bus, waiting->vm, &status, reterr);
        if (r < 0)
                return r;
        waiting->changed = false;
        if (status.state == ROOT_UNIT_ACTIVE)
                return 0;
        if (status.state == ROOT_UNIT_ABSENT)
                return error_set(reterr, ERROR_FAILED, ESRCH, "the unit of vm %s is gone",
                                 waiting->vm->text);
        vm_names(waiting->vm, &names);
        r = error_set(reterr, ERROR_FAILED, ESRCH, "the unit of vm %s has ended: %s, status %d",
                      waiting->vm->text, status.result, status.exit_status);
        return error_set_hint(reterr, r, "what systemd saw: sudo journalctl -u %s", names.unit);
}

static int real_pause(void *userdata, uint64_t until_usec) {
        Waiting *waiting = userdata;
        const UnitWait wait = {.deadline_usec = until_usec, .cancel_fd = waiting->cancel_fd};
        int r = units_pause(*waiting->bus, &wait);

        if (r > 0)
                waiting->changed = true;
        return r < 0 ? r : 0;
}

static int real_chown(_unused_ void *userdata, int fd, uid_t uid, gid_t gid) {
        return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Linux 6.6 has fchmodat2(2) for this; before it the way leads over /proc. */
static int real_chmod(_unused_ void *userdata, int fd, mode_t mode) {
        char path[32];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return chmod(path, mode) < 0 ? -errno : 0;
}

static const SocketOperations real_operations = {
        .now = real_now,
        .look = real_look,
        .check = real_check,
        .pause = real_pause,
        .chown = real_chown,
        .chmod = real_chmod,
};

typedef struct SocketKind {
        const char *label, *path; /* the path as seen from inside the jail */
} SocketKind;

static const SocketKind kinds[] = {
        [ROOT_SOCKET_API] = {"API socket", JAIL_API_SOCKET},
        [ROOT_SOCKET_VSOCK] = {"vsock socket", JAIL_VSOCK},
};

int handle_sockets(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootSockets *sockets = parameters;
        const SocketKind *kind = &kinds[sockets->socket];
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_bus_ sd_bus *bus = NULL;
        Session *session = userdata;
        SocketWanted wanted = {.label = kind->label};
        Waiting waiting;
        VmNames names;
        char path[128];
        int fd = -1, r;
        VmId vm;

        wanted.deadline_usec =
                clock_monotonic_usec() + (uint64_t) sockets->timeout_ms * USEC_PER_MSEC;
        r = session_vm(session, sockets->vm, &vm, reterr);
        if (r < 0)
                return r;
        r = session_host(session, &host, reterr);
        if (r < 0)
                return r;
        vm_names(&vm, &names);
        (void) snprintf(path, sizeof(path), "jails/%s/root%s", names.jail, kind->path);
        wanted.path = path;
        waiting = (Waiting) {
                .host = &host,
                .bus = &bus,
                .vm = &vm,
                .uid = vm_slot_uid((unsigned) sockets->slot),
                .owner = session->install.uid,
                .cancel_fd = session->fd,
                .changed = true,
        };
        r = socket_hand_over(&real_operations, &waiting, &wanted, session->install.uid,
                             session->install.gid, &fd, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "vm %s", vm.text);
        r = varlink_call_push_fd(call, fd);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot pass the %s", kind->label);
        return varlink_call_reply(call, NULL);
}
