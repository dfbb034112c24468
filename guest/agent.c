#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/strings.h"
#include "guest/console.h"
#include "guest/host.h"
#include "guest/ready.h"
#include "guest/rootfs.h"
#include "guest/sessions.h"
#include "guest/stop.h"
#include "guest/vsock.h"

#define CALL_USEC (5 * USEC_PER_SEC)
#define BACKOFF_MIN_USEC (50 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC (5 * USEC_PER_SEC)
/* Less than the host takes for asking for a stop: it waits if all spare connections are taken. */
#define SPARE_IDLE_USEC (2 * USEC_PER_SEC)

enum {
        POLL_LISTENER,
        POLL_HOST,
        POLL_PARENT,
        POLL_READY,
        _POLL_MAX,
};

typedef struct Agent {
        Sessions sessions;
        int listen_fd;
        int parent_fd; /* -1 once the init runs, or was found to fail */
        int ready_fd;  /* -1 once systemd is up, or for another init */
        VarlinkClient *host;
        uint64_t next_call_usec, backoff_usec; /* while there is no connection */
        GuestStage stage;
        const char *message; /* with every report: what the guest lacks, or why it failed; or NULL */
} Agent;

static void drop_host(Agent *agent, const Error *error) {
        if (error)
                console_error("lost the host", error);
        agent->host = varlink_client_free(agent->host);
        agent->next_call_usec = clock_monotonic_usec();
        agent->backoff_usec = BACKOFF_MIN_USEC;
}

static void report(Agent *agent, GuestStage stage) {
        _cleanup_error_ Error error = ERROR_INIT;

        agent->stage = stage;
        if (agent->host && host_report(agent->host, stage, agent->message,
                                       clock_monotonic_usec() + CALL_USEC, &error) < 0)
                drop_host(agent, &error);
}

static int call_host(Agent *agent, Error *reterr) {
        _cleanup_(guest_config_clear) GuestConfig config = {.hostname = NULL};
        uint64_t deadline = clock_monotonic_usec() + CALL_USEC;
        int fd, r;

        /* One try: the others are ours, so that the host's calls are served in between. */
        r = vsock_connect_host(GUEST_VSOCK_PORT, 0, &fd);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot connect to the host");
        r = varlink_client_new(fd, &agent->host);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot connect to the host");
        r = host_hello(agent->host, true, deadline, &config, reterr);
        if (r >= 0)
                r = host_set_clock(&config, reterr);
        if (r >= 0)
                r = host_report(agent->host, agent->stage, agent->message, deadline, reterr);
        return r;
}

static void call_again(Agent *agent) {
        _cleanup_error_ Error error = ERROR_INIT;

        if (call_host(agent, &error) >= 0) {
                agent->backoff_usec = BACKOFF_MIN_USEC;
                return;
        }
        agent->host = varlink_client_free(agent->host);
        agent->next_call_usec = clock_monotonic_usec() + agent->backoff_usec;
        agent->backoff_usec *= 2;
        if (agent->backoff_usec > BACKOFF_MAX_USEC)
                agent->backoff_usec = BACKOFF_MAX_USEC;
}

static void leave_agent(void *userdata) {
        const Agent *agent = userdata;

        close_fd(agent->listen_fd);
        close_fd(agent->parent_fd);
        close_fd(agent->ready_fd);
        if (agent->host)
                close_fd(varlink_client_fd(agent->host));
        (void) signal(SIGCHLD, SIG_DFL);
}

static void accept_session(Agent *agent) {
        int fd;

        if (vsock_accept_host(agent->listen_fd, &fd) >= 0)
                (void) sessions_start(&agent->sessions, fd);
}

/* Process 1 executes the init, which closes its end; or it says why it cannot. */
static void hear_parent(Agent *agent) {
        char text[512];
        ssize_t n = recv(agent->parent_fd, text, sizeof(text) - 1, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0) {
                text[n] = '\0';
                agent->message = strdup(text);
                report(agent, GUEST_FAILED);
        } else if (agent->sessions.config.init == INIT_OTHER) {
                report(agent, GUEST_INIT);
        }
        agent->parent_fd = close_fd(agent->parent_fd);
}

static void hear_ready(Agent *agent) {
        if (!ready_received(agent->ready_fd))
                return;
        agent->ready_fd = close_fd(agent->ready_fd);
        report(agent, GUEST_INIT);
}

