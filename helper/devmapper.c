#include <errno.h>
#include <libdevmapper.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/clock.h"
#include "common/strings.h"
#include "helper/devmapper.h"

/* Sectors that are copied at once, and noted as one in the changes' table: 4 KiB, as ext4's blocks,
 * so that nothing but what was written is copied. */
#define CHUNK_SECTORS 8
#define BUSY_POLL_MS 50

static void task_cleanup(struct dm_task **task) {
        if (*task)
                dm_task_destroy(*task);
}

/* What the library said last. It calls back without userdata, so that this cannot belong to a
 * caller; each request has a process of its own. */
static char last_message[256];

/* Without this the library would print to stderr. */
_printf_(5, 6) static void keep_message(int level, _unused_ const char *file, _unused_ int line,
                                        _unused_ int errnum, const char *format, ...) {
        va_list arguments;

        /* 3 is _LOG_ERR of the library; less is graver, more is chatter. */
        if ((level & 7) > 3)
                return;
        va_start(arguments, format);
        (void) vsnprintf(last_message, sizeof(last_message), format, arguments);
        va_end(arguments);
}

/* What an error calls it. */
static const char *const role_names[] = {
        [DEVICE_ROOT] = "root device",
        [DEVICE_WORK] = "work disk",
};

static const char *device_name(const VmNames *names, DeviceRole role) {
        return role == DEVICE_WORK ? names->dm_work : names->dm;
}

/* For changes the flags reach udev: none of its rules, nor what they run, is to open the device. */
static int task_new(int type, const VmId *vm, DeviceRole role, struct dm_task **ret,
                    Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        uint32_t cookie = 0;
        VmNames names;

        dm_log_with_errno_init(keep_message);
        dm_udev_set_sync_support(0); /* its cookies are semaphores, waited for */
        last_message[0] = '\0';
        vm_names(vm, &names);
        task = dm_task_create(type);
        if (!task || !dm_task_set_uuid(task, role == DEVICE_WORK ? names.dm_work_uuid
                                                                : names.dm_uuid) ||
            !dm_task_set_cookie(task, &cookie,
                                DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG |
                                        DM_UDEV_DISABLE_DISK_RULES_FLAG |
                                        DM_UDEV_DISABLE_OTHER_RULES_FLAG |
                                        DM_UDEV_DISABLE_LIBRARY_FALLBACK))
                return error_set_errno(reterr, ENOMEM, "cannot prepare a request");
        *ret = steal_ptr(task);
        return 0;
}

static int task_error(struct dm_task *task, Error *reterr, const char *what) {
        int errnum = task ? dm_task_get_errno(task) : ENOMEM;

        if (errnum <= 0)
                errnum = EIO;
        if (last_message[0] != '\0')
                return error_set(reterr, error_kind_from_errno(errnum), errnum, "%s: %s", what,
                                 last_message);
        return error_set_errno(reterr, errnum, "%s", what);
}

/* 0 as well for a device that went away since it was listed. */
static int device_add(const char *name, Inventory *inventory, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = dm_task_create(DM_DEVICE_INFO);
        _cleanup_free_ char *detail = NULL;
        struct dm_info info;
        const char *uuid;
        VmId vm;
        int r;

        if (!task || !dm_task_set_name(task, name))
                return error_set_errno(reterr, ENOMEM, "cannot ask about \"%s\"", name);
        if (!dm_task_run(task)) {
                if (dm_task_get_errno(task) == ENXIO)
                        return 0;
                r = task_error(task, reterr, "cannot read the device");
                return error_prepend(reterr, r, "\"%s\"", name);
        }
        if (!dm_task_get_info(task, &info) || !info.exists)
                return 0;
        uuid = dm_task_get_uuid(task);
        if (!uuid || !vm_id_from_dm_uuid(uuid, &vm))
                return 0;
        detail = string_format("dm-%u, %s, %s", info.minor,
                               info.live_table ? info.suspended ? "suspended" : "active"
                                               : "without a table",
                               info.open_count > 0 ? "open" : "not open");
        r = detail ? inventory_add(inventory, INVENTORY_DM, name, &vm, detail) : -ENOMEM;
        return r < 0 ? error_set_errno(reterr, -r, "cannot note \"%s\"", name) : 0;
}

/* The names are the task's; NULL: there is no device. */
static int list_devices(struct dm_task **ret_task, const struct dm_names **ret, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        const struct dm_names *names;

        dm_log_with_errno_init(keep_message);
        task = dm_task_create(DM_DEVICE_LIST);
        if (!task || !dm_task_run(task))
                return task_error(task, reterr, "cannot read the devices");
        names = dm_task_get_names(task);
        *ret = names && names->dev != 0 ? names : NULL;
        *ret_task = steal_ptr(task);
        return 0;
}

