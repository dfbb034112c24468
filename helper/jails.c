#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/strings.h"
#include "helper/directory.h"
#include "helper/jails.h"

static int jail_add(DIR *directory, const char *name, Inventory *inventory) {
        _cleanup_free_ char *detail = NULL;
        VmNames names;
        struct stat st;
        VmId vm;

        if (vm_id_parse(name, &vm) < 0)
                return 0;
        if (fstatat(dirfd(directory), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode))
                return 0;
        detail = string_format("mode %04o, uid %u", (unsigned) st.st_mode & 07777, st.st_uid);
        if (!detail)
                return -ENOMEM;
        vm_names(&vm, &names);
        return inventory_add(inventory, INVENTORY_JAIL, names.jail, &vm, detail);
}

int jails_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_(directory_cleanup) DIR *directory = NULL;
        int fd;

        if (host->state_fd < 0)
                return 0;
        fd = host_open_below(host->state_fd, "jails/firecracker", O_RDONLY | O_DIRECTORY);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return error_set_errno(reterr, -fd, "cannot open the jails' directory");
        directory = fdopendir(fd);
        if (!directory) {
                int r = error_set_errno(reterr, errno, "cannot read the jails' directory");

                close_fd(fd);
                return r;
        }
        for (;;) {
                const struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(directory);
                if (!entry)
                        break;
                r = jail_add(directory, entry->d_name, inventory);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot look at jail \"%s\"",
                                               entry->d_name);
        }
        if (errno != 0)
                return error_set_errno(reterr, errno, "cannot read the jails' directory");
        return 0;
}
