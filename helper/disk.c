#include "helper/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "common/strings.h"
#include "helper/devmapper.h"
#include "helper/loops.h"
#include "helper/session.h"
#include "helper/units.h"

#define BIND_PREFIX ".bind-" /* below the directory of jails */
#define SECTOR_SIZE 512 /* device-mapper's unit, whatever the device's own */

/* On the descriptor that is used from here on. The owner can replace the file's name at will, but
 * not make us take a file that is not his, or that has another name elsewhere. */
static int check_file(int fd, uid_t owner, uint64_t *ret_n_sectors, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at it");
        if (!S_ISREG(st.st_mode))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "it is not a regular file");
        if (st.st_uid != owner)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "it belongs to uid %u instead of %u", st.st_uid, owner);
        if (st.st_nlink != 1)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "it has more than one name");
        if (st.st_size < SECTOR_SIZE)
                return error_set(reterr, ERROR_FAILED, EINVAL, "it is empty");
        *ret_n_sectors = (uint64_t) st.st_size / SECTOR_SIZE;
        return 0;
}

/* Its first time a file of changes is the owner's, who made it: it must hold nothing yet, and nobody
 * may have it open for writing. From then on it is root's: what the kernel reads back from it, the
 * kernel has written. (A made-up table of changes stops the kernel: dm-exception-store.h.) Root's
 * group says that it has been looked at, lest one of a call that was cut short be trusted. */
static int adopt_changes(int fd, uid_t owner, Error *reterr) {
        struct stat st;
        int r = 0;

        if (fchown(fd, 0, (gid_t) -1) < 0 || fchmod(fd, 0600) < 0)
                return error_set_errno(reterr, errno, "cannot take it over");
        /* Only for a file that nobody writes: fcntl(2). */
        if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
                r = error_set(reterr, ERROR_BUSY, EBUSY, "somebody has it open for writing");
        else if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_DATA) >= 0 || errno != ENXIO)
                r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "it has a content of its own");
        if (r >= 0 && fchown(fd, 0, 0) < 0)
                r = error_set_errno(reterr, errno, "cannot take it over");
        (void) fcntl(fd, F_SETLEASE, F_UNLCK);
        if (r < 0 && fchown(fd, owner, (gid_t) -1) < 0)
                return error_set_errno(reterr, errno, "cannot give it back");
        return r;
}

