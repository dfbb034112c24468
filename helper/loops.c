#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/clock.h"
#include "common/strings.h"
#include "helper/directory.h"
#include "helper/loops.h"

#define LOOP_MAJOR 7 /* admin-guide/devices.txt */
#define BIND_ATTEMPTS 64
#define CLEAR_POLL_MS 20

/* Not ours, or bound no longer: 0 and *ret_ours false. */
static int loop_status(const Host *host, const char *name, struct loop_info64 *ret,
                       bool *ret_ours) {
        _cleanup_close_ int fd = -1;
        struct loop_info64 info = {};
        struct stat st;

        fd = openat(host->dev_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (fd < 0) {
                /* Without a node here we cannot have bound it either. */
                *ret_ours = false;
                return errno == ENOENT || errno == ENXIO ? 0 : -errno;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode) || major(st.st_rdev) != LOOP_MAJOR)
                return -ENOTBLK;
        if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0) {
                *ret_ours = false;
                return errno == ENXIO ? 0 : -errno;
        }
        info.lo_file_name[LO_NAME_SIZE - 1] = '\0';
        *ret_ours = true;
        *ret = info;
        return 0;
}

static int loop_add(const Host *host, const char *name, Inventory *inventory) {
        _cleanup_free_ char *detail = NULL;
        const char *role, *label;
        struct loop_info64 info = {};
        bool bound = false;
        VmId vm;
        int r;

        r = loop_status(host, name, &info, &bound);
        if (r < 0 || !bound)
                return r;
        label = (const char *) info.lo_file_name;
        if (!vm_id_from_loop(label, &vm, &role))
                return 0;
        detail = string_format("%s, inode %llu%s", role, (unsigned long long) info.lo_inode,
                               info.lo_flags & LO_FLAGS_READ_ONLY ? ", read-only" : "");
        if (!detail)
                return -ENOMEM;
        return inventory_add(inventory, INVENTORY_LOOP, name, &vm, detail);
}

static bool loop_bound(const Host *host, const char *name) {
        char path[sizeof("block//loop") + NAME_MAX];

        (void) snprintf(path, sizeof(path), "block/%s/loop", name);
        return faccessat(host->sys_fd, path, F_OK, 0) >= 0;
}

/* Calls visit for each loop that is bound, whoever's it is. A failure of one does not keep the
 * others from being visited. */
static int each_bound(const Host *host, int (*visit)(const Host *, const char *, void *, Error *),
                      void *userdata, Error *reterr) {
        _cleanup_(directory_cleanup) DIR *directory = NULL;
        _cleanup_close_ int fd = -1;
        int r = 0;

        fd = openat(host->sys_fd, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open the block devices of sysfs");
        directory = fdopendir(fd);
        if (!directory)
                return error_set_errno(reterr, errno, "cannot read the block devices of sysfs");
        (void) steal_fd(&fd);
        for (;;) {
                _cleanup_error_ Error error = ERROR_INIT;
                const struct dirent *entry;
                int visit_r;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        break;
                if (!string_after_prefix(entry->d_name, "loop") || !loop_bound(host, entry->d_name))
                        continue;
                visit_r = visit(host, entry->d_name, userdata, &error);
                r = error_join(reterr, r, &error, visit_r);
        }
        if (errno != 0 && r >= 0)
                return error_set_errno(reterr, errno, "cannot read the block devices of sysfs");
        return r;
}

static int read_one(const Host *host, const char *name, void *userdata, Error *reterr) {
        int r = loop_add(host, name, userdata);

        return r < 0 ? error_set_errno(reterr, -r, "cannot ask \"%s\"", name) : 0;
}

int loops_read(const Host *host, Inventory *inventory, Error *reterr) {
        return each_bound(host, read_one, inventory, reterr);
}

/* As the loop driver reports a device number: linux/kdev_t.h, huge_encode_dev(). */
static uint64_t huge_encode(dev_t device) {
        uint64_t minor_number = minor(device);

        return (minor_number & 0xff) | (uint64_t) major(device) << 8 |
               (minor_number & ~UINT64_C(0xff)) << 12;
}

static void binding_label(const LoopBinding *binding, char label[static LO_NAME_SIZE]) {
        (void) snprintf(label, LO_NAME_SIZE, "banger:%s:%s", binding->vm->text, binding->role);
}

/* -EBUSY when somebody else has taken the number in between. */
static int bind_number(const Host *host, int number, const LoopBinding *binding, int *ret_fd,
                       dev_t *ret_device) {
        struct loop_config config = {
                .fd = (uint32_t) binding->file_fd,
                .info.lo_flags = LO_FLAGS_AUTOCLEAR,
        };
        char name[16], label[LO_NAME_SIZE];
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (binding->read_only)
                config.info.lo_flags |= LO_FLAGS_READ_ONLY;
        if (binding->direct)
                config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
        binding_label(binding, label);
        memcpy(config.info.lo_file_name, label, sizeof(label));
        (void) snprintf(name, sizeof(name), "loop%d", number);
        fd = openat(host->dev_fd, name, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode) || major(st.st_rdev) != LOOP_MAJOR)
                return -ENOTBLK;
        if (ioctl(fd, LOOP_CONFIGURE, &config) < 0)
                return -errno;
        *ret_fd = steal_fd(&fd);
        *ret_device = st.st_rdev;
        return 0;
}

