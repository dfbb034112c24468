#include "helper/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/log.h"
#include "common/strings.h"
#include "helper/directory.h"

#define CONF "sys/net/ipv4/conf"
#define IP_FORWARD "sys/net/ipv4/ip_forward"
#define ACCEPT_REDIRECTS CONF "/all/accept_redirects"
#define LINK_PATH_MAX (sizeof(CONF "//route_localnet") + IFNAMSIZ)

static int get_switch(const Host *host, const char *path, bool *ret) {
        _cleanup_close_ int fd = host_open_kernel(host->proc_fd, path, O_RDONLY);
        char digit = '\0';
        int r = fd < 0 ? fd : io_read_full(fd, &digit, 1);

        if (r >= 0)
                *ret = digit != '0';
        return r;
}

static int set_switch(const Host *host, const char *path, bool on) {
        _cleanup_close_ int fd = host_open_kernel(host->proc_fd, path, O_WRONLY);

        return fd < 0 ? fd : io_write_full(fd, on ? "1\n" : "0\n", 2);
}

/* Named as sysctl(8) does. */
static int failed(int r, const char *doing, const char *path, Error *reterr) {
        _cleanup_free_ char *name = strdup(path + strlen("sys/"));

        for (char *at = name; at && *at != '\0'; at++)
                if (*at == '/')
                        *at = '.';
        return error_set_errno(reterr, -r, "cannot %s %s", doing, name ? name : path);
}

int sysctl_get_forwarding(const Host *host, bool *ret, Error *reterr) {
        int r = get_switch(host, IP_FORWARD, ret);

        return r < 0 ? failed(r, "read", IP_FORWARD, reterr) : 0;
}

int sysctl_set_forwarding(const Host *host, bool on, Error *reterr) {
        int r = set_switch(host, IP_FORWARD, on);

        return r < 0 ? failed(r, "set", IP_FORWARD, reterr) : 0;
}

int sysctl_set_route_localnet(const Host *host, const char *bridge, bool on, Error *reterr) {
        char path[LINK_PATH_MAX];
        int r;

        (void) snprintf(path, sizeof(path), CONF "/%s/route_localnet", bridge);
        r = set_switch(host, path, on);
        if (r == -ENOENT && !on)
                return 0;
        if (r == -ENOENT)
                return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "there is no bridge %s",
                                 bridge);
        return r < 0 ? failed(r, "set", path, reterr) : 0;
}

/* ---- what ip_forward resets ---- */

void routing_clear(Routing *routing) {
        free(routing->links);
        *routing = (Routing) {};
}

static bool is_plain(const char *name) {
        return name[0] != '\0' && strlen(name) < IFNAMSIZ && name[strcspn(name, "\"\\\n")] == '\0';
}

int routing_add_link(Routing *routing, const char *name) {
        char(*links)[IFNAMSIZ];

        if (!is_plain(name))
                return 0;
        links = reallocarray(routing->links, routing->n_links + 1, sizeof(*links));
        if (!links)
                return -ENOMEM;
        routing->links = links;
        (void) snprintf(links[routing->n_links++], IFNAMSIZ, "%s", name);
        return 0;
}

static void link_path(const char *name, char path[static LINK_PATH_MAX]) {
        (void) snprintf(path, LINK_PATH_MAX, CONF "/%.*s/forwarding", IFNAMSIZ - 1, name);
}

/* A link may go between being listed and being asked. */
static int read_link(const Host *host, const char *name, Routing *routing, Error *reterr) {
        char path[LINK_PATH_MAX];
        bool on = false;
        int r;

        link_path(name, path);
        r = get_switch(host, path, &on);
        if (r < 0)
                return r == -ENOENT ? 0 : failed(r, "read", path, reterr);
        r = on ? routing_add_link(routing, name) : 0;
        return r < 0 ? error_set_errno(reterr, -r, "cannot note which links forward") : 0;
}

/* "all" is ip_forward itself. */
static int read_links(const Host *host, Routing *routing, Error *reterr) {
        _cleanup_(directory_cleanup) DIR *directory = NULL;
        const struct dirent *entry;
        int fd, r = 0;

        fd = host_open_kernel(host->proc_fd, CONF, O_RDONLY | O_DIRECTORY);
        directory = fd < 0 ? NULL : fdopendir(fd);
        if (!directory) {
                r = error_set_errno(reterr, fd < 0 ? -fd : errno, "cannot list net.ipv4.conf");
                close_fd(fd);
                return r;
        }
        while (r >= 0 && (entry = readdir(directory)))
                if (entry->d_name[0] != '.' && !string_equal(entry->d_name, "all"))
                        r = read_link(host, entry->d_name, routing, reterr);
        return r;
}

int sysctl_read_routing(const Host *host, Routing *ret, Error *reterr) {
        Routing routing = {};
        bool accepts = false;
        int r;

        r = get_switch(host, ACCEPT_REDIRECTS, &accepts);
        if (r < 0)
                return failed(r, "read", ACCEPT_REDIRECTS, reterr);
        routing.refuses_redirects = !accepts;
        r = read_links(host, &routing, reterr);
        if (r < 0)
                routing_clear(&routing);
        else
                *ret = routing;
        return r;
}

/* Another's setting that cannot be put back is no reason to keep guests' rules as they are. */
static void restore_switch(const Host *host, const char *path, bool on) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = set_switch(host, path, on);

        if (r < 0 && r != -ENOENT) {
                (void) failed(r, "set", path, &error);
                log_error(LOG_WARNING, NULL, &error, "not as it was before");
        }
}

int sysctl_restore_routing(const Host *host, const Routing *routing, Error *reterr) {
        char path[LINK_PATH_MAX];
        int r = sysctl_set_forwarding(host, false, reterr);

        if (r < 0)
                return r;
        if (routing->refuses_redirects)
                restore_switch(host, ACCEPT_REDIRECTS, false);
        for (size_t i = 0; i < routing->n_links; i++) {
                link_path(routing->links[i], path);
                restore_switch(host, path, true);
        }
        return 0;
}