/* The kernel's list: `next` is an aligned offset from this entry (dm-ioctl.h). */
static const struct dm_names *next_device(const struct dm_names *names) {
        if (names->next == 0)
                return NULL;
        return (const struct dm_names *) (const void *) ((const char *) names + names->next);
}

int devmapper_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        const struct dm_names *names = NULL;
        int r;

        /* Where the kernel has no driver there is no device, and the library would make a node. */
        if (faccessat(host->sys_fd, "class/misc/device-mapper", F_OK, 0) < 0) {
                if (errno == ENOENT)
                        return 0;
                return error_set_errno(reterr, errno, "cannot look for the driver");
        }
        r = list_devices(&task, &names, reterr);
        for (; r >= 0 && names; names = next_device(names))
                r = device_add(names->name, inventory, reterr);
        return r;
}

/* Both are set at creation, and the list has no UUIDs: a name costs no question about each device. */
size_t devmapper_count_listed(const struct dm_names *names, const VmId *vm) {
        size_t n = 0;

        for (; names; names = next_device(names)) {
                const char *id = string_after_prefix(names->name, "banger-");

                n += id && vm_id_valid(id) && !string_equal(id, vm->text);
        }
        return n;
}

int devmapper_count_others(const VmId *vm, size_t *ret, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        const struct dm_names *names = NULL;
        int r;

        r = list_devices(&task, &names, reterr);
        if (r >= 0)
                *ret = devmapper_count_listed(names, vm);
        return r;
}

/* -ENODEV without reterr when there is none. */
static int device_info(const VmId *vm, DeviceRole role, int type, struct dm_task **ret,
                       struct dm_info *ret_info, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        int r;

        r = task_new(type, vm, role, &task, reterr);
        if (r < 0)
                return r;
        if (!dm_task_run(task)) {
                if (dm_task_get_errno(task) == ENXIO)
                        return -ENODEV;
                return task_error(task, reterr, "cannot read the device");
        }
        if (!dm_task_get_info(task, ret_info))
                return error_set_errno(reterr, EIO, "cannot read the device");
        if (!ret_info->exists)
                return -ENODEV;
        *ret = steal_ptr(task);
        return 0;
}

static int find_device(const VmId *vm, DeviceRole role, bool leaving_too, dev_t *ret) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        struct dm_info info = {};
        int r;

        r = device_info(vm, role, DM_DEVICE_INFO, &task, &info, NULL);
        if (r < 0)
                return r;
        if (!info.live_table || info.suspended || (info.deferred_remove && !leaving_too))
                return -ENODEV;
        *ret = makedev(info.major, info.minor);
        return 0;
}

int devmapper_find(const VmId *vm, DeviceRole role, dev_t *ret) {
        return find_device(vm, role, false, ret);
}

int devmapper_find_to_read(const VmId *vm, dev_t *ret) {
        return find_device(vm, DEVICE_ROOT, true, ret);
}

/* As snapshot_parameters() writes them, and as the kernel gives them back. */
static bool parse_parameters(const char *text, Snapshot *snapshot) {
        unsigned origin_major, origin_minor, major_number, minor_number, chunk;
        char persistent, end;

        /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these, from numbers of that width. */
        if (sscanf(text, "%u:%u %u:%u %c %u %c", &origin_major, &origin_minor, &major_number,
                   &minor_number, &persistent, &chunk, &end) != 6 ||
            persistent != 'P' || chunk != CHUNK_SECTORS)
                return false;
        snapshot->origin = makedev(origin_major, origin_minor);
        snapshot->changes = makedev(major_number, minor_number);
        return true;
}

/* The parameters are the task's. */
static int read_table(const VmId *vm, DeviceRole role, const char *wanted_type,
                      struct dm_task **ret_task, const char **ret_parameters,
                      uint64_t *ret_n_sectors, bool *ret_leaving, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        char *type = NULL, *parameters = NULL;
        uint64_t start = 0, length = 0;
        struct dm_info info = {};
        int r;

        r = device_info(vm, role, DM_DEVICE_TABLE, &task, &info, reterr);
        if (r < 0)
                return r;
        if (!info.live_table || info.suspended)
                return -EBADMSG;
        /* A next one: more than the one line that we make. */
        if (dm_get_next_target(task, NULL, &start, &length, &type, &parameters) || !parameters ||
            !string_equal(type, wanted_type) || start != 0)
                return -EBADMSG;
        *ret_task = steal_ptr(task);
        *ret_parameters = parameters;
        *ret_n_sectors = length;
        *ret_leaving = info.deferred_remove != 0;
        return 0;
}

int devmapper_read_snapshot(const VmId *vm, Snapshot *ret, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        const char *parameters;
        Snapshot snapshot = {};
        int r;

        r = read_table(vm, DEVICE_ROOT, "snapshot", &task, &parameters, &snapshot.n_sectors,
                       &snapshot.leaving, reterr);
        if (r < 0)
                return r;
        if (!parse_parameters(parameters, &snapshot))
                return -EBADMSG;
        *ret = snapshot;
        return 0;
}

