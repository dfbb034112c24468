#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "common/api-guest.h"
#include "common/api-root.h"
#include "common/strings.h"
#include "helper/directory.h"
#include "helper/jail.h"

#define KERNEL_MODE 0444
/* Every VM has one guest, that calls once. */
#define LISTEN_BACKLOG 16

typedef struct JailFile {
        const char *source; /* below kernels/ID */
        const char *name;   /* in the jail */
        bool required;
} JailFile;

/* The names in the jail without their slash. */
static const JailFile jail_files[] = {
        {"vmlinux", &JAIL_KERNEL[1], true},
        {"initrd", &JAIL_INITRD[1], true},
        {"modules.ext4", &JAIL_MODULES_DRIVE[1], false},
};

/* Likewise; what an error calls it. */
static const struct {
        const char *name, *what;
} jail_drive_nodes[_DEVICE_ROLE_MAX] = {
        [DEVICE_ROOT] = {&JAIL_ROOT_DRIVE[1], "root drive"},
        [DEVICE_WORK] = {&JAIL_WORK_DRIVE[1], "work disk"},
};

static int make_directory(int dir_fd, const char *name, Error *reterr) {
        int fd = host_make_directory(dir_fd, name);

        return fd < 0 ? error_set_errno(reterr, -fd, "cannot make the directory \"%s\"", name) : fd;
}

/* 1: use it; 0: there is nothing to use. What was checked is what is linked: by descriptor. */
static int check_kernel_file(int fd, const JailFile *file, const JailPlan *plan, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at it");
        if (!S_ISREG(st.st_mode))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "is not a regular file");
        if (st.st_uid != plan->owner)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "belongs to uid %u instead of %u", st.st_uid, plan->owner);
        if ((st.st_mode & 07777) != KERNEL_MODE)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "has mode %04o, not %04o",
                                 (unsigned) st.st_mode & 07777, KERNEL_MODE);
        return file->required || st.st_size > 0;
}

static int link_kernel_file(int kernel_fd, int root_fd, const JailFile *file, const JailPlan *plan,
                            Error *reterr) {
        _cleanup_close_ int fd = -1;
        char path[32];
        int r;

        fd = host_open_below(kernel_fd, file->source, O_PATH);
        if (fd == -ENOENT && !file->required)
                return 0;
        if (fd < 0)
                return error_set_errno(reterr, -fd, "cannot open it");
        r = check_kernel_file(fd, file, plan, reterr);
        if (r <= 0)
                return r;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, path, root_fd, file->name, AT_SYMLINK_FOLLOW) < 0)
                return error_set_errno(reterr, errno, "cannot link it into the jail");
        return 0;
}

static int link_kernel(const Host *host, int root_fd, const JailPlan *plan, Error *reterr) {
        _cleanup_close_ int kernel_fd = -1;
        char path[32];

        (void) snprintf(path, sizeof(path), "kernels/%s", plan->kernel);
        kernel_fd = host_open_below(host->state_fd, path, O_PATH | O_DIRECTORY);
        if (kernel_fd == -ENOENT)
                return error_set(reterr, ERROR_NOT_FOUND, ENOENT, "there is no kernel %s",
                                 plan->kernel);
        if (kernel_fd < 0)
                return error_set_errno(reterr, -kernel_fd, "cannot open kernel %s", plan->kernel);
        for (size_t i = 0; i < ELEMENTSOF(jail_files); i++) {
                int r = link_kernel_file(kernel_fd, root_fd, &jail_files[i], plan, reterr);

                if (r < 0)
                        return error_prepend(reterr, r, "%s of kernel %s", jail_files[i].source,
                                             plan->kernel);
        }
        return 0;
}

/* Nobody but root can enter the jail before the jailer has given it away, so what is made by a name
 * is still there when it is given to the VM by that name. */
static int make_drives(int root_fd, const JailPlan *plan, Error *reterr) {
        for (int role = 0; role < _DEVICE_ROLE_MAX; role++) {
                const char *name = jail_drive_nodes[role].name;
                const char *what = jail_drive_nodes[role].what;

                if (plan->drives[role] == 0)
                        continue;
                if (mknodat(root_fd, name, S_IFBLK | 0600, plan->drives[role]) < 0)
                        return error_set_errno(reterr, errno, "cannot make the node of its %s",
                                               what);
                if (fchownat(root_fd, name, plan->uid, (gid_t) plan->uid, AT_SYMLINK_NOFOLLOW) < 0)
                        return error_set_errno(reterr, errno, "cannot give the %s to uid %u", what,
                                               plan->uid);
        }
        return 0;
}

