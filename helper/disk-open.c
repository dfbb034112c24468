/* A stopped VM's root, to be read: its device is made as for a start, and leaves with its last
 * reader. So nobody has to say that he has done, and one who crashed leaves nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "helper/devmapper.h"
#include "helper/disk.h"
#include "helper/loops.h"

/* An earlier reader may leave, and the device with him, between two looks. */
#define OPEN_ATTEMPTS 16

/* By the kernel's own node, checked to be that device's. */
static int open_device(const Host *host, const VmId *vm, int *ret_fd, Error *reterr) {
        _cleanup_close_ int fd = -1;
        dev_t device = 0;
        struct stat st;
        char name[24];
        int r;

        r = devmapper_find_to_read(vm, &device);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot find the root device");
        (void) snprintf(name, sizeof(name), "dm-%u", minor(device));
        fd = openat(host->dev_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open /dev/%s", name);
        if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != device)
                return error_set(reterr, ERROR_FAILED, ENODEV, "/dev/%s is not the root device",
                                 name);
        *ret_fd = steal_fd(&fd);
        return 0;
}

/* 1: it has been made here; 0: an earlier reader's is there. One for reading that does not go by
 * itself is of a call that was cut short: nobody has it, and it is taken over. */
static int make_readable(const Host *host, const DiskPlan *plan, Error *reterr) {
        Snapshot snapshot = {};
        int r = devmapper_read_snapshot(plan->vm, &snapshot, reterr);

        if (r >= 0 && snapshot.leaving)
                return 0;
        if (r >= 0 && !loop_has_role(host, snapshot.changes, plan->vm, DISK_ROLE_READING))
                return error_set(reterr, ERROR_BUSY, EBUSY,
                                 "the root device of vm %s is attached for a start",
                                 plan->vm->text);
        if (r < 0 && r != -ENODEV && r != -EBADMSG)
                return r;
        r = disk_attach(host, plan, reterr);
        return r < 0 ? r : 1;
}

/* An earlier reader's. Whoever has it open keeps it from leaving between these looks. */
static int check_image(const Host *host, const DiskPlan *plan, Error *reterr) {
        Snapshot snapshot = {};
        int r = devmapper_read_snapshot(plan->vm, &snapshot, reterr);

        return r < 0 ? r : disk_refuse_other_image(host, plan, snapshot.origin, reterr);
}

static int open_once(const Host *host, const DiskPlan *plan, int *ret_fd, Error *reterr) {
        _cleanup_error_ Error more = ERROR_INIT;
        _cleanup_close_ int fd = -1;
        int made, r;

        made = make_readable(host, plan, reterr);
        if (made < 0)
                return made;
        r = open_device(host, plan->vm, &fd, reterr);
        if (r >= 0)
                r = made ? devmapper_remove_later(plan->vm, reterr) :
                           check_image(host, plan, reterr);
        if (r >= 0) {
                *ret_fd = steal_fd(&fd);
                return 0;
        }
        if (!made)
                return r;
        fd = close_fd(fd);
        return error_join(reterr, r, &more, disk_detach(host, plan->vm, &more));
}

int disk_open(const Host *host, const DiskPlan *plan, int *ret_fd, Error *reterr) {
        for (int attempt = 1;; attempt++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = open_once(host, plan, ret_fd, &error);
                bool gone = r == -ENODEV || r == -ENOENT || r == -ENXIO;

                if (gone && error.kind != ERROR_NOT_FOUND && attempt < OPEN_ATTEMPTS)
                        continue;
                if (r < 0 && reterr)
                        error_move(reterr, &error);
                return r;
        }
}
