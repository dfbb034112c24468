#include "helper/link-ipv6.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>

#include "common/io.h"

int link_disable_ipv6(const Host *host, const char *name, Error *reterr) {
        char path[sizeof("sys/net/ipv6/conf//disable_ipv6") + IFNAMSIZ];
        _cleanup_close_ int fd = -1;
        int r;

        (void) snprintf(path, sizeof(path), "sys/net/ipv6/conf/%s/disable_ipv6", name);
        fd = host_open_kernel(host->proc_fd, path, O_WRONLY);
        if (fd == -ENOENT)
                return 0;
        r = fd < 0 ? fd : io_write_full(fd, "1\n", 2);
        return r < 0 ? error_set_errno(reterr, -r, "cannot turn IPv6 off on %s", name) : 0;
}