/* bind(2) knows no directory descriptor; the one in /proc leads to the same place, whatever the
 * names above it have become. */
static int make_listener(int run_fd, const JailPlan *plan, int *ret, Error *reterr) {
        _cleanup_close_ int fd = -1;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char name[32];

        /* As Firecracker calls it: the vsock's path, "_" and the port. */
        (void) snprintf(name, sizeof(name), "%s_%d", strrchr(JAIL_VSOCK, '/') + 1,
                        GUEST_VSOCK_PORT);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", run_fd,
                        name);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        /* The file takes its mode from the socket: it never has a wider one. */
        if (fd < 0 || fchmod(fd, 0600) < 0)
                return error_set_errno(reterr, errno, "cannot make the socket for guest calls");
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return error_set_errno(reterr, errno, "cannot bind the socket for guest calls");
        if (listen(fd, LISTEN_BACKLOG) < 0)
                return error_set_errno(reterr, errno, "cannot listen for guest calls");
        if (fchownat(run_fd, name, plan->uid, (gid_t) plan->uid, AT_SYMLINK_NOFOLLOW) < 0)
                return error_set_errno(reterr, errno,
                                       "cannot give the socket for guest calls to uid %u",
                                       plan->uid);
        *ret = steal_fd(&fd);
        return 0;
}

/* The jailer executes a file and opens devices in there. */
static int check_mount(int root_fd, Error *reterr) {
        struct statvfs st;
        int r;

        if (fstatvfs(root_fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at the jails' file system");
        if (!(st.f_flag & (ST_NODEV | ST_NOEXEC)))
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, EPERM,
                      "the file system of the jails is mounted %s",
                      st.f_flag & ST_NODEV ? "nodev" : "noexec");
        return error_set_hint(reterr, r, "mount /var/lib/banger with the options dev and exec");
}

static int fill_jail(const Host *host, int jail_fd, const JailPlan *plan, int *ret_listener,
                     Error *reterr) {
        _cleanup_close_ int root_fd = -1, run_fd = -1;
        int r;

        root_fd = make_directory(jail_fd, "root", reterr);
        if (root_fd < 0)
                return root_fd;
        r = check_mount(root_fd, reterr);
        if (r < 0)
                return r;
        r = link_kernel(host, root_fd, plan, reterr);
        if (r < 0)
                return r;
        r = make_drives(root_fd, plan, reterr);
        if (r < 0)
                return r;
        run_fd = make_directory(root_fd, "run", reterr);
        if (run_fd < 0)
                return run_fd;
        return make_listener(run_fd, plan, ret_listener, reterr);
}

static bool belongs_to(int jails_fd, const char *vm, const char *inside, uid_t uid) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        char path[64];

        (void) snprintf(path, sizeof(path), "%s/%s", vm, inside);
        fd = host_open_below(jails_fd, path, O_PATH | O_NOFOLLOW);
        return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == uid;
}

/* A slot is one VM's: the VMM of another could enter the jail. Of a jail the nodes are the VM's,
 * and all of it once the jailer has run. */
static int refuse_taken(int parent_fd, const JailPlan *plan, Error *reterr) {
        _cleanup_(directory_cleanup) DIR *directory = NULL;
        int fd = host_open_below(parent_fd, ".", O_RDONLY | O_DIRECTORY);
        const struct dirent *entry;

        directory = fd < 0 ? NULL : fdopendir(fd);
        if (!directory) {
                int r = error_set_errno(reterr, fd < 0 ? -fd : errno, "cannot read the jails");

                close_fd(fd);
                return r;
        }
        for (errno = 0; (entry = readdir(directory)); errno = 0)
                if (!string_equal(entry->d_name, plan->vm.text) && vm_id_valid(entry->d_name) &&
                    (belongs_to(parent_fd, entry->d_name, "root", plan->uid) ||
                     belongs_to(parent_fd, entry->d_name, "root" JAIL_ROOT_DRIVE, plan->uid)))
                        return error_set(reterr, ERROR_BUSY, EBUSY,
                                         "cannot make the jail of vm %s: "
                                         "its slot is taken by vm %s",
                                         plan->vm.text, entry->d_name);
        return errno == 0 ? 0 : error_set_errno(reterr, errno, "cannot read the jails");
}

