#include "daemon/guest-channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/varlink-event.h"
#include "common/varlink-poll.h"
#include "common/version.h"

/* The agent's call stays open; one that broke may still be seen when the next comes. */
#define CLIENTS_MAX 8
#define STALL_TIMEOUT_USEC (10 * USEC_PER_SEC)
/* "OK 1073741824\n" and room to spare. */
#define ANSWER_MAX 64

struct GuestChannel {
        GuestChannelConfig config;
        VarlinkServerConfig server_config;
        VarlinkServer *server;
        VarlinkListener *listener;
};

/* A guest is not trusted: small messages, no descriptors. */
const VarlinkLimits guest_channel_limits = {
        .message_max = 16384,
        .output_max = 65536,
        .fds_max = 0,
};

static int on_hello(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const GuestChannel *channel = userdata;
        GuestConfig config = {};
        int r;

        r = channel->config.hello(parameters, &config, channel->config.userdata, reterr);
        if (r >= 0)
                r = varlink_call_reply(call, &config);
        schema_clear(&guest_config_schema, &config);
        return r;
}

static int on_report(VarlinkCall *call, const void *parameters, void *userdata,
                     _unused_ Error *reterr) {
        const GuestChannel *channel = userdata;

        channel->config.report(parameters, channel->config.userdata);
        return varlink_call_reply(call, NULL);
}

static const VarlinkMethod methods[] = {
        {"io.banger.Host.Hello", on_hello, 0},
        {"io.banger.Host.Report", on_report, 0},
};

static const Interface *const interfaces[] = {&interface_host, NULL};

static int authorize(const Peer *peer, void *userdata) {
        const GuestChannel *channel = userdata;

        return peer->uid == channel->config.uid ? 0 : -EACCES;
}

int guest_channel_new(sd_event *event, int listener_fd, const GuestChannelConfig *config,
                      GuestChannel **ret) {
        _cleanup_close_ int fd = listener_fd;
        GuestChannel *channel = calloc(1, sizeof(*channel));
        VarlinkListenerConfig listener_config = {
                .clients_max = CLIENTS_MAX,
                .stall_timeout_usec = STALL_TIMEOUT_USEC,
                .authorize = authorize,
                .userdata = channel,
        };
        int r;

        if (!channel)
                return -ENOMEM;
        channel->config = *config;
        channel->server_config = (VarlinkServerConfig) {
                .vendor = "banger",
                .product = "bangerd",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = interfaces,
                .methods = methods,
                .n_methods = ELEMENTSOF(methods),
                .limits = &guest_channel_limits,
                .userdata = channel,
        };
        r = varlink_server_new(&channel->server_config, &channel->server);
        if (r >= 0)
                r = varlink_listener_new(event, channel->server, steal_fd(&fd), &listener_config,
                                         &channel->listener);
        if (r < 0) {
                guest_channel_free(channel);
                return r;
        }
        *ret = channel;
        return 0;
}

GuestChannel *guest_channel_free(GuestChannel *channel) {
        if (!channel)
                return NULL;
        varlink_listener_free(channel->listener);
        varlink_server_free(channel->server);
        free(channel);
        return NULL;
}

/* Byte by byte: what comes after the line belongs to the agent. */
static int read_line(int fd, char *line, size_t size, uint64_t deadline_usec) {
        size_t used = 0;

        while (used < size - 1) {
                struct pollfd wait = {.fd = fd, .events = POLLIN};
                int n = poll(&wait, 1, clock_poll_timeout(deadline_usec));
                ssize_t got;

                if (n == 0)
                        return -ETIMEDOUT;
                if (n < 0 && errno == EINTR)
                        continue;
                got = n < 0 ? -1 : read(fd, line + used, 1);
                if (got < 0)
                        return -errno;
                if (got == 0)
                        return -ECONNRESET; /* nobody listens on that port in the guest */
                if (line[used] == '\n') {
                        line[used] = '\0';
                        return 0;
                }
                used++;
        }
        return -EPROTO;
}

int guest_read_answer(int fd, uint64_t deadline_usec) {
        char line[ANSWER_MAX];
        int r = read_line(fd, line, sizeof(line), deadline_usec);

        if (r < 0)
                return r;
        return strncmp(line, "OK ", 3) == 0 ? 0 : -EPROTO;
}

static int shake_hands(int fd, uint64_t deadline_usec) {
        char line[ANSWER_MAX];
        int n = snprintf(line, sizeof(line), "CONNECT %d\n", GUEST_VSOCK_PORT);

        if (send(fd, line, (size_t) n, MSG_NOSIGNAL) != n)
                return -ECONNRESET;
        return guest_read_answer(fd, deadline_usec);
}

/* Somebody ended the agent, or the guest hangs. */
static int no_answer(int errnum, const char *message, Error *reterr) {
        int r = error_set(reterr, errnum == ETIMEDOUT ? ERROR_TIMED_OUT : ERROR_UNAVAILABLE, errnum,
                          "%s", message);

        return error_set_hint(reterr, r, "if it stays so, run: banger vm stop --force VM, and start it again");
}

int guest_connect(int vsock_fd, uint64_t deadline_usec, int *ret_fd, Error *reterr) {
        _cleanup_close_ int fd = -1;
        char path[32];
        int r;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", vsock_fd);
        r = io_connect_unix(path, deadline_usec, &fd);
        if (r == -ETIMEDOUT)
                return no_answer(-r, "the VMM takes no connections", reterr);
        if (r < 0)
                return error_set(reterr, ERROR_UNAVAILABLE, -r, "cannot reach the VMM: %s",
                                 strerrordesc_np(-r));
        r = shake_hands(fd, deadline_usec);
        if (r == -ECONNRESET)
                return no_answer(ECONNREFUSED, "the guest's agent takes no calls", reterr);
        if (r == -ETIMEDOUT)
                return no_answer(-r, "the guest's agent does not answer", reterr);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot reach the guest's agent");
        *ret_fd = steal_fd(&fd);
        return 0;
}

int guest_stop(int vsock_fd, int64_t timeout_ms, uint64_t deadline_usec, Error *reterr) {
        const GuestStop stop = {.timeout_ms = timeout_ms};
        VarlinkClient *client = NULL;
        int fd = -1, r;

        r = guest_connect(vsock_fd, deadline_usec, &fd, reterr);
        if (r < 0)
                return r;
        r = varlink_client_new(fd, &client);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot talk to the guest's agent");
        r = varlink_client_call(client, &interface_guest, "Stop", &stop, NULL, NULL, 0, NULL,
                                deadline_usec, reterr);
        varlink_client_free(client);
        return r;
}
