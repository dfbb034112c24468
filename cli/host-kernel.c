#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/import.h"
#include "common/strings.h"

typedef struct Place {
        const char *before, *after; /* of the release */
} Place;

/* Debian and its kin; what kernel-install and others keep beside the modules. */
static const Place places[] = {
        {"boot/vmlinuz-", ""},
        {"lib/modules/", "/vmlinuz"},
        {"usr/lib/modules/", "/vmlinuz"},
};

static int fail(const char *release, int errnum, Error *reterr) {
        int r;

        if (errnum == EACCES || errnum == EPERM) {
                r = error_set(reterr, ERROR_NOT_PERMITTED, errnum,
                              "only root may read the file of this host's kernel %s", release);
                return error_set_hint(reterr, r, "run: sudo banger kernel import --host");
        }
        if (errnum != ENOENT)
                return error_set_errno(reterr, errnum, "cannot open this host's kernel %s",
                                       release);
        r = error_set(reterr, ERROR_UNAVAILABLE, ENOENT,
                      "the file of this host's kernel %s is not there: neither /boot/vmlinuz-%s "
                      "nor /lib/modules/%s/vmlinuz",
                      release, release, release);
        return error_set_hint(reterr, r,
                              "reboot if the kernel was upgraded, or run: "
                              "banger kernel import FILE");
}

int host_kernel_open(int root_fd, char **ret_release, int *ret_fd, Error *reterr) {
        _cleanup_free_ char *release = NULL;
        struct utsname host;
        int fd = -1, errnum = ENOENT;

        if (uname(&host) < 0)
                return error_set_errno(reterr, errno, "cannot tell this host's kernel");
        release = strdup(host.release);
        for (size_t i = 0; i < ELEMENTSOF(places) && fd < 0; i++) {
                _cleanup_free_ char *path = string_format("%s%s%s", places[i].before, host.release,
                                                          places[i].after);

                if (!path || !release)
                        return error_set_errno(reterr, ENOMEM, "cannot open this host's kernel");
                fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC);
                if (fd < 0 && errno != ENOENT)
                        errnum = errno;
        }
        if (fd < 0)
                return fail(host.release, errnum, reterr);
        *ret_fd = fd;
        *ret_release = steal_ptr(release);
        return 0;
}
