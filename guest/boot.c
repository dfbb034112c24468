#include "guest/boot.h"

#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/strings.h"
#include "guest/agent.h"
#include "guest/console.h"
#include "guest/host.h"
#include "guest/identity.h"
#include "guest/modules.h"
#include "guest/network.h"
#include "guest/ready.h"
#include "guest/rootfs.h"
#include "guest/vsock.h"
#include "guest/work-disk.h"

#define HOST_USEC (30 * USEC_PER_SEC) /* for the host to take and answer the call */
#define DEVICE_USEC (10 * USEC_PER_SEC)
#define REPORT_USEC (5 * USEC_PER_SEC)
#define AGENT_USEC (20 * USEC_PER_SEC)

typedef struct Boot {
        VarlinkClient *host;
        GuestConfig config;
        Error lacks; /* what the host is to be told of all that the guest does without */
} Boot;

static uint64_t after(uint64_t usec) {
        return clock_monotonic_usec() + usec;
}

static int step_kernel(_unused_ Boot *boot, Error *reterr) {
        int r = rootfs_mount_kernel(reterr);

        console_open();
        return r;
}

static int step_modules(_unused_ Boot *boot, Error *reterr) {
        return modules_load("/modules.load", reterr);
}

static int step_host(Boot *boot, Error *reterr) {
        uint64_t deadline = after(HOST_USEC);
        int fd, r;

        r = vsock_connect_host(GUEST_VSOCK_PORT, deadline, &fd);
        if (r >= 0)
                r = varlink_client_new(fd, &boot->host);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot connect to the host");
        r = host_hello(boot->host, false, deadline, &boot->config, reterr);
        return r < 0 ? error_prepend(reterr, r, "the host gave no configuration") : 0;
}

static int step_clock(Boot *boot, Error *reterr) {
        return host_set_clock(&boot->config, reterr);
}

static int step_network(Boot *boot, Error *reterr) {
        return network_configure(&boot->config, after(DEVICE_USEC), reterr);
}

static int step_root(Boot *boot, Error *reterr) {
        return rootfs_enter(&boot->config, after(DEVICE_USEC), reterr);
}

static int step_rest(Boot *boot, Error *reterr) {
        return rootfs_mount_rest(&boot->config, after(DEVICE_USEC), reterr);
}

static int step_work(Boot *boot, Error *reterr) {
        return work_disk_mount(&boot->config, after(DEVICE_USEC), reterr);
}

static int step_identity(Boot *boot, Error *reterr) {
        return identity_apply(&boot->config, reterr);
}

typedef enum StepFailure {
        FAILURE_ENDS,  /* the guest */
        FAILURE_PRINT, /* on the console */
        FAILURE_TELL,  /* the host as well: what the user has asked for is not there */
} StepFailure;

/* In order. Where the guest can live without, the boot goes on: somebody can then get in and look. */
static const struct {
        const char *name;
        int (*run)(Boot *boot, Error *reterr);
        StepFailure failure;
} steps[] = {
        {"kernel file systems", step_kernel, FAILURE_ENDS},
        {"modules", step_modules, FAILURE_PRINT},
        {"host", step_host, FAILURE_ENDS},
        {"clock", step_clock, FAILURE_PRINT},
        {"network", step_network, FAILURE_PRINT},
        {"root", step_root, FAILURE_ENDS},
        {"mounts", step_rest, FAILURE_PRINT},
        {"work disk", step_work, FAILURE_TELL},
        {"identity", step_identity, FAILURE_PRINT},
};

static _Noreturn void boot_fail(const Boot *boot, const Error *error) {
        _cleanup_error_ Error ignored = ERROR_INIT;

        console_error("the guest cannot start", error);
        if (boot->host)
                (void) host_report(boot->host, GUEST_FAILED, error->message, after(REPORT_USEC),
                                   &ignored);
        sync();
        (void) reboot(RB_AUTOBOOT);
        for (;;)
                (void) pause();
}

static void run_steps(Boot *boot) {
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int r = steps[i].run(boot, &error);

                if (r >= 0)
                        continue;
                error_prepend(&error, r, "%s", steps[i].name);
                if (steps[i].failure == FAILURE_ENDS)
                        boot_fail(boot, &error);
                console_error("the boot goes on", &error);
                if (steps[i].failure == FAILURE_TELL)
                        error_move(&boot->lacks, &error);
        }
}

/* Waits until the agent says that it answers. */
static int wait_agent(int fd, Error *reterr) {
        const struct timeval timeout = {.tv_sec = (time_t) (AGENT_USEC / USEC_PER_SEC)};
        char byte;

        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        if (recv(fd, &byte, 1, 0) == 1)
                return 0;
        return error_set(reterr, ERROR_FAILED, EIO, "the agent did not start");
}

/* The host passes on what it is told, so that the remedy is in it. */
static char *describe_lacks(const Error *error) {
        if (!error->message)
                return NULL;
        return error->hint ? string_format("%s; %s", error->message, error->hint)
                           : strdup(error->message);
}

static int start_agent(Boot *boot, InitKind init, int *ret_fd, pid_t *ret_pid, Error *reterr) {
        _cleanup_free_ char *lacks = NULL;
        _cleanup_close_ int ours = -1;
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set_errno(reterr, errno, "cannot start the agent");
        ours = pair[0];
        lacks = describe_lacks(&boot->lacks);
        /* Every reply of the host was read, so nothing is lost with the client's buffers. */
        r = agent_start(&(AgentConfig) {.host_fd = varlink_client_fd(boot->host),
                                        .parent_fd = pair[1],
                                        .init = init,
                                        .lacks = lacks},
                        ret_pid, reterr);
        /* With the agent's end open here, its death would go unheard. */
        close_fd(pair[1]);
        if (r >= 0)
                r = wait_agent(ours, reterr);
        if (r < 0)
                return r;
        /* The connection is the agent's from here on. */
        boot->host = varlink_client_free(boot->host);
        *ret_fd = steal_fd(&ours);
        return 0;
}

/* Returns only when it failed; the agent then tells the host. */
static void execute_init(const char *path, InitKind kind, int agent_fd) {
        char file[32], home[] = "HOME=/", term[] = "TERM=linux",
             path_variable[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
             notify[] = "NOTIFY_SOCKET=" READY_SOCKET, text[256];
        char *arguments[] = {file, NULL};
        /* Last, so that only systemd gets it: it does not hand it on to its services. */
        char *environment[] = {home, term, path_variable, kind == INIT_SYSTEMD ? notify : NULL,
                               NULL};
        char byte;
        int n;

        (void) snprintf(file, sizeof(file), "%s", path);
        (void) execve(path, arguments, environment);
        n = snprintf(text, sizeof(text), "cannot execute %s: %s", path, strerror(errno));
        console_print("%s", text);
        if (send(agent_fd, text, (size_t) n, MSG_NOSIGNAL) == n)
                /* Its end: the host knows. The time-out is that of wait_agent(). */
                (void) recv(agent_fd, &byte, 1, 0);
}

_Noreturn void boot_run(void) {
        _cleanup_error_ Error error = ERROR_INIT;
        Boot boot = {.host = NULL};
        const char *init_path;
        InitKind init;
        int agent_fd = -1;
        pid_t agent = -1;

        (void) umask(0022);
        run_steps(&boot);
        init = init_find("", &init_path);
        if (start_agent(&boot, init, &agent_fd, &agent, &error) < 0)
                boot_fail(&boot, &error);
        if (init != INIT_SELF) {
                execute_init(init_path, init, agent_fd);
                init_freeze_and_reboot();
        }
        init_serve(agent);
}