int loop_bind(const Host *host, const LoopBinding *binding, int *ret_fd, dev_t *ret_device,
              Error *reterr) {
        _cleanup_close_ int control = host_open_kernel(host->dev_fd, "loop-control", O_RDWR);
        int number, r = -EBUSY;

        if (control < 0) {
                r = error_set(reterr, ERROR_UNAVAILABLE, -control,
                              "cannot open /dev/loop-control: %s", strerrordesc_np(-control));
                return error_set_hint(reterr, r, "is the kernel's module \"loop\" there?");
        }
        for (int attempt = 0; r == -EBUSY && attempt < BIND_ATTEMPTS; attempt++) {
                number = ioctl(control, LOOP_CTL_GET_FREE);
                if (number < 0)
                        return error_set_errno(reterr, errno, "cannot find a free loop device");
                r = bind_number(host, number, binding, ret_fd, ret_device);
        }
        return r < 0 ? error_set_errno(reterr, -r, "cannot bind a loop device") : 0;
}

bool loop_is_bound(const Host *host, dev_t device, const LoopBinding *binding) {
        char name[16], label[LO_NAME_SIZE];
        struct loop_info64 info = {};
        bool bound = false;
        struct stat st;

        if (major(device) != LOOP_MAJOR || fstat(binding->file_fd, &st) < 0)
                return false;
        (void) snprintf(name, sizeof(name), "loop%u", minor(device));
        if (loop_status(host, name, &info, &bound) < 0 || !bound)
                return false;
        binding_label(binding, label);
        return strcmp((const char *) info.lo_file_name, label) == 0 &&
               info.lo_inode == st.st_ino && info.lo_device == huge_encode(st.st_dev) &&
               binding->read_only == ((info.lo_flags & LO_FLAGS_READ_ONLY) != 0);
}

bool loop_has_role(const Host *host, dev_t device, const VmId *vm, const char *role) {
        struct loop_info64 info = {};
        bool bound = false;
        const char *own;
        char name[16];
        VmId other;

        if (major(device) != LOOP_MAJOR)
                return false;
        (void) snprintf(name, sizeof(name), "loop%u", minor(device));
        return loop_status(host, name, &info, &bound) >= 0 && bound &&
               vm_id_from_loop((const char *) info.lo_file_name, &other, &own) &&
               string_equal(other.text, vm->text) && string_equal(own, role);
}

typedef struct Sharing {
        const VmId *vm;
        struct stat file;
} Sharing;

static int refuse_shared(const Host *host, const char *name, void *userdata, Error *reterr) {
        const Sharing *sharing = userdata;
        struct loop_info64 info = {};
        bool bound = false;
        VmId vm;
        int r;

        r = loop_status(host, name, &info, &bound);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot ask \"%s\"", name);
        if (!bound || info.lo_inode != sharing->file.st_ino ||
            info.lo_device != huge_encode(sharing->file.st_dev))
                return 0;
        if (vm_id_from_loop((const char *) info.lo_file_name, &vm, NULL) &&
            string_equal(vm.text, sharing->vm->text))
                return 0;
        return error_set(reterr, ERROR_BUSY, EBUSY, "it is in use, below \"%s\"", name);
}

int loops_refuse_shared(const Host *host, const VmId *vm, int file_fd, Error *reterr) {
        Sharing sharing = {.vm = vm};

        if (fstat(file_fd, &sharing.file) < 0)
                return error_set_errno(reterr, errno, "cannot look at it");
        return each_bound(host, refuse_shared, &sharing, reterr);
}

typedef struct Clearing {
        const VmId *vm;
        size_t n_left;
} Clearing;

static int clear_one(const Host *host, const char *name, void *userdata, Error *reterr) {
        Clearing *clearing = userdata;
        struct loop_info64 info = {};
        _cleanup_close_ int fd = -1;
        bool bound = false;
        VmId vm;
        int r;

        r = loop_status(host, name, &info, &bound);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot ask \"%s\"", name);
        if (!bound || !vm_id_from_loop((const char *) info.lo_file_name, &vm, NULL) ||
            !string_equal(vm.text, clearing->vm->text))
                return 0;
        clearing->n_left++;
        fd = openat(host->dev_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (fd < 0 || ioctl(fd, LOOP_CLR_FD) < 0)
                return errno == ENXIO ? 0 : error_set_errno(reterr, errno, "cannot unbind \"%s\"",
                                                            name);
        return 0;
}

/* A loop that is open elsewhere, if only by udev for a moment, goes away when that ends. */
int loops_clear(const Host *host, const VmId *vm, uint64_t deadline_usec, Error *reterr) {
        for (;;) {
                Clearing clearing = {.vm = vm};
                int r = each_bound(host, clear_one, &clearing, reterr);

                if (r < 0 || clearing.n_left == 0)
                        return r;
                if (clock_monotonic_usec() >= deadline_usec)
                        return error_set(reterr, ERROR_BUSY, EBUSY,
                                         "a loop device of the VM is in use");
                (void) poll(NULL, 0, CLEAR_POLL_MS);
        }
}
