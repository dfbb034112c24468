/* The files of a VM's disks, opened so that nobody gets at another's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/api-root.h"
#include "common/api-vm.h"
#include "common/strings.h"
#include "helper/disk.h"
#include "helper/loops.h"

/* Below the directory of jails. A directory of its own: linking a file waits for whoever writes in it, for
 * as long as he likes, and holds up all that is done by names beside it. */
#define NAMES_DIRECTORY ".names"
#define BIND_NAME "file"
#define CHANGES_NAME "root.cow"
#define CHANGES_MARK "trusted.banger.vm" /* the VM's id */
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

static int cannot_open(const char *path, int r, Error *reterr) {
        /* No path of ours leads out of the state but through a mount. */
        if (r == -EXDEV)
                return error_set(reterr, ERROR_FAILED, EXDEV,
                                 "cannot open %s: something is mounted on the way to it; unmount that", path);
        return error_set_errno(reterr, -r, "cannot open %s", path);
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
                return cannot_open(path, fd, reterr);
        r = check_file(fd, owner, ret_n_sectors, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot use %s", path);
        *ret_fd = steal_fd(&fd);
        return 0;
}

/* Whether the helper has made it, for that VM: nobody else can set such an attribute. */
static bool is_marked(int fd, const VmId *vm) {
        char id[VM_ID_LENGTH];

        return fgetxattr(fd, CHANGES_MARK, id, sizeof(id)) == VM_ID_LENGTH &&
               memcmp(id, vm->text, VM_ID_LENGTH) == 0;
}

/* Where nobody but root can name a file. */
static int open_names(const Host *host, int *ret_fd, Error *reterr) {
        _cleanup_close_ int jails_fd = -1, fd = -1;

        jails_fd = host->state_fd < 0 ? -ENOENT :
                                        host_open_below(host->state_fd, "jails", O_PATH | O_DIRECTORY);
        if (jails_fd < 0)
                return error_set_errno(reterr, -jails_fd, "cannot open the directory of jails");
        fd = host_make_directory(jails_fd, NAMES_DIRECTORY);
        if (fd < 0)
                return error_set_errno(reterr, -fd, "cannot open the directory of names");
        *ret_fd = steal_fd(&fd);
        return 0;
}

/* Made there, and then put in the place of the owner's. */
static int make_changes(const Host *host, const VmId *vm, int dir_fd, off_t size, Error *reterr) {
        _cleanup_close_ int names_fd = -1, fd = -1;
        int r;

        r = open_names(host, &names_fd, reterr);
        if (r < 0)
                return r;
        fd = openat(names_fd, BIND_NAME, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot make one of root's");
        if (fchmod(fd, 0600) < 0 || ftruncate(fd, size) < 0 ||
            fsetxattr(fd, CHANGES_MARK, vm->text, VM_ID_LENGTH, 0) < 0 || fsync(fd) < 0)
                r = error_set_errno(reterr, errno, "cannot make one of root's");
        else if (renameat(names_fd, BIND_NAME, dir_fd, CHANGES_NAME) < 0)
                r = error_set_errno(reterr, errno, "cannot put one of root's there");
        if (r < 0)
                (void) unlinkat(names_fd, BIND_NAME, 0);
        else if (fsync(dir_fd) < 0)
                r = error_set_errno(reterr, errno, "cannot put one of root's there for good");
        return r;
}

/* The owner makes a hole of the size that he wants; what the VM gets is a file of root's in its place,
 * which he has never had open. So what the kernel reads back from it, the kernel has written (a made-up
 * table of changes stops it: dm-exception-store.h), and no other file of root's is taken for one. */
static int replace_changes(const Host *host, const VmId *vm, uid_t owner, int dir_fd, int fd,
                           Error *reterr) {
        uint64_t n_sectors = 0;
        struct stat st;
        int r;

        r = check_file(fd, owner, &n_sectors, reterr);
        if (r < 0)
                return r;
        /* As far as it can be made larger later. The kernel's tables of a snapshot grow with its size. */
        if (n_sectors > (uint64_t) VM_COW_MIB_MAX * (1024 * 1024 / SECTOR_SIZE))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "it is larger than %d MiB",
                                 VM_COW_MIB_MAX);
        if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_DATA) >= 0 || errno != ENXIO)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "it has a content of its own");
        return make_changes(host, vm, dir_fd, st.st_size, reterr);
}

