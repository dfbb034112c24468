#include <errno.h>
#include <string.h>

#include "common/io.h"
#include "common/strings.h"
#include "helper/mounts.h"

#define TABLE_MAX (4U << 20) /* hosts with thousands of containers stay well below */

/* The next component of a path, "" at its end; *path moves past it. */
static size_t path_component(const char **path, const char **ret) {
        const char *start = *path + strspn(*path, "/");
        size_t length = strcspn(start, "/");

        *ret = start;
        *path = start + length;
        return length;
}

/* What follows `base` in `path`, compared by component; NULL when path is not strictly below. */
static const char *path_below(const char *path, const char *base) {
        const char *a, *b, *rest;
        size_t length;

        while ((length = path_component(&base, &b)) > 0)
                if (path_component(&path, &a) != length || memcmp(a, b, length) != 0)
                        return NULL;
        rest = path;
        return path_component(&path, &a) > 0 ? rest + strspn(rest, "/") : NULL;
}

/* In place: the kernel writes blank, tab, newline and backslash as "\ooo". */
static void unescape(char *text) {
        char *out = text;

        for (const char *in = text; *in;) {
                unsigned value = 0, n = 0;

                while (*in == '\\' && n < 3 && in[1 + n] >= '0' && in[1 + n] <= '7')
                        value = value * 8 + (unsigned) (in[1 + n++] - '0');
                if (n == 3 && value <= 0xff) {
                        *out++ = (char) value;
                        in += 4;
                } else
                        *out++ = *in++;
        }
        *out = '\0';
}

/* The VM whose jail this is: "firecracker/ID/...". */
static bool jail_vm(const char *path, VmId *ret) {
        char id[VM_ID_LENGTH + 1];
        const char *component;
        size_t length;

        length = path_component(&path, &component);
        if (length != strlen("firecracker") || memcmp(component, "firecracker", length) != 0)
                return false;
        if (path_component(&path, &component) != VM_ID_LENGTH)
                return false;
        memcpy(id, component, VM_ID_LENGTH);
        id[VM_ID_LENGTH] = '\0';
        return vm_id_parse(id, ret) >= 0;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static int mount_add(char *line, const char *jails, Inventory *inventory) {
        char *state = NULL, *field = strtok_r(line, " ", &state), *target = NULL;
        const char *type = NULL, *inside;
        VmId vm;

        for (size_t i = 0; field; i++, field = strtok_r(NULL, " ", &state)) {
                if (i == 4)
                        target = field;
                /* The optional fields before the dash vary in number. */
                if (i >= 6 && string_equal(field, "-")) {
                        type = strtok_r(NULL, " ", &state);
                        break;
                }
        }
        if (!target || !type)
                return -EBADMSG;
        unescape(target);
        inside = path_below(target, jails);
        if (!inside)
                return 0;
        return inventory_add(inventory, INVENTORY_MOUNT, target,
                             jail_vm(inside, &vm) ? &vm : NULL, type);
}

int mounts_parse(char *table, const char *jails, Inventory *inventory) {
        char *state = NULL;

        for (char *line = strtok_r(table, "\n", &state); line;
             line = strtok_r(NULL, "\n", &state)) {
                int r = mount_add(line, jails, inventory);

                if (r < 0)
                        return r;
        }
        return 0;
}

int mounts_read(const Host *host, Inventory *inventory, Error *reterr) {
        _cleanup_free_ char *table = NULL, *jails = NULL;
        int r;

        r = io_read_file(host->proc_fd, "self/mountinfo", TABLE_MAX, &table, NULL);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read /proc/self/mountinfo");
        jails = string_format("%s/jails", host->paths->state);
        r = jails ? mounts_parse(table, jails, inventory) : -ENOMEM;
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot understand /proc/self/mountinfo");
        return 0;
}
