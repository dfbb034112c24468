/* Disks by ioctls of the loop driver and libdevmapper; jails by system calls. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/bare.h"
#include "common/cleanup.h"

#define STATE "/var/lib/banger"
#define UDEV_FLAGS                                                                  \
        (DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | DM_UDEV_DISABLE_DISK_RULES_FLAG | \
         DM_UDEV_DISABLE_OTHER_RULES_FLAG | DM_UDEV_DISABLE_LIBRARY_FALLBACK)

static int bind_loop(const char *path, const char *role, bool read_only, dev_t *ret,
                     uint64_t *ret_sectors) {
        struct loop_config config = {.info.lo_flags = LO_FLAGS_AUTOCLEAR};
        int control = bench_check_errno(open("/dev/loop-control", O_RDWR | O_CLOEXEC), "loop");
        int file = bench_check_errno(open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC), path);
        char device[32];
        struct stat st;
        int fd;

        config.fd = (uint32_t) file;
        config.info.lo_flags |= read_only ? LO_FLAGS_READ_ONLY : LO_FLAGS_DIRECT_IO;
        (void) snprintf((char *) config.info.lo_file_name, LO_NAME_SIZE, "bare:%s:%s",
                        bare_vm.text, role);
        (void) snprintf(device, sizeof(device), "/dev/loop%d",
                        bench_check_errno(ioctl(control, LOOP_CTL_GET_FREE), "a free loop"));
        fd = bench_check_errno(open(device, O_RDWR | O_CLOEXEC), device);
        bench_check_errno(ioctl(fd, LOOP_CONFIGURE, &config), "LOOP_CONFIGURE");
        bench_check_errno(fstat(fd, &st), device);
        *ret = st.st_rdev;
        bench_check_errno(fstat(file, &st), path);
        *ret_sectors = (uint64_t) st.st_size / 512;
        close(file);
        close(control);
        return fd;
}

static struct dm_task *new_task(int type, const char *name) {
        struct dm_task *task;
        uint32_t cookie = 0;

        dm_udev_set_sync_support(0);
        task = dm_task_create(type);
        if (!task || !dm_task_set_name(task, name) ||
            !dm_task_set_cookie(task, &cookie, UDEV_FLAGS))
                bench_fail("device-mapper", ENOMEM);
        return task;
}

static void create_device(const char *name, uint64_t sectors, const char *type,
                          const char *parameters) {
        struct dm_task *task = new_task(DM_DEVICE_CREATE, name);

        if (!dm_task_add_target(task, 0, sectors, type, parameters) || !dm_task_run(task))
                bench_fail(name, EIO);
        dm_task_destroy(task);
}

static void remove_device(const char *name, bool later) {
        struct dm_task *task = new_task(DM_DEVICE_REMOVE, name);

        if (!(later ? dm_task_deferred_remove(task) : dm_task_retry_remove(task)) ||
            !dm_task_run(task))
                bench_fail(name, EIO);
        dm_task_destroy(task);
}

dev_t bare_device(const char *name) {
        struct dm_task *task = new_task(DM_DEVICE_INFO, name);
        struct dm_info info = {};

        if (!dm_task_run(task) || !dm_task_get_info(task, &info))
                bench_fail(name, EIO);
        dm_task_destroy(task);
        return info.exists ? makedev(info.major, info.minor) : 0;
}

static void file_path(const char *name, char ret[static 96]) {
        (void) snprintf(ret, 96, STATE "/vms/%s/%s", bare_vm.text, name);
}

static void attach_root(const Bench *bench) {
        uint64_t sectors, cow_sectors;
        char path[96], table[96];
        dev_t origin, changes;
        int image_fd, cow_fd;
        VmNames names;

        vm_names(&bare_vm, &names);
        (void) snprintf(path, sizeof(path), STATE "/images/%s.ext4", bench->image);
        image_fd = bind_loop(path, "image", true, &origin, &sectors);
        file_path("root.cow", path);
        cow_fd = bind_loop(path, "cow", false, &changes, &cow_sectors);
        (void) snprintf(table, sizeof(table), "%u:%u %u:%u P 8", major(origin), minor(origin),
                        major(changes), minor(changes));
        create_device(names.dm, sectors, "snapshot", table);
        close(image_fd);
        close(cow_fd);
}

void bare_disk_attach(Bench *bench) {
        char path[96], table[96];
        uint64_t sectors;
        VmNames names;
        dev_t below;
        int fd;

        attach_root(bench);
        vm_names(&bare_vm, &names);
        file_path("work.img", path);
        fd = bind_loop(path, "work", false, &below, &sectors);
        (void) snprintf(table, sizeof(table), "%u:%u 0", major(below), minor(below));
        create_device(names.dm_work, sectors - 8, "linear", table);
        close(fd);
}

void bare_disk_detach(_unused_ Bench *bench) {
        VmNames names;

        vm_names(&bare_vm, &names);
        remove_device(names.dm, false);
        remove_device(names.dm_work, false);
}

void bare_disk_grow(_unused_ Bench *bench) {
        struct stat st;
        char path[96];
        int fd;

        file_path("root.cow", path);
        fd = bench_check_errno(open(path, O_RDWR | O_CLOEXEC), path);
        bench_check_errno(fstat(fd, &st), path);
        bench_check_errno(ftruncate(fd, st.st_size + (1 << 20)), path);
        bench_check_errno(fsync(fd), path);
        close(fd);
}

/* A node of its own: udev's comes when udev likes. */
void bare_disk_open(Bench *bench) {
        static const char node[] = STATE "/jails/bare-node";
        VmNames names;
        int fd;

        attach_root(bench);
        vm_names(&bare_vm, &names);
        bench_check_errno(mknod(node, S_IFBLK | 0600, bare_device(names.dm)), node);
        fd = bench_check_errno(open(node, O_RDONLY | O_CLOEXEC), node);
        unlink(node);
        remove_device(names.dm, true);
        close(fd);
}