int devmapper_read_linear(const VmId *vm, Linear *ret, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        unsigned major_number, minor_number, offset;
        const char *parameters;
        Linear linear = {};
        bool leaving;
        char end;
        int r;

        r = read_table(vm, DEVICE_WORK, "linear", &task, &parameters, &linear.n_sectors, &leaving,
                       reterr);
        if (r < 0)
                return r;
        /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these, from numbers of that width. */
        if (sscanf(parameters, "%u:%u %u %c", &major_number, &minor_number, &offset, &end) != 3 ||
            offset != 0 || leaving)
                return -EBADMSG;
        linear.below = makedev(major_number, minor_number);
        *ret = linear;
        return 0;
}

/* "P" keeps the table of changes on the device: it is found again at the next start. */
static char *snapshot_parameters(const Snapshot *snapshot) {
        return string_format("%u:%u %u:%u P %d", major(snapshot->origin), minor(snapshot->origin),
                             major(snapshot->changes), minor(snapshot->changes), CHUNK_SECTORS);
}

/* To be asked before: the library loses the errno of a creation that fails. */
static int check_name(const char *name, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = dm_task_create(DM_DEVICE_INFO);
        struct dm_info info = {};

        if (!task || !dm_task_set_name(task, name))
                return error_set_errno(reterr, ENOMEM, "cannot prepare a request");
        if (!dm_task_run(task) || !dm_task_get_info(task, &info) || !info.exists)
                return 0;
        return error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                         "this host has a device \"%s\" that is not banger's", name);
}

/* parameters may be NULL: no memory. */
static int create(const VmId *vm, DeviceRole role, uint64_t n_sectors, const char *type,
                  const char *parameters, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        VmNames names;
        int r;

        vm_names(vm, &names);
        r = check_name(device_name(&names, role), reterr);
        if (r >= 0)
                r = task_new(DM_DEVICE_CREATE, vm, role, &task, reterr);
        if (r < 0)
                return r;
        if (!parameters || !dm_task_set_name(task, device_name(&names, role)) ||
            !dm_task_add_target(task, 0, n_sectors, type, parameters))
                return error_set_errno(reterr, ENOMEM, "cannot prepare the %s", role_names[role]);
        /* Create, load and resume: the library takes the first back when the others fail. */
        if (!dm_task_run(task))
                return task_error(task, reterr, "cannot make the device");
        return 0;
}

int devmapper_create_snapshot(const VmId *vm, const Snapshot *snapshot, Error *reterr) {
        _cleanup_free_ char *parameters = snapshot_parameters(snapshot);
        int r = create(vm, DEVICE_ROOT, snapshot->n_sectors, "snapshot", parameters, reterr);

        return r < 0 ? error_prepend(reterr, r, "%s", role_names[DEVICE_ROOT]) : 0;
}

int devmapper_create_linear(const VmId *vm, const Linear *linear, Error *reterr) {
        _cleanup_free_ char *parameters = string_format("%u:%u 0", major(linear->below),
                                                        minor(linear->below));
        int r = create(vm, DEVICE_WORK, linear->n_sectors, "linear", parameters, reterr);

        return r < 0 ? error_prepend(reterr, r, "%s", role_names[DEVICE_WORK]) : 0;
}

static int remove_once(const VmId *vm, DeviceRole role, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        int r;

        r = task_new(DM_DEVICE_REMOVE, vm, role, &task, reterr);
        if (r < 0 || dm_task_run(task))
                return r;
        r = -dm_task_get_errno(task);
        if (r == -ENXIO)
                return 0;
        if (r == -EBUSY)
                return error_set(reterr, ERROR_BUSY, EBUSY, "the VM's %s is in use",
                                 role_names[role]);
        r = task_error(task, reterr, "cannot remove it");
        return error_prepend(reterr, r, "the VM's %s", role_names[role]);
}

int devmapper_remove_later(const VmId *vm, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        int r;

        r = task_new(DM_DEVICE_REMOVE, vm, DEVICE_ROOT, &task, reterr);
        if (r < 0)
                return r;
        if (!dm_task_deferred_remove(task))
                return error_set_errno(reterr, ENOMEM, "cannot prepare a request");
        if (dm_task_run(task) || dm_task_get_errno(task) == ENXIO)
                return 0;
        return task_error(task, reterr, "cannot let the VM's root device go");
}

int devmapper_remove(const VmId *vm, DeviceRole role, uint64_t deadline_usec, Error *reterr) {
        for (;;) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = remove_once(vm, role, &error);

                if (r == -EBUSY && clock_monotonic_usec() < deadline_usec) {
                        (void) poll(NULL, 0, BUSY_POLL_MS);
                        continue;
                }
                if (r < 0 && reterr)
                        error_move(reterr, &error);
                return r;
        }
}
