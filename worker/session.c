#include <errno.h>
#include <poll.h>

#include "common/version.h"
#include "worker/dispatch.h"
#include "worker/session.h"

static void server_cleanup(VarlinkServer **server) {
        varlink_server_free(*server);
}

static void connection_cleanup(VarlinkConnection **connection) {
        varlink_connection_free(*connection);
}

void session_flush(Session *session) {
        (void) varlink_wire_send(varlink_connection_wire(session->connection), session->fd);
}

int session_check_uid(uid_t uid, Error *reterr) {
        int r;

        if (uid != 0)
                return 0;
        r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "the worker does not run as root");
        return error_set_hint(reterr, r,
                              "its unit lacks the owner's User=; run: sudo banger system install "
                              "--owner USER");
}

/* Not varlink_serve(): a job sends its progress while its handler runs. 1: go on. */
static int session_turn(Session *session, Error *reterr) {
        VarlinkWire *wire = varlink_connection_wire(session->connection);
        struct pollfd item = {.fd = session->fd};
        uint64_t deadline = clock_monotonic_usec() + session->config->idle_timeout_usec;
        int r, sent;

        r = varlink_connection_process(session->connection);
        sent = varlink_wire_send(wire, session->fd);
        if (r < 0)
                return error_set_errno(reterr, -r, "the client broke the protocol");
        if (sent < 0)
                return 0;
        if (r == 1 && sent == 1)
                return 1;
        item.events = sent == 1 ? POLLIN : POLLOUT;
        do {
                r = poll(&item, 1, clock_poll_timeout(deadline));
        } while (r < 0 && errno == EINTR);
        if (r <= 0)
                return r < 0 ? error_set_errno(reterr, errno, "cannot wait") : 0;
        if (sent != 1)
                return item.revents & (POLLERR | POLLHUP) ? 0 : 1;
        r = varlink_wire_receive(wire, session->fd, reterr);
        return r == -EAGAIN ? 1 : r;
}

int session_serve(const SessionConfig *config, int fd_taken, Error *reterr) {
        _cleanup_close_ int fd = fd_taken;
        _cleanup_(server_cleanup) VarlinkServer *server = NULL;
        Session session = {.config = config, .fd = fd};
        VarlinkServerConfig server_config = {
                .vendor = "banger",
                .product = "banger-worker",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = worker_interfaces,
                .methods = worker_methods,
                .n_methods = worker_n_methods,
                .hooks = &worker_hooks,
                .limits = &varlink_limits_daemon,
                .userdata = &session,
        };
        _cleanup_(connection_cleanup) VarlinkConnection *connection = NULL;
        Peer peer;
        int r;

        r = peer_read(fd, &peer);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot tell who has connected");
        if (peer.uid != 0 && peer.uid != config->uid)
                return error_set(reterr, ERROR_NOT_PERMITTED, EACCES,
                                 "uid %u is neither root nor uid %u", peer.uid, config->uid);
        r = varlink_server_new(&server_config, &server);
        if (r >= 0)
                r = varlink_connection_new(server, &peer, &connection);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot serve");
        session.connection = connection;
        do {
                r = session_turn(&session, reterr);
        } while (r > 0);
        return r;
}