static int open_file(const Host *host, const char *path, int flags, uid_t owner, int *ret_fd,
                     uint64_t *ret_n_sectors, Error *reterr) {
        _cleanup_close_ int fd = -1;
        int r;

        if (host->state_fd < 0)
                return error_set_errno(reterr, ENOENT, "cannot open %s", host->paths->state);
        /* Not blocking: it might be a FIFO. */
        fd = host_open_below(host->state_fd, path, flags | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return error_set_errno(reterr, -fd, "cannot open %s", path);
        r = check_file(fd, owner, ret_n_sectors, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot use %s", path);
        *ret_fd = steal_fd(&fd);
        return 0;
}

static int open_changes(const Host *host, const char *path, uid_t owner, int *ret_fd,
                        Error *reterr) {
        _cleanup_close_ int first_fd = -1, fd = -1;
        struct stat first, again;
        uint64_t n_sectors;
        int r;

        first_fd = host_open_below(host->state_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (first_fd < 0)
                return error_set_errno(reterr, -first_fd, "cannot open %s", path);
        if (fstat(first_fd, &first) < 0)
                return error_set_errno(reterr, errno, "cannot look at %s", path);
        r = check_file(first_fd, first.st_uid == 0 ? 0 : owner, &n_sectors, reterr);
        if (r >= 0 && (first.st_uid != 0 || first.st_gid != 0))
                r = adopt_changes(first_fd, owner, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot use %s", path);
        r = open_file(host, path, O_RDWR, 0, &fd, &n_sectors, reterr);
        if (r < 0)
                return r;
        if (fstat(fd, &again) < 0 || again.st_ino != first.st_ino || again.st_dev != first.st_dev)
                return error_set(reterr, ERROR_BUSY, EBUSY, "%s has been replaced", path);
        *ret_fd = steal_fd(&fd);
        return 0;
}

static void files_cleanup(DiskFiles *files) {
        disk_close_files(files);
}

int disk_open_files(const Host *host, const char *image, const VmId *vm, uid_t owner,
                    DiskFiles *ret, Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles files = DISK_FILES_INIT;
        _cleanup_free_ char *image_path = string_format("images/%s.ext4", image);
        _cleanup_free_ char *cow_path = string_format("vms/%s/root.cow", vm->text);
        int r;

        if (!image_path || !cow_path)
                return error_set_errno(reterr, ENOMEM, "cannot name the files");
        r = open_file(host, image_path, O_RDONLY, owner, &files.image_fd, &files.n_sectors, reterr);
        if (r >= 0)
                r = open_changes(host, cow_path, owner, &files.cow_fd, reterr);
        if (r < 0)
                return r;
        *ret = steal_struct(files, DISK_FILES_INIT);
        return 0;
}

void disk_close_files(DiskFiles *files) {
        files->image_fd = close_fd(files->image_fd);
        files->cow_fd = close_fd(files->cow_fd);
}

/* Every VM of an image reads the same pages: through the page cache they are read once. A VM's
 * changes are cached in the guest already, and are on the disk when a flush returns. */
static LoopBinding image_binding(const VmId *vm, const DiskFiles *files) {
        return (LoopBinding) {
                .vm = vm, .role = "image", .file_fd = files->image_fd, .read_only = true};
}

static LoopBinding cow_binding(const VmId *vm, const DiskFiles *files) {
        return (LoopBinding) {.vm = vm, .role = "cow", .file_fd = files->cow_fd, .direct = true};
}

/* Is the VM's device there, on exactly these files? */
static int is_attached(const Host *host, const VmId *vm, const DiskFiles *files, bool *ret,
                       Error *reterr) {
        LoopBinding image = image_binding(vm, files), cow = cow_binding(vm, files);
        Snapshot snapshot = {};
        int r;

        r = devmapper_read_snapshot(vm, &snapshot, reterr);
        if (r < 0 && r != -ENODEV && r != -EBADMSG)
                return r;
        *ret = r >= 0 && snapshot.n_sectors == files->n_sectors &&
               loop_is_bound(host, snapshot.origin, &image) &&
               loop_is_bound(host, snapshot.changes, &cow);
        return 0;
}

/* udev looks at a loop's file by its name, and the owner could change his at that moment. So the loop
 * gets one of root's for the same file (systemd/09-banger.rules); opened anew by it. */
static int open_as_ours(const Host *host, const VmId *vm, int fd, int flags, int *ret_fd,
                        Error *reterr) {
        _cleanup_close_ int jails_fd = host_open_below(host->state_fd, "jails", O_PATH | O_DIRECTORY);
        char from[32], name[sizeof(BIND_PREFIX) + VM_ID_LENGTH];
        _cleanup_close_ int ours_fd = -1;
        struct stat wanted, got;
        int r = 0;

        (void) snprintf(from, sizeof(from), "self/fd/%d", fd);
        (void) snprintf(name, sizeof(name), BIND_PREFIX "%s", vm->text);
        if (jails_fd < 0)
                return error_set_errno(reterr, -jails_fd, "cannot open the directory of jails");
        if (unlinkat(jails_fd, name, 0) < 0 && errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot remove an earlier name");
        if (linkat(host->proc_fd, from, jails_fd, name, AT_SYMLINK_FOLLOW) < 0)
                return error_set_errno(reterr, errno, "cannot name the file for its loop");
        ours_fd = openat(jails_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
        if (ours_fd < 0 || fstat(ours_fd, &got) < 0 || fstat(fd, &wanted) < 0)
                r = error_set_errno(reterr, errno, "cannot open the file for its loop");
        else if (got.st_ino != wanted.st_ino || got.st_dev != wanted.st_dev)
                r = error_set(reterr, ERROR_BUSY, EBUSY, "the file has been replaced");
        if (unlinkat(jails_fd, name, 0) < 0 && r >= 0)
                r = error_set_errno(reterr, errno, "cannot remove the name");
        if (r >= 0)
                *ret_fd = steal_fd(&ours_fd);
        return r;
}

/* Of an attach that was cut short: a file with two names would be refused. */
static void forget_name(const Host *host, const VmId *vm) {
        _cleanup_free_ char *path = string_format("jails/" BIND_PREFIX "%s", vm->text);

        if (path)
                (void) unlinkat(host->state_fd, path, 0);
}

static int name_as_ours(const Host *host, const VmId *vm, const DiskFiles *files, DiskFiles *ret,
                        Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles ours = DISK_FILES_INIT;
        int r;

        ours.n_sectors = files->n_sectors;
        r = open_as_ours(host, vm, files->image_fd, O_RDONLY, &ours.image_fd, reterr);
        if (r >= 0)
                r = open_as_ours(host, vm, files->cow_fd, O_RDWR, &ours.cow_fd, reterr);
        if (r >= 0)
                *ret = steal_struct(ours, DISK_FILES_INIT);
        return r;
}

/* The loops are device-mapper's when this returns, and go away with its device; or at once, with
 * their descriptors, when it fails. */
static int make_device(const Host *host, const VmId *vm, const DiskFiles *files, Error *reterr) {
        LoopBinding image = image_binding(vm, files), cow = cow_binding(vm, files);
        _cleanup_close_ int image_loop = -1, cow_loop = -1;
        Snapshot snapshot = {.n_sectors = files->n_sectors};
        int r;

        r = loop_bind(host, &image, &image_loop, &snapshot.origin, reterr);
        if (r >= 0)
                r = loop_bind(host, &cow, &cow_loop, &snapshot.changes, reterr);
        if (r >= 0)
                r = devmapper_create_snapshot(vm, &snapshot, reterr);
        return r;
}

int disk_detach(const Host *host, const VmId *vm, Error *reterr) {
        uint64_t deadline = clock_monotonic_usec() + DISK_RELEASE_TIMEOUT_USEC;
        _cleanup_error_ Error more = ERROR_INIT;
        int r;

        r = devmapper_remove(vm, deadline, reterr);
        /* Loops below a device that stays are its: unbinding them would only mark them. */
        if (r == -EBUSY)
                return r;
        return error_join(reterr, r, &more, loops_clear(host, vm, deadline, &more));
}

int disk_attach(const Host *host, const char *image, const VmId *vm, uid_t owner, Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles files = DISK_FILES_INIT, ours = DISK_FILES_INIT;
        bool attached = false;
        int r;

        forget_name(host, vm);
        r = disk_open_files(host, image, vm, owner, &files, reterr);
        if (r >= 0)
                r = is_attached(host, vm, &files, &attached, reterr);
        if (r < 0 || attached)
                return r;
        r = disk_detach(host, vm, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot remove what is left of the last start");
        r = name_as_ours(host, vm, &files, &ours, reterr);
        if (r >= 0)
                r = make_device(host, vm, &ours, reterr);
        if (r < 0) {
                _cleanup_error_ Error more = ERROR_INIT;

                r = error_join(reterr, r, &more, disk_detach(host, vm, &more));
        }
        return r;
}

int handle_disk_attach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootDiskAttach *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        Session *session = userdata;
        VmId vm;
        int r;

        r = session_vm(userdata, request->vm, &vm, reterr);
        if (r >= 0)
                r = session_host(session, &host, reterr);
        if (r >= 0)
                r = units_refuse_active(&host, &vm, reterr);
        if (r >= 0)
                r = disk_attach(&host, request->image, &vm, session->install.uid, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

int handle_disk_detach(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const RootVmRef *request = parameters;
        _cleanup_host_ Host host = HOST_INIT;
        VmId vm;
        int r;

        r = session_vm(userdata, request->vm, &vm, reterr);
        if (r >= 0)
                r = session_host(userdata, &host, reterr);
        /* Its number may become another device's, and the VMM's rights are to that number. */
        if (r >= 0)
                r = units_refuse_active(&host, &vm, reterr);
        if (r >= 0)
                r = disk_detach(&host, &vm, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}
