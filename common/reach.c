#include "common/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

const char *daemon_name(Daemon daemon) {
        return daemons[daemon].name;
}
