#include "helper/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>

#include "common/io.h"

#define FORWARDING "sys/net/ipv4/ip_forward"

int sysctl_get_forwarding(const Host *host, bool *ret, Error *reterr) {
        _cleanup_close_ int fd = host_open_below(host->proc_fd, FORWARDING, O_RDONLY);
        char digit = '\0';
        int r = fd < 0 ? fd : io_read_full(fd, &digit, 1);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read net.ipv4.ip_forward");
        *ret = digit != '0';
        return 0;
}

int sysctl_set_forwarding(const Host *host, bool on, Error *reterr) {
        _cleanup_close_ int fd = host_open_below(host->proc_fd, FORWARDING, O_WRONLY);
        int r = fd < 0 ? fd : io_write_full(fd, on ? "1\n" : "0\n", 2);

        return r < 0 ? error_set_errno(reterr, -r, "cannot set net.ipv4.ip_forward to %d", on) : 0;
}

int sysctl_set_route_localnet(const Host *host, const char *bridge, bool on, Error *reterr) {
        char path[sizeof("sys/net/ipv4/conf//route_localnet") + IFNAMSIZ];
        _cleanup_close_ int fd = -1;
        int r;

        (void) snprintf(path, sizeof(path), "sys/net/ipv4/conf/%s/route_localnet", bridge);
        fd = host_open_below(host->proc_fd, path, O_WRONLY);
        if (fd == -ENOENT && !on)
                return 0;
        if (fd == -ENOENT)
                return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "there is no bridge %s",
                                 bridge);
        r = fd < 0 ? fd : io_write_full(fd, on ? "1\n" : "0\n", 2);
        return r < 0 ? error_set_errno(reterr, -r, "cannot set route_localnet of %s", bridge) : 0;
}