static void agent_round(Agent *agent) {
        struct pollfd items[_POLL_MAX] = {
                [POLL_LISTENER] = {.fd = sessions_full(&agent->sessions) ? -1 : agent->listen_fd,
                                   .events = POLLIN},
                [POLL_HOST] = {.fd = agent->host ? varlink_client_fd(agent->host) : -1,
                               .events = POLLIN},
                [POLL_PARENT] = {.fd = agent->parent_fd, .events = POLLIN},
                [POLL_READY] = {.fd = agent->ready_fd, .events = POLLIN},
        };
        struct timespec timeout = {.tv_sec = 0};
        sigset_t none;
        uint64_t now = clock_monotonic_usec();
        int r;

        if (!agent->host && agent->next_call_usec > now) {
                timeout.tv_sec = (time_t) ((agent->next_call_usec - now) / USEC_PER_SEC);
                timeout.tv_nsec = (long) ((agent->next_call_usec - now) % USEC_PER_SEC * 1000);
        }
        /* SIGCHLD is heard only here. */
        (void) sigemptyset(&none);
        (void) sigaddset(&none, SIGTERM);
        r = ppoll(items, _POLL_MAX, agent->host ? NULL : &timeout, &none);
        sessions_reap(&agent->sessions);
        if (r < 0)
                return;
        if (items[POLL_PARENT].revents)
                hear_parent(agent);
        if (items[POLL_READY].revents)
                hear_ready(agent);
        /* The host never says anything unasked: this is its end. */
        if (items[POLL_HOST].revents && agent->host)
                drop_host(agent, NULL);
        if (!agent->host && clock_monotonic_usec() >= agent->next_call_usec)
                call_again(agent);
        if (items[POLL_LISTENER].revents)
                accept_session(agent);
}

static void on_child(_unused_ int number) {
}

/* SIGTERM goes to everybody when the guest ends; the agent is what ends it. */
static void set_signals(void) {
        const struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
        sigset_t blocked;

        (void) sigemptyset(&blocked);
        (void) sigaddset(&blocked, SIGCHLD);
        (void) sigaddset(&blocked, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &blocked, NULL);
        (void) sigaction(SIGCHLD, &child, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN);
        (void) signal(SIGINT, SIG_IGN);
}

static int agent_open(Agent *agent, int host_fd) {
        int r;

        (void) prctl(PR_SET_NAME, "banger-guest");
        (void) setsid();
        set_signals();
        console_open_log();
        r = rootfs_join_group();
        if (r < 0)
                console_print("no group of its own: %s", strerror(-r));
        r = vsock_listen(GUEST_VSOCK_PORT, &agent->listen_fd);
        if (r >= 0 && agent->sessions.config.init == INIT_SYSTEMD)
                r = ready_listen(&agent->ready_fd);
        if (r >= 0)
                r = varlink_client_new(host_fd, &agent->host);
        return r;
}

static int parse_fd(const char *text) {
        uint64_t fd;

        if (string_parse_u64(text, INT32_MAX, &fd) < 0 || fcntl((int) fd, F_SETFD, FD_CLOEXEC) < 0)
                return -1;
        return (int) fd;
}

int agent_main(int argc, char **argv) {
        Agent agent = {
                .listen_fd = -1,
                .parent_fd = -1,
                .ready_fd = -1,
                .sessions = {
                        .config = {.stop = stop_guest},
                        .spare_idle_usec = SPARE_IDLE_USEC,
                        .forked = leave_agent,
                        .userdata = &agent,
                },
                .stage = GUEST_AGENT,
                .backoff_usec = BACKOFF_MIN_USEC,
        };
        int host_fd, r;

        if (argc != 6)
                return 2;
        host_fd = parse_fd(argv[2]);
        agent.parent_fd = parse_fd(argv[3]);
        agent.sessions.config.init = init_kind_from_name(argv[4]);
        agent.message = argv[5][0] != '\0' ? argv[5] : NULL;
        r = agent_open(&agent, host_fd);
        if (r < 0) {
                console_print("the agent cannot start: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        report(&agent, GUEST_AGENT);
        if (agent.sessions.config.init == INIT_SELF)
                report(&agent, GUEST_INIT);
        /* Process 1 goes on from here. */
        (void) io_write_full(agent.parent_fd, "r", 1);
        for (;;)
                agent_round(&agent);
}

static _Noreturn void become_agent(const AgentConfig *config) {
        _cleanup_free_ char *host = string_format("%d", config->host_fd);
        _cleanup_free_ char *parent = string_format("%d", config->parent_fd);
        _cleanup_free_ char *lacks = strdup(config->lacks ? config->lacks : "");
        char name[] = AGENT_NAME, verb[] = AGENT_VERB, kind[16];
        char *arguments[] = {name, verb, host, parent, kind, lacks, NULL};

        (void) snprintf(kind, sizeof(kind), "%s", init_kind_names[config->init]);
        (void) fcntl(config->host_fd, F_SETFD, 0);
        (void) fcntl(config->parent_fd, F_SETFD, 0);
        /* A fresh image of the same file: the initrd's, which this link reaches from anywhere. The
         * command line can begin with "@" only so. */
        (void) execv("/proc/self/exe", arguments);
        console_print("cannot execute the agent: %s", strerror(errno));
        _exit(EXIT_FAILURE);
}

int agent_start(const AgentConfig *config, pid_t *ret_pid, Error *reterr) {
        pid_t pid = fork();

        if (pid < 0)
                return error_set_errno(reterr, errno, "cannot start the agent");
        if (pid == 0)
                become_agent(config);
        *ret_pid = pid;
        return 0;
}
