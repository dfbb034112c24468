#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/daemon.h"
#include "common/install.h"

static const struct {
        const char *name;
        const char *socket_unit;
} daemons[] = {
        [DAEMON_BANGERD] = {"bangerd", "bangerd.socket"},
        [DAEMON_HELPER] = {"bangerd-root", "bangerd-root.socket"},
};

static int not_there(const Host *host, Daemon daemon, int r, Error *reterr) {
        if (faccessat(AT_FDCWD, host->install_conf, F_OK, AT_EACCESS) < 0 && errno == ENOENT) {
                r = error_set(reterr, ERROR_NOT_INSTALLED, -r,
                              "cannot reach %s: banger is not installed on this host",
                              daemons[daemon].name);
                return error_set_hint(reterr, r, "run: sudo banger system install --owner USER");
        }
        r = error_set(reterr, ERROR_UNREACHABLE, -r, "cannot reach %s: %s is not running",
                      daemons[daemon].name, daemons[daemon].socket_unit);
        return error_set_hint(reterr, r, "run: sudo systemctl start %s",
                              daemons[daemon].socket_unit);
}

static int not_the_owner(const Host *host, Daemon daemon, int r, Error *reterr) {
        InstallConf conf = {.owner = NULL};

        if (install_conf_read(host->install_conf, host->root_uid, &conf, NULL) < 0)
                return error_set(reterr, ERROR_NOT_PERMITTED, -r,
                                 "cannot reach %s: it belongs to another user",
                                 daemons[daemon].name);
        r = error_set(reterr, ERROR_NOT_PERMITTED, -r,
                      "cannot reach %s: banger on this host belongs to %s", daemons[daemon].name,
                      conf.owner);
        r = error_set_hint(reterr, r, "run this command as %s", conf.owner);
        install_conf_clear(&conf);
        return r;
}

int daemon_connect(const Host *host, Daemon daemon, VarlinkClient **ret, Error *reterr) {
        const char *path = daemon == DAEMON_HELPER ? host->helper_socket : host->bangerd_socket;
        _cleanup_error_ Error error = ERROR_INIT;
        int r = varlink_client_connect(path, ret, &error);

        switch (r) {
        case 0:
                return 0;
        case -ENOENT:
        case -ECONNREFUSED:
                return not_there(host, daemon, r, reterr);
        case -EACCES:
        case -EPERM:
                return not_the_owner(host, daemon, r, reterr);
        default:
                if (reterr)
                        error_move(reterr, &error);
                return error_prepend(reterr, r, "cannot reach %s", daemons[daemon].name);
        }
}

int daemon_call(const Host *host, const Interface *interface, const char *method, const void *in,
                void *out, int *ret_fd, uint64_t deadline_usec, Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        int r = daemon_connect(host, DAEMON_BANGERD, &client, reterr);

        if (r < 0)
                return r;
        return varlink_client_call(client, interface, method, in, out, NULL, 0, ret_fd,
                                   deadline_usec, reterr);
}

static int ask(const Host *host, Daemon daemon, const Interface *interface, const char *method,
               void *reply, uint64_t deadline_usec, Error *reterr) {
        _cleanup_client_ VarlinkClient *client = NULL;
        int r = daemon_connect(host, daemon, &client, reterr);

        if (r < 0)
                return r;
        r = varlink_client_call(client, interface, method, NULL, reply, NULL, 0, NULL,
                                deadline_usec, reterr);
        return r < 0 ? error_prepend(reterr, r, "%s does not answer", daemons[daemon].name) : 0;
}

int daemon_get_status(const Host *host, uint64_t deadline_usec, SystemStatus *ret, Error *reterr) {
        return ask(host, DAEMON_BANGERD, &interface_system, "GetStatus", ret, deadline_usec,
                   reterr);
}

int daemon_get_summary(const Host *host, uint64_t deadline_usec, SystemSummary *ret,
                       Error *reterr) {
        return ask(host, DAEMON_BANGERD, &interface_system, "GetSummary", ret, deadline_usec,
                   reterr);
}

int daemon_ping_helper(const Host *host, uint64_t deadline_usec, RootPong *ret, Error *reterr) {
        return ask(host, DAEMON_HELPER, &interface_root, "Ping", ret, deadline_usec, reterr);
}

int daemon_read_inventory(const Host *host, uint64_t deadline_usec, Inventory *ret,
                          Error *reterr) {
        return ask(host, DAEMON_HELPER, &interface_root, "Inventory", ret, deadline_usec, reterr);
}

int daemon_remove_bridge(const Host *host, uint64_t deadline_usec, Error *reterr) {
        return ask(host, DAEMON_HELPER, &interface_root, "BridgeRemove", NULL, deadline_usec, reterr);
}
