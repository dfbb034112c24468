#include <errno.h>
#include <unistd.h>

#include "common/version.h"
#include "helper/dispatch.h"
#include "helper/session.h"

static void server_cleanup(VarlinkServer **server) {
        varlink_server_free(*server);
}

static int session_check_peer(const Session *session, Error *reterr) {
        if (session->peer.uid == 0 || session->peer.uid == session->install.uid)
                return 0;
        return error_set(reterr, ERROR_NOT_PERMITTED, EACCES,
                         "uid %u is neither root nor the owner of this installation",
                         session->peer.uid);
}

int session_open(const SessionConfig *config, int fd, Session *ret, Error *reterr) {
        _cleanup_session_ Session session = {.config = config, .fd = fd};
        int r;

        r = peer_read(fd, &session.peer);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot tell who has connected");
        /* Read anew for each connection, so that a changed owner needs no restart. */
        r = install_conf_read(config->install_conf, config->install_conf_uid, &session.install,
                              reterr);
        if (r >= 0)
                r = session_check_peer(&session, reterr);
        if (r < 0) {
                record_call(config->record, &(RecordedCall) {
                                                    .peer = &session.peer,
                                                    .r = r,
                                                    .error = reterr,
                                            });
                return r;
        }
        session.settings = config_default;
        *ret = session;
        session = (Session) {};
        return 0;
}

void session_clear(Session *session) {
        install_conf_clear(&session->install);
        config_clear(&session->settings);
}

int session_host(Session *session, Host *ret, Error *reterr) {
        const SessionConfig *config = session->config;
        Config settings = config_default;
        int r;

        if (config->banger_conf) {
                r = config_read(config->banger_conf, config->install_conf_uid, &settings, reterr);
                if (r < 0)
                        return r;
        }
        config_clear(&session->settings);
        session->settings = settings;
        session->paths = *config->paths;
        session->paths.bridge = session->settings.bridge;
        return host_open(&session->paths, ret, reterr);
}

int session_vm(Session *session, const char *id, VmId *ret, Error *reterr) {
        int r = vm_id_parse(id, ret);

        if (r < 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, -r, "\"%s\" is no VM id", id);
        session->vm = *ret;
        return 0;
}

int session_serve(const SessionConfig *config, int fd_taken) {
        _cleanup_(server_cleanup) VarlinkServer *server = NULL;
        _cleanup_close_ int fd = fd_taken;
        _cleanup_session_ Session session = {};
        _cleanup_error_ Error error = ERROR_INIT;
        VarlinkServerConfig server_config = {
                .vendor = "banger",
                .product = "bangerd-root",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = root_interfaces,
                .methods = root_methods,
                .n_methods = root_n_methods,
                .hooks = &root_hooks,
                .limits = &varlink_limits_helper,
                .userdata = &session,
        };
        int r;

        r = session_open(config, fd, &session, &error);
        if (r < 0)
                return r;
        r = varlink_server_new(&server_config, &server);
        if (r < 0)
                return r;
        return varlink_serve(server, steal_fd(&fd), &session.peer, &config->times);
}
