#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cli/leftovers.h"
#include "common/ident.h"
#include "common/io.h"
#include "common/strings.h"

#define LINKS "sys/class/net"
#define BLOCKS "sys/block"
#define ATTRIBUTE_MAX 4096 /* sysfs has a page for one */

/* "" for an attribute that is not there. */
static char *read_attribute(int root_fd, const char *directory, const char *name,
                            const char *attribute) {
        _cleanup_free_ char *path = string_format("%s/%s/%s", directory, name, attribute);
        char *text = NULL;

        if (!path || io_read_file(root_fd, path, ATTRIBUTE_MAX, &text, NULL) < 0)
                return strdup("");
        text[strcspn(text, "\n")] = '\0';
        return text;
}

/* By its alias, whatever its name is in the settings. One without an alias was left half made. */
static bool is_our_link(int root_fd, const char *name) {
        _cleanup_free_ char *alias = read_attribute(root_fd, LINKS, name, "ifalias");
        VmId vm;

        if (vm_id_from_tap(name, &vm) || !alias)
                return true;
        if (alias[0] == '\0')
                return string_equal(name, "br-banger") || string_equal(name, "bgr-carrier");
        return string_equal(alias, "banger") || string_after_prefix(alias, "banger:");
}

static bool is_our_device(int root_fd, const char *name) {
        _cleanup_free_ char *uuid = NULL;
        VmId vm;

        if (!string_after_prefix(name, "dm-"))
                return false;
        uuid = read_attribute(root_fd, BLOCKS, name, "dm/uuid");
        return !uuid || vm_id_from_dm_uuid(uuid, &vm);
}

static int find_in(int root_fd, const char *path, bool (*is_ours)(int, const char *), char ***names,
                   Error *reterr) {
        int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        const struct dirent *entry;
        DIR *directory;

        if (fd < 0)
                return errno == ENOENT ? 0 : error_set_errno(reterr, errno, "cannot read /%s", path);
        directory = fdopendir(fd);
        if (!directory) {
                r = error_set_errno(reterr, errno, "cannot read /%s", path);
                close_fd(fd);
                return r;
        }
        while (r >= 0 && (errno = 0, entry = readdir(directory)))
                if (entry->d_name[0] != '.' && is_ours(root_fd, entry->d_name))
                        r = strv_append(names, entry->d_name);
        if (r >= 0)
                r = -errno;
        closedir(directory);
        return r < 0 ? error_set_errno(reterr, -r, "cannot read /%s", path) : 0;
}

int leftovers_find(int root_fd, char ***ret, Error *reterr) {
        _cleanup_strv_ char **names = NULL;
        int r = find_in(root_fd, LINKS, is_our_link, &names, reterr);

        if (r >= 0)
                r = find_in(root_fd, BLOCKS, is_our_device, &names, reterr);
        if (r < 0)
                return r;
        *ret = steal_ptr(names);
        return 0;
}