int jail_make(const Host *host, const JailPlan *plan, int *ret_listener, Error *reterr) {
        _cleanup_close_ int jails_fd = -1, parent_fd = -1, jail_fd = -1;
        int r;

        jails_fd = host_open_below(host->state_fd, "jails", O_RDONLY | O_DIRECTORY);
        if (jails_fd < 0)
                return error_set_errno(reterr, -jails_fd, "cannot open the jails' directory");
        parent_fd = make_directory(jails_fd, "firecracker", reterr);
        /* One is made at a time: two that have one slot would each not see the other. */
        r = parent_fd < 0 ? parent_fd : host_lock_fd(parent_fd, "the jails", reterr);
        if (r >= 0)
                r = refuse_taken(parent_fd, plan, reterr);
        if (r < 0)
                return r;
        /* It must be new: in one that was used, names are the VM's to choose. */
        if (mkdirat(parent_fd, plan->vm.text, 0700) < 0)
                return error_set_errno(reterr, errno, "cannot make the jail of vm %s",
                                       plan->vm.text);
        jail_fd = make_directory(parent_fd, plan->vm.text, reterr);
        r = jail_fd < 0 ? jail_fd : fill_jail(host, jail_fd, plan, ret_listener, reterr);
        if (r < 0) {
                _cleanup_error_ Error error = ERROR_INIT;
                int remove_r = jail_remove(host, &plan->vm, &error);

                error_prepend(reterr, r, "cannot make the jail of vm %s", plan->vm.text);
                if (remove_r < 0)
                        error_join(reterr, r, &error, remove_r);
        }
        return r;
}

/* A second jailer in one jail fails, and what a VMM has left in there is not ours. */
static int was_used(const VmId *vm, Error *reterr) {
        return error_set(reterr, ERROR_FAILED, ESTALE, "the jail of vm %s was used already",
                         vm->text);
}

/* Of another slot's jail the VMM would run with a uid that may be another VM's. */
static int refuse_other_slot(const VmId *vm, Error *reterr) {
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                         "the jail of vm %s was made for another slot", vm->text);
}

int jail_drives(const Host *host, const VmId *vm, uid_t uid, dev_t ret[_DEVICE_ROLE_MAX],
                Error *reterr) {
        dev_t drives[_DEVICE_ROLE_MAX] = {0};
        _cleanup_close_ int root_fd = -1;
        struct stat root;
        VmNames names;
        char path[96];

        vm_names(vm, &names);
        (void) snprintf(path, sizeof(path), "jails/%s/root", names.jail);
        root_fd = host_open_below(host->state_fd, path, O_RDONLY | O_DIRECTORY);
        if (root_fd < 0)
                return root_fd == -ENOENT ?
                               error_set(reterr, ERROR_NOT_FOUND, ENOENT, "vm %s has no jail",
                                         vm->text) :
                               error_set_errno(reterr, -root_fd, "cannot open the jail of vm %s",
                                               vm->text);
        if (fstat(root_fd, &root) < 0)
                return error_set_errno(reterr, errno, "cannot look into the jail of vm %s",
                                       vm->text);
        if (root.st_uid != geteuid())
                return was_used(vm, reterr);
        for (int role = 0; role < _DEVICE_ROLE_MAX; role++) {
                struct stat drive;

                if (fstatat(root_fd, jail_drive_nodes[role].name, &drive, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno == ENOENT && role != DEVICE_ROOT)
                                continue;
                        return error_set_errno(reterr, errno, "cannot look into the jail of vm %s",
                                               vm->text);
                }
                if (!S_ISBLK(drive.st_mode))
                        return was_used(vm, reterr);
                if (drive.st_uid != uid)
                        return refuse_other_slot(vm, reterr);
                drives[role] = drive.st_rdev;
        }
        memcpy(ret, drives, sizeof(drives));
        return 0;
}