static void jail_path(const char *rest, char ret[static 160]) {
        (void) snprintf(ret, 160, STATE "/jails/firecracker/%s%s", bare_vm.text, rest);
}

static void link_file(const Bench *bench, const char *name) {
        char from[160], to[160], rest[32];

        (void) snprintf(from, sizeof(from), STATE "/kernels/%s/%s", bench->kernel, name);
        (void) snprintf(rest, sizeof(rest), "/root/%s", name);
        jail_path(rest, to);
        bench_check_errno(link(from, to), to);
}

static void make_node(const char *rest, const char *device) {
        char path[160];

        jail_path(rest, path);
        bench_check_errno(mknod(path, S_IFBLK | 0600, bare_device(device)), path);
        bench_check_errno(chown(path, vm_slot_uid(BARE_SLOT), vm_slot_uid(BARE_SLOT)), path);
}

static void make_directory(const char *rest) {
        char path[160];

        jail_path(rest, path);
        bench_check_errno(mkdir(path, 0700), path);
}

void bare_jail_make(Bench *bench) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char path[160];
        VmNames names;
        int fd;

        vm_names(&bare_vm, &names);
        (void) mkdir(STATE "/jails/firecracker", 0700);
        make_directory("");
        make_directory("/root");
        make_directory("/root/run");
        link_file(bench, "vmlinux");
        link_file(bench, "initrd");
        link_file(bench, "modules.ext4");
        make_node("/root/root.img", names.dm);
        make_node("/root/work.img", names.dm_work);
        jail_path("/root/run/v.sock_1024", path);
        memcpy(address.sun_path, path, strlen(path) + 1);
        fd = bench_check_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        bench_check_errno(bind(fd, (struct sockaddr *) &address, sizeof(address)), path);
        bench_check_errno(chown(path, vm_slot_uid(BARE_SLOT), vm_slot_uid(BARE_SLOT)), path);
        bench_check_errno(listen(fd, 16), path);
        close(fd);
}

static int remove_below(int dir_fd, const char *name) {
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *directory;

        if (fd < 0)
                return unlinkat(dir_fd, name, 0);
        directory = fdopendir(fd);
        for (struct dirent *entry; (entry = readdir(directory));)
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        bench_check_errno(remove_below(fd, entry->d_name), entry->d_name);
        closedir(directory);
        return unlinkat(dir_fd, name, AT_REMOVEDIR);
}

void bare_jail_remove(_unused_ Bench *bench) {
        char path[160];

        jail_path("", path);
        bench_check_errno(remove_below(AT_FDCWD, path), path);
}

static void look_at_devices(void) {
        struct dm_task *task = dm_task_create(DM_DEVICE_LIST);
        const struct dm_names *names;

        if (!task || !dm_task_run(task))
                bench_fail("the list of devices", EIO);
        names = dm_task_get_names(task);
        while (names && names->dev != 0) {
                (void) bare_device(names->name);
                names = names->next == 0 ? NULL
                                         : (const struct dm_names *) (const void *)
                                                   ((const char *) names + names->next);
        }
        dm_task_destroy(task);
}

/* Loops that have a file, by sysfs and the loop's ioctl; what is mounted; jails. */
void bare_inventory_disks(void) {
        DIR *directory = opendir("/sys/block");
        struct loop_info64 info;
        char path[300], text[4096];
        int fd;

        look_at_devices();
        for (struct dirent *entry; (entry = readdir(directory));) {
                if (strncmp(entry->d_name, "loop", 4) != 0)
                        continue;
                (void) snprintf(path, sizeof(path), "/sys/block/%s/loop", entry->d_name);
                if (access(path, F_OK) < 0)
                        continue;
                (void) snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
                fd = bench_check_errno(open(path, O_RDONLY | O_CLOEXEC), path);
                (void) ioctl(fd, LOOP_GET_STATUS64, &info);
                close(fd);
        }
        closedir(directory);
        directory = opendir(STATE "/jails/firecracker");
        while (directory && readdir(directory))
                ;
        if (directory)
                closedir(directory);
        fd = bench_check_errno(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), "mounts");
        while (read(fd, text, sizeof(text)) > 0)
                ;
        close(fd);
}
