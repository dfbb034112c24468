#include "helper/guard.h"

#include <errno.h>
#include <netinet/in.h> /* before the kernel's, which then leave its types alone */

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "common/strings.h"
#include "helper/bus.h"
#include "helper/firewall-probe.h"
#include "helper/firewall.h"
#include "helper/network.h"

int guard_open(int *ret_fd) {
        const struct sockaddr_nl address = {
                .nl_family = AF_NETLINK,
                .nl_groups = 1U << (NFNLGRP_NFTABLES - 1),
        };
        _cleanup_close_ int fd = -1;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
        /* What is told is not read, so it need not be kept either: the kernel makes it its least. */
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int) {1}, sizeof(int)) < 0 ||
            bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        *ret_fd = steal_fd(&fd);
        return 0;
}

void guard_drain(int fd) {
        char byte;

        while (recv(fd, &byte, 1, 0) >= 0 || errno == ENOBUFS || errno == EINTR)
                ;
}

bool guard_is_needed(Guard *guard) {
        const FirewallTable *ip;
        FirewallState state = {};

        if (firewall_probe(&state) < 0)
                return true;
        ip = &state.tables[FIREWALL_IP];
        if (ip->ours) {
                guard->routing_was_off = ip->routing_was_off;
                guard->routing.refuses_redirects = ip->routing.refuses_redirects;
        }
        return !firewall_state_is_whole(&state);
}

/* Mode "fail": a stop that is under way goes on. Where systemd refuses, bangerd does not run, or not for
 * long, and sets the network at its next start. */
static int reload_daemon(const Host *host, Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = bus_connect_manager(host->paths->bus, &bus, reterr);
        if (r >= 0)
                r = bus_manager_call(bus, "ReloadUnit", &call, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "ss", "bangerd.service", "fail");
        if (r >= 0)
                r = sd_bus_call(bus, call, 0, &error, NULL);
        if (r >= 0 || (error.name && string_after_prefix(error.name, BUS_SYSTEMD ".")))
                return 0;
        return error_set_errno(reterr, -r, "systemd does not answer");
}

static int mend(Session *session, const Guard *guard, Host *ret_host, Error *reterr) {
        _cleanup_close_ int lock = -1;
        int r = session_host(session, ret_host, reterr);

        if (r >= 0)
                r = network_lock(ret_host, 0, &lock, reterr);
        if (r >= 0)
                r = firewall_mend(ret_host, &session->settings,
                                  guard->routing_was_off ? &guard->routing : NULL, reterr);
        if (r > 0)
                log_write(LOG_WARNING, NULL,
                          "another program has removed the tables of the guests' network; they are "
                          "there again, and let nothing through until bangerd has set it");
        return r;
}

int guard_restore(const SessionConfig *config, Guard *guard, Error *reterr) {
        _cleanup_session_ Session session = SESSION_INIT;
        _cleanup_host_ Host host = HOST_INIT;
        int r;

        session.config = config;
        r = mend(&session, guard, &host, reterr);
        if (r < 0)
                return r;
        guard->owes_reload = guard->owes_reload || r > 0;
        if (!guard->owes_reload)
                return 0;
        r = reload_daemon(&host, reterr);
        guard->owes_reload = r < 0;
        r = error_prepend(reterr, r, "cannot have the network of the guests set anew");
        return error_set_hint(reterr, r, "run: systemctl reload bangerd");
}
