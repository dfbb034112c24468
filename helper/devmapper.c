#include <errno.h>
#include <libdevmapper.h>
#include <string.h>
#include <sys/stat.h>

#include "common/strings.h"
#include "helper/devmapper.h"

static void task_cleanup(struct dm_task **task) {
        if (*task)
                dm_task_destroy(*task);
}

/* libdevmapper would print to stderr; what failed reaches the caller by dm_task_get_errno(). */
_printf_(5, 6) static void log_nothing(_unused_ int level, _unused_ const char *file,
                                       _unused_ int line, _unused_ int errnum,
                                       _unused_ const char *format, ...) {
}

static int task_error(struct dm_task *task, Error *reterr, const char *what) {
        int errnum = task ? dm_task_get_errno(task) : ENOMEM;

        return error_set_errno(reterr, errnum > 0 ? errnum : EIO, "%s", what);
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

int devmapper_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_(task_cleanup) struct dm_task *task = NULL;
        const struct dm_names *names;

        /* Where the kernel has no driver there is no device, and the library would make a node. */
        if (faccessat(host->sys_fd, "class/misc/device-mapper", F_OK, 0) < 0) {
                if (errno == ENOENT)
                        return 0;
                return error_set_errno(reterr, errno, "cannot look for the driver");
        }
        dm_log_with_errno_init(log_nothing);
        task = dm_task_create(DM_DEVICE_LIST);
        if (!task || !dm_task_run(task))
                return task_error(task, reterr, "cannot read the devices");
        names = dm_task_get_names(task);
        if (!names || names->dev == 0)
                return 0;
        for (;;) {
                int r = device_add(names->name, inventory, reterr);

                if (r < 0)
                        return r;
                if (names->next == 0)
                        return 0;
                /* The kernel's list: `next` is an aligned offset from this entry (dm-ioctl.h). */
                names = (const struct dm_names *) (const void *) ((const char *) names +
                                                                  names->next);
        }
}
