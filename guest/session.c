#include "guest/session.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "common/api-guest.h"
#include "common/clock.h"
#include "common/strings.h"
#include "common/varlink-poll.h"
#include "common/version.h"
#include "guest/exec.h"

typedef struct Session {
        const SessionConfig *config;
        int fd;         /* borrowed: only to end the conversation */
        GuestExec exec; /* kept for the upgrade */
        bool stops;
        uint64_t stop_timeout_usec;
} Session;

static int handle_info(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                       Error *reterr) {
        const Session *session = userdata;
        char version[32];
        struct utsname name;
        GuestInfo info = {
                .version = version,
                .kernel = name.release,
                .is_init = session->config->init == INIT_SELF,
        };

        if (uname(&name) < 0)
                return error_set_errno(reterr, errno, "cannot tell the kernel's release");
        (void) snprintf(version, sizeof(version), "%s", banger_version);
        return varlink_call_reply(call, &info);
}

static void exec_upgraded(int fd, const void *rest, size_t rest_size, void *userdata) {
        Session *session = userdata;

        if (fd >= 0)
                (void) exec_serve(fd, rest, rest_size, &session->exec);
}

/* The call and its parameters are gone when the upgrade comes. */
static int exec_copy(const GuestExec *exec, GuestExec *ret) {
        GuestExec copy = {.command = strv_copy(exec->command)};

        if (exec->environment)
                copy.environment = strv_copy(exec->environment);
        if (exec->directory)
                copy.directory = string_format("%s", exec->directory);
        if (!copy.command || (exec->environment && !copy.environment) ||
            (exec->directory && !copy.directory)) {
                schema_clear(&guest_exec_schema, &copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

static int handle_exec(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        Session *session = userdata;
        int r;

        if (session->config->spare_idle_usec > 0) {
                r = error_set(reterr, ERROR_BUSY, EBUSY, "too many commands run in this guest");
                return error_set_hint(reterr, r, "try again when one has ended");
        }
        r = exec_copy(parameters, &session->exec);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot run the command");
        varlink_call_set_upgrade(call, exec_upgraded, session);
        return varlink_call_reply(call, NULL);
}

static int handle_stop(VarlinkCall *call, const void *parameters, void *userdata,
                       _unused_ Error *reterr) {
        const GuestStop *stop = parameters;
        Session *session = userdata;

        session->stops = true;
        session->stop_timeout_usec = (uint64_t) stop->timeout_ms * USEC_PER_MSEC;
        /* Nothing further is heard, so serving ends as soon as the reply is out. */
        (void) shutdown(session->fd, SHUT_RD);
        return varlink_call_reply(call, NULL);
}

static const VarlinkMethod methods[] = {
        {"io.banger.Guest.Info", handle_info, 0},
        {"io.banger.Guest.Exec", handle_exec, 0},
        {"io.banger.Guest.Stop", handle_stop, 0},
};

int session_serve(const SessionConfig *config, int fd) {
        static const Interface *const interfaces[] = {&interface_guest, NULL};
        const VarlinkServeConfig times = {
                .idle_timeout_usec = config->spare_idle_usec > 0 ? config->spare_idle_usec :
                                                                   UINT64_MAX,
                .stall_timeout_usec = 30 * USEC_PER_SEC,
                .total_timeout_usec = UINT64_MAX,
        };
        /* The host is root here: whoever reaches the port may do anything. */
        const Peer host = {.uid = 0};
        Session session = {.config = config, .fd = fd};
        const VarlinkServerConfig server_config = {
                .vendor = "banger",
                .product = "banger-guest",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = interfaces,
                .methods = methods,
                .n_methods = ELEMENTSOF(methods),
                .limits = &varlink_limits_daemon,
                .userdata = &session,
        };
        VarlinkServer *server = NULL;
        int r;

        r = varlink_server_new(&server_config, &server);
        if (r < 0)
                close_fd(fd);
        else
                r = varlink_serve(server, fd, &host, &times);
        varlink_server_free(server);
        schema_clear(&guest_exec_schema, &session.exec);
        if (session.stops)
                config->stop(config->init, session.stop_timeout_usec);
        return r;
}