/* What root has made for the VM of an earlier owner is not the next one's to read. */
static int check_directory(int fd, uid_t owner, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at its directory");
        if (st.st_uid != owner)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "its directory belongs to uid %u instead of %u", st.st_uid, owner);
        return 0;
}

static int open_changes(const Host *host, const VmId *vm, const char *path, uid_t owner,
                        int *ret_fd, Error *reterr) {
        _cleanup_free_ char *directory = string_format("vms/%s", vm->text);
        _cleanup_close_ int dir_fd = -1, first_fd = -1, fd = -1;
        uint64_t n_sectors;
        int r;

        if (!directory)
                return error_set_errno(reterr, ENOMEM, "cannot name the directory");
        if (host->state_fd < 0)
                return error_set_errno(reterr, ENOENT, "cannot open %s", host->paths->state);
        dir_fd = host_open_below(host->state_fd, directory, O_RDONLY | O_DIRECTORY);
        if (dir_fd < 0)
                return cannot_open(path, dir_fd, reterr);
        r = check_directory(dir_fd, owner, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot use %s", path);
        first_fd = host_open_below(dir_fd, CHANGES_NAME, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (first_fd < 0)
                return cannot_open(path, first_fd, reterr);
        if (!is_marked(first_fd, vm))
                r = replace_changes(host, vm, owner, dir_fd, first_fd, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot use %s", path);
        fd = host_open_below(dir_fd, CHANGES_NAME, O_RDWR | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return cannot_open(path, fd, reterr);
        if (!is_marked(fd, vm))
                return error_set(reterr, ERROR_BUSY, EBUSY, "%s has been replaced", path);
        r = check_file(fd, 0, &n_sectors, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot use %s", path);
        *ret_fd = steal_fd(&fd);
        return 0;
}

static bool is_same_file(int fd, int other_fd) {
        struct stat st, other;

        return fstat(fd, &st) == 0 && fstat(other_fd, &other) == 0 && st.st_ino == other.st_ino &&
               st.st_dev == other.st_dev;
}

/* It stays the owner's: nothing on the host reads in it. The image he could change himself; a guest
 * is not to. */
static int open_work(const Host *host, const char *path, uid_t owner, DiskFiles *files,
                     Error *reterr) {
        const uint64_t tail = WORK_DISK_TAIL_BYTES / SECTOR_SIZE;
        uint64_t n_sectors = 0;
        int r;

        r = open_file(host, path, O_RDWR, owner, &files->work_fd, &n_sectors, reterr);
        if (r < 0)
                return r;
        if (is_same_file(files->work_fd, files->image_fd))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "%s is the VM's image", path);
        if (n_sectors <= tail)
                return error_set(reterr, ERROR_FAILED, EINVAL, "%s is too small", path);
        files->n_work_sectors = n_sectors - tail;
        return 0;
}

static void files_cleanup(DiskFiles *files) {
        disk_close_files(files);
}

static int open_image(const Host *host, const DiskPlan *plan, DiskFiles *files, Error *reterr) {
        _cleanup_free_ char *path = string_format("images/%s.ext4", plan->image);

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot name the image");
        return open_file(host, path, O_RDONLY, plan->owner, &files->image_fd, &files->n_sectors,
                         reterr);
}

int disk_open_files(const Host *host, const DiskPlan *plan, DiskFiles *ret, Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles files = DISK_FILES_INIT;
        _cleanup_free_ char *cow_path = string_format("vms/%s/root.cow", plan->vm->text);
        _cleanup_free_ char *work_path = string_format("vms/%s/work.img", plan->vm->text);
        int r;

        if (!cow_path || !work_path)
                return error_set_errno(reterr, ENOMEM, "cannot name the files");
        r = open_image(host, plan, &files, reterr);
        if (r >= 0)
                r = open_changes(host, plan->vm, cow_path, plan->owner, &files.cow_fd, reterr);
        if (r >= 0 && plan->work)
                r = open_work(host, work_path, plan->owner, &files, reterr);
        if (r < 0)
                return r;
        *ret = steal_struct(files, DISK_FILES_INIT);
        return 0;
}

void disk_close_files(DiskFiles *files) {
        files->image_fd = close_fd(files->image_fd);
        files->cow_fd = close_fd(files->cow_fd);
        files->work_fd = close_fd(files->work_fd);
        files->names_fd = close_fd(files->names_fd);
}

/* One at a time: a file that is being named has two names, and would be refused for another VM. */
static int lock_names(const Host *host, int *ret_fd, Error *reterr) {
        _cleanup_close_ int fd = -1;
        int r;

        r = open_names(host, &fd, reterr);
        if (r >= 0)
                r = host_lock_fd(fd, "the directory of names", reterr);
        if (r < 0)
                return r;
        /* Of one that was cut short. */
        if (unlinkat(fd, BIND_NAME, 0) < 0 && errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot remove an earlier name");
        *ret_fd = steal_fd(&fd);
        return 0;
}

int disk_forget_name(const Host *host, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_close_ int fd = -1;
        int r = lock_names(host, &fd, &error);

        /* Without a directory of jails there is none in it. */
        if (r == -ENOENT)
                return 0;
        if (r < 0 && reterr)
                error_move(reterr, &error);
        return r;
}

/* udev looks at a loop's file by its name, and the owner could change his at that moment. So the loop
 * gets one of root's for the same file (systemd/09-banger.rules); opened anew by it. */
static int open_as_ours(const Host *host, int names_fd, int fd, int flags, int *ret_fd,
                        Error *reterr) {
        _cleanup_close_ int ours_fd = -1;
        char from[32];
        int r = 0;

        (void) snprintf(from, sizeof(from), "self/fd/%d", fd);
        if (linkat(host->proc_fd, from, names_fd, BIND_NAME, AT_SYMLINK_FOLLOW) < 0)
                return error_set_errno(reterr, errno, "cannot name the file for its loop");
        ours_fd = openat(names_fd, BIND_NAME, flags | O_NOFOLLOW | O_CLOEXEC);
        if (ours_fd < 0)
                r = error_set_errno(reterr, errno, "cannot open the file for its loop");
        else if (!is_same_file(ours_fd, fd))
                r = error_set(reterr, ERROR_BUSY, EBUSY, "the file has been replaced");
        if (unlinkat(names_fd, BIND_NAME, 0) < 0 && r >= 0)
                r = error_set_errno(reterr, errno, "cannot remove the name");
        if (r >= 0)
                *ret_fd = steal_fd(&ours_fd);
        return r;
}

int disk_open_named_files(const Host *host, const DiskPlan *plan, DiskFiles *ret, Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles files = DISK_FILES_INIT, ours = DISK_FILES_INIT;
        _cleanup_close_ int names_fd = -1;
        int r;

        r = lock_names(host, &names_fd, reterr);
        if (r >= 0)
                r = disk_open_files(host, plan, &files, reterr);
        if (r < 0)
                return r;
        ours.n_sectors = files.n_sectors;
        ours.n_work_sectors = files.n_work_sectors;
        r = open_as_ours(host, names_fd, files.image_fd, O_RDONLY, &ours.image_fd, reterr);
        if (r >= 0)
                r = open_as_ours(host, names_fd, files.cow_fd, O_RDWR, &ours.cow_fd, reterr);
        if (r >= 0 && plan->work)
                r = open_as_ours(host, names_fd, files.work_fd, O_RDWR, &ours.work_fd, reterr);
        if (r >= 0) {
                ours.names_fd = steal_fd(&names_fd);
                *ret = steal_struct(ours, DISK_FILES_INIT);
        }
        return r;
}

int disk_open_image(const Host *host, const DiskPlan *plan, int *ret_fd, Error *reterr) {
        _cleanup_(files_cleanup) DiskFiles files = DISK_FILES_INIT;
        int r;

        r = lock_names(host, &files.names_fd, reterr);
        if (r >= 0)
                r = open_image(host, plan, &files, reterr);
        if (r >= 0)
                *ret_fd = steal_fd(&files.image_fd);
        return r;
}

int disk_grow_changes(const Host *host, const DiskPlan *plan, int64_t size_bytes, Error *reterr) {
        _cleanup_free_ char *path = string_format("vms/%s/root.cow", plan->vm->text);
        _cleanup_close_ int names_fd = -1, fd = -1;
        struct stat st;
        int r;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot name the file");
        r = lock_names(host, &names_fd, reterr);
        if (r >= 0)
                r = open_changes(host, plan->vm, path, plan->owner, &fd, reterr);
        if (r >= 0)
                r = loops_refuse_shared(host, plan->vm, fd, reterr);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at %s", path);
        if (st.st_size > size_bytes)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "%s has more bytes than that: it can only grow", path);
        /* Also when it has its size: the one who grew it may have been killed. */
        if (ftruncate(fd, size_bytes) < 0 || fsync(fd) < 0)
                return error_set_errno(reterr, errno, "cannot make %s larger", path);
        return 0;
}
