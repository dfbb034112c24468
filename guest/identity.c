#include "guest/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/strings.h"
#include "guest/files.h"
#include "guest/fstab.h"

#define OWN "/run/banger"
#define FSTAB_MAX (1 << 20)

char *identity_resolv_conf(const GuestConfig *config) {
        _cleanup_free_ char *text = strdup("# written by banger\n");

        for (size_t i = 0; text && config->dns && config->dns[i]; i++) {
                char *longer = string_format("%snameserver %s\n", text, config->dns[i]);

                free(text);
                text = longer;
        }
        return steal_ptr(text);
}

char *identity_hosts(const GuestConfig *config) {
        return string_format("# written by banger\n"
                             "127.0.0.1 localhost\n"
                             "::1 localhost ip6-localhost ip6-loopback\n"
                             "%s %s\n",
                             config->address ? config->address : "127.0.1.1", config->hostname);
}

char *identity_networkd(const GuestConfig *config) {
        return string_format("[Match]\nMACAddress=%s\n\n[Link]\nUnmanaged=yes\n", config->mac);
}

char *identity_network_manager(const GuestConfig *config) {
        return string_format("[device-banger]\nmatch-device=mac:%s\nmanaged=0\n", config->mac);
}

char *identity_resolved(const GuestConfig *config) {
        _cleanup_free_ char *text = strdup("[Resolve]\nDNS=");

        for (size_t i = 0; text && config->dns && config->dns[i]; i++) {
                char *longer = string_format("%s%s%s", text, i == 0 ? "" : " ", config->dns[i]);

                free(text);
                text = longer;
        }
        return text ? string_format("%s\n", text) : NULL;
}

/* Takes the text. */
static int write_text(const char *path, char *text_taken) {
        _cleanup_free_ char *text = text_taken;

        return text ? files_write(path, text) : -ENOMEM;
}

/* A file of /etc that is not there gets an empty one to be bound over. */
static int cover(const char *own, const char *target, bool create) {
        _cleanup_close_ int fd = -1;

        if (create && access(target, F_OK) < 0) {
                fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
                if (fd < 0)
                        return -errno;
        }
        return access(target, F_OK) < 0 ? 0 : files_bind(own, target);
}

/* A link into /run dangles until its service runs: its target is made, and the service may replace
 * that. */
static int make_link_target(const char *link, const char *target, const char *text) {
        _cleanup_free_ char *path = NULL;

        if (target[0] == '/') {
                path = strdup(target);
        } else {
                const char *slash = strrchr(link, '/');

                path = string_format("%.*s/%s", (int) (slash - link), link, target);
        }
        return path ? files_write(path, text) : -ENOMEM;
}

static int apply_resolv_conf(const GuestConfig *config) {
        _cleanup_free_ char *text = identity_resolv_conf(config);
        const char *path = "/etc/resolv.conf";
        char target[PATH_MAX];
        ssize_t length;
        int r;

        if (!text)
                return -ENOMEM;
        r = files_write(OWN "/resolv.conf", text);
        if (r < 0)
                return r;
        length = readlink(path, target, sizeof(target) - 1);
        if (length > 0 && access(path, F_OK) < 0) {
                target[length] = '\0';
                return make_link_target(path, target, text);
        }
        return cover(OWN "/resolv.conf", path, true);
}

static int apply_hosts(const GuestConfig *config) {
        int r = write_text(OWN "/hosts", identity_hosts(config));

        return r < 0 ? r : cover(OWN "/hosts", "/etc/hosts", true);
}

static int apply_hostname(const GuestConfig *config) {
        int r;

        if (sethostname(config->hostname, strlen(config->hostname)) < 0)
                return -errno;
        r = write_text(OWN "/hostname", string_format("%s\n", config->hostname));
        return r < 0 ? r : cover(OWN "/hostname", "/etc/hostname", false);
}

/* systemd and D-Bus keep what depends on it below /var: so it must stay the same over reboots, and
 * must not be that of the image. */
static int apply_machine_id(const GuestConfig *config) {
        _cleanup_free_ char *text = string_format("%s\n", config->machine_id);
        _cleanup_free_ char *present = NULL;

        if (!text)
                return -ENOMEM;
        (void) io_read_file(AT_FDCWD, "/etc/machine-id", 64, &present, NULL);
        return string_equal(present, text) ? 0 : files_write("/etc/machine-id", text);
}

static int apply_fstab(const GuestConfig *config) {
        _cleanup_free_ char *text = NULL, *filtered = NULL;
        int r;

        r = io_read_file(AT_FDCWD, "/etc/fstab", FSTAB_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = fstab_filter(text, fstab_device_exists, config->root, &filtered);
        if (r < 0 || !filtered)
                return r;
        r = files_write(OWN "/fstab", filtered);
        return r < 0 ? r : files_bind(OWN "/fstab", "/etc/fstab");
}

/* The image's own network services leave our link alone. */
static int apply_network(const GuestConfig *config) {
        int r = 0;

        if (config->mac) {
                r = write_text("/run/systemd/network/00-banger.network", identity_networkd(config));
                if (r >= 0)
                        r = write_text("/run/NetworkManager/conf.d/00-banger.conf",
                                       identity_network_manager(config));
                /* ifupdown's list of what is up already: interfaces(5), ifup(8). */
                if (r >= 0)
                        r = files_write("/run/network/ifstate", "lo=lo\neth0=eth0\n");
        }
        if (r >= 0 && config->dns && config->dns[0])
                r = write_text("/run/systemd/resolved.conf.d/00-banger.conf",
                               identity_resolved(config));
        return r;
}

/* systemd waits 90 s for a device that only udev can announce; an image made for containers has no
 * udev, and its first start would wait for the serial login. */
static int apply_serial_login(_unused_ const GuestConfig *config) {
        static const char units[] = "/run/systemd/system",
                          login[] = "/run/systemd/system/serial-getty@ttyS0.service";
        int r;

        if (access("/lib/systemd/systemd", X_OK) < 0 ||
            access("/lib/systemd/systemd-udevd", X_OK) == 0)
                return 0;
        r = files_make_directories(units, 0755);
        if (r >= 0 && symlink("/dev/null", login) < 0 && errno != EEXIST)
                r = -errno;
        return r;
}

int identity_apply(const GuestConfig *config, Error *reterr) {
        static const struct {
                const char *what;
                int (*apply)(const GuestConfig *config);
        } parts[] = {
                {"the host name", apply_hostname},
                {"/etc/hosts", apply_hosts},
                {"/etc/resolv.conf", apply_resolv_conf},
                {"/etc/machine-id", apply_machine_id},
                {"/etc/fstab", apply_fstab},
                {"the network's services", apply_network},
                {"the serial login", apply_serial_login},
        };
        int result = 0;

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = parts[i].apply(config);

                if (r >= 0)
                        continue;
                error_set_errno(&error, -r, "cannot set %s", parts[i].what);
                result = error_join(reterr, result, &error, r);
        }
        return result;
}
