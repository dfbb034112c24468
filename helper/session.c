#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/strings.h"
#include "common/version.h"
#include "helper/dispatch.h"
#include "helper/session.h"

#define LOCK_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define LOCK_PAUSE_MS 20
#define LOCK_FILE ".lock" /* below the directory of jails */

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
        _cleanup_session_ Session session = SESSION_INIT;
        int r;

        session.config = config;
        session.fd = fd;
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
        *ret = steal_struct(session, SESSION_INIT);
        return 0;
}

void session_clear(Session *session) {
        session_leave_vm(session);
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

/* One byte of the file a VM: the number that its id is. Not blocking in the kernel, for the caller may
 * leave. */
static int wait_for_lock(const Session *session, int fd, Error *reterr) {
        uint64_t deadline_usec = clock_monotonic_usec() + LOCK_TIMEOUT_USEC;
        struct pollfd client = {.fd = session->fd};
        struct flock lock = {
                .l_type = F_WRLCK,
                .l_whence = SEEK_SET,
                .l_start = (off_t) strtoull(session->vm.text, NULL, 16),
                .l_len = 1,
        };

        while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
                if (errno != EAGAIN && errno != EACCES && errno != EINTR)
                        return error_set_errno(reterr, errno, "cannot lock the VM");
                if (clock_monotonic_usec() >= deadline_usec)
                        return error_set(reterr, ERROR_BUSY, EBUSY,
                                         "another call about vm %s is under way",
                                         session->vm.text);
                if (poll(&client, 1, LOCK_PAUSE_MS) > 0)
                        return error_set(reterr, ERROR_CANCELED, ECANCELED, "the caller has left");
        }
        return 0;
}

int session_lock_vm(Session *session, Error *reterr) {
        _cleanup_close_ int state_fd = -1, fd = -1;
        int r;

        state_fd = open(session->config->paths->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (state_fd < 0)
                return error_set_errno(reterr, errno, "cannot lock the VM");
        fd = host_open_lock(state_fd, LOCK_FILE);
        if (fd < 0)
                return error_set_errno(reterr, -fd, "cannot lock the VM");
        r = wait_for_lock(session, fd, reterr);
        if (r >= 0)
                session->vm_lock_fd = steal_fd(&fd);
        return r;
}

int session_name_vm(Session *session, const char *id, VmId *ret, Error *reterr) {
        int r = vm_id_parse(id, ret);

        session_leave_vm(session);
        if (r < 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, -r, "\"%s\" is no VM id", id);
        session->vm = *ret;
        return 0;
}

int session_vm(Session *session, const char *id, VmId *ret, Error *reterr) {
        int r = session_name_vm(session, id, ret, reterr);

        return r < 0 ? r : session_lock_vm(session, reterr);
}

void session_leave_vm(Session *session) {
        session->vm_lock_fd = close_fd(session->vm_lock_fd);
        session->vm = (VmId) {};
}

int session_serve(const SessionConfig *config, int fd_taken) {
        _cleanup_(server_cleanup) VarlinkServer *server = NULL;
        _cleanup_close_ int fd = fd_taken;
        _cleanup_session_ Session session = SESSION_INIT;
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
