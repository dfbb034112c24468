#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/strings.h"
#include "helper/manager.h"
#include "tests/unit/helper/fixture.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)
#define OWNER 4242 /* where the test is root's, for root is served apart */

/* A helper that runs as a process, and what it tells of its inventories through a pipe. */
typedef struct Running {
        Fixture *fixture;
        char conf[128], log[128];
        struct sockaddr_un address;
        ManagerConfig config;
        int asked[2];
        VarlinkClient *early; /* connected before the helper runs, which must not keep its end */
        pid_t pid;
} Running;

/* Sources have no userdata: the descriptor is found by its number. */
enum {
        ASKED_FD = 200,
};

static int no_vm(_unused_ const Host *host, Inventory *inventory, _unused_ Error *reterr) {
        return inventory_add(inventory, INVENTORY_LINK, "br-banger", NULL, NULL);
}

static int one_vm(_unused_ const Host *host, Inventory *inventory, _unused_ Error *reterr) {
        const VmId vm = {.text = "0123456789"};

        (void) !write(ASKED_FD, "?", 1);
        return inventory_add(inventory, INVENTORY_UNIT, "banger-vm-0123456789.service", &vm, NULL);
}

static int broken(_unused_ const Host *host, _unused_ Inventory *inventory, Error *reterr) {
        (void) !write(ASKED_FD, "?", 1);
        return error_set(reterr, ERROR_FAILED, EIO, "it is broken");
}

static const InventorySource no_vm_sources[] = {{"links", no_vm}};
static const InventorySource one_vm_sources[] = {{"units", one_vm}};
static const InventorySource broken_sources[] = {{"things", broken}};

static void drop(_unused_ int level, _unused_ const LogField *fields, _unused_ const char *message,
                 _unused_ void *userdata) {
}

static const RecordSink no_records = {.write = drop};

static uid_t owner(void) {
        return getuid() == 0 ? OWNER : getuid();
}

static int setup(void **state) {
        Running *running = calloc(1, sizeof(*running));
        _cleanup_free_ char *text = NULL;
        void *fixture = NULL;

        assert_non_null(running);
        assert_int_equal(fixture_setup(&fixture), 0);
        running->fixture = fixture;
        text = string_format("[install]\nowner = somebody\nuid = %u\ngid = 0\nhome = /root\n",
                             owner());
        assert_non_null(text);
        fixture_write(running->fixture, "install.conf", text);
        fixture_path(running->fixture, "install.conf", running->conf, sizeof(running->conf));
        fixture_path(running->fixture, "log", running->log, sizeof(running->log));
        running->address.sun_family = AF_UNIX;
        fixture_path(running->fixture, "sock", running->address.sun_path,
                     sizeof(running->address.sun_path));
        running->config = (ManagerConfig) {
                .listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                .session = {
                        .install_conf = running->conf,
                        .install_conf_uid = getuid(),
                        .paths = &running->fixture->paths,
                        .sources = no_vm_sources,
                        .n_sources = 1,
                        .record = &no_records,
                        .times = {PATIENCE_USEC, PATIENCE_USEC, PATIENCE_USEC},
                },
                .idle_timeout_usec = PATIENCE_USEC,
                .sessions_max = 5,
                .sessions_reserved = 1,
                .waiting_max = 4,
        };
        assert_int_equal(bind(running->config.listen_fd,
                              (const struct sockaddr *) &running->address,
                              sizeof(running->address)),
                         0);
        assert_int_equal(listen(running->config.listen_fd, 16), 0);
        assert_int_equal(chmod(running->fixture->root, 0711), 0);
        assert_int_equal(chmod(running->address.sun_path, 0666), 0);
        assert_int_equal(pipe2(running->asked, O_CLOEXEC), 0);
        *state = running;
        return 0;
}

/* How many sessions others than root may have at once. */
static void set_share(Running *running, size_t n) {
        running->config.sessions_max = running->config.sessions_reserved + n;
}

static void start(Running *running) {
        running->pid = fork();
        assert_true(running->pid >= 0);
        if (running->pid == 0) {
                Manager *manager = NULL;
                int r;

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                varlink_client_free(running->early);
                (void) dup2(running->asked[1], ASKED_FD);
                (void) dup2(open(running->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
                            STDERR_FILENO);
                r = manager_new(&running->config, &manager);
                if (r >= 0)
                        r = manager_run(manager);
                manager_free(manager);
                _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
}

/* Its exit status; the test program's own time limit catches a helper that never ends. */
static int wait_for_end(Running *running) {
        int status = 0;

        assert_int_equal(waitpid(running->pid, &status, 0), running->pid);
        running->pid = 0;
        return status;
}

static int teardown(void **state) {
        Running *running = *state;
        void *fixture = running->fixture;

        varlink_client_free(running->early);
        if (running->pid > 0) {
                (void) kill(running->pid, SIGKILL);
                (void) wait_for_end(running);
        }
        close_fd(running->config.listen_fd);
        close_fd(running->asked[0]);
        close_fd(running->asked[1]);
        fixture_teardown(&fixture);
        free(running);
        return 0;
}

static VarlinkClient *connect_client(const Running *running) {
        VarlinkClient *client = NULL;

        assert_int_equal(varlink_client_connect(running->address.sun_path, &client, NULL), 0);
        return client;
}

/* The kernel notes who connects at that moment. */
static VarlinkClient *connect_owner(const Running *running) {
        VarlinkClient *client;

        if (getuid() != 0)
                return connect_client(running);
        assert_int_equal(seteuid(OWNER), 0);
        client = connect_client(running);
        assert_int_equal(seteuid(0), 0);
        /* As before: LeakSanitizer is this process's debugger. */
        assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
        return client;
}

static int ping_within(VarlinkClient *client, uint64_t usec) {
        RootPong pong = {};
        int r = varlink_client_call(client, &interface_root, "Ping", NULL, &pong, NULL, 0, NULL,
                                    clock_monotonic_usec() + usec, NULL);

        schema_clear(&root_pong_schema, &pong);
        return r;
}

static int ping(VarlinkClient *client) {
        return ping_within(client, PATIENCE_USEC);
}

static void assert_closed(const VarlinkClient *client) {
        struct pollfd gone = {.fd = varlink_client_fd(client), .events = POLLIN};
        char byte;

        assert_int_equal(poll(&gone, 1, (int) (PATIENCE_USEC / USEC_PER_MSEC)), 1);
        /* Reset where the helper has not read all. */
        assert_true(read(gone.fd, &byte, 1) == 0 || errno == ECONNRESET);
}

static void wait_until_asked(const Running *running) {
        struct pollfd asked = {.fd = running->asked[0], .events = POLLIN};
        char byte;

        assert_int_equal(poll(&asked, 1, (int) (PATIENCE_USEC / USEC_PER_MSEC)), 1);
        assert_int_equal(read(running->asked[0], &byte, 1), 1);
}

static void several_clients_are_served_at_once(void **state) {
        Running *running = *state;
        VarlinkClient *clients[3];

        start(running);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                clients[i] = connect_client(running);
        for (size_t i = ELEMENTSOF(clients); i > 0; i--)
                assert_int_equal(ping(clients[i - 1]), 0);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                varlink_client_free(clients[i]);
}

static void beyond_the_cap_clients_wait_in_turn(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second, *third;

        set_share(running, 1);
        start(running);
        first = connect_owner(running);
        assert_int_equal(ping(first), 0);
        second = connect_owner(running);
        third = connect_owner(running);
        /* The call of one who waits lies unread. */
        assert_int_equal(ping_within(third, 50 * USEC_PER_MSEC), -ETIMEDOUT);
        assert_int_equal(ping(first), 0);
        varlink_client_free(first);
        assert_int_equal(ping(second), 0);
        assert_int_equal(poll(&(struct pollfd) {.fd = varlink_client_fd(third), .events = POLLIN}, 1,
                              50),
                         0);
        varlink_client_free(second);
        assert_int_equal(poll(&(struct pollfd) {.fd = varlink_client_fd(third), .events = POLLIN}, 1,
                              (int) (PATIENCE_USEC / USEC_PER_MSEC)),
                         1);
        varlink_client_free(third);
}

static void root_waits_for_nobody_else(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second, *further, *root;

        if (getuid() != 0)
                skip();
        set_share(running, 1);
        running->config.waiting_max = 1;
        start(running);
        first = connect_owner(running);
        second = connect_owner(running);
        further = connect_owner(running);
        assert_closed(further);
        varlink_client_free(further);
        root = connect_client(running);
        assert_int_equal(ping(root), 0);
        varlink_client_free(first);
        assert_int_equal(ping(second), 0);
        assert_int_equal(ping(root), 0);
        varlink_client_free(second);
        varlink_client_free(root);
}

/* What root has beyond what is reserved for it is nobody's place. */
static void others_have_as_many_sessions_as_before_when_root_leaves(void **state) {
        Running *running = *state;
        VarlinkClient *root, *first, *second;

        if (getuid() != 0)
                skip();
        set_share(running, 2);
        start(running);
        root = connect_client(running);
        assert_int_equal(ping(root), 0);
        varlink_client_free(root);
        first = connect_owner(running);
        second = connect_owner(running);
        assert_int_equal(ping(first), 0);
        assert_int_equal(ping(second), 0);
        varlink_client_free(first);
        varlink_client_free(second);
}

/* How often that is in what the helper has logged. */
static size_t count_logged(const Running *running, const char *text) {
        FILE *file = fopen(running->log, "re");
        char line[256];
        size_t n = 0;

        assert_non_null(file);
        while (fgets(line, sizeof(line), file))
                n += strstr(line, text) != NULL;
        assert_int_equal(fclose(file), 0);
        return n;
}

/* Where one of the owner's is served, and one more may wait. */
static VarlinkClient *start_full(Running *running) {
        VarlinkClient *first;

        set_share(running, 1);
        running->config.waiting_max = 1;
        start(running);
        first = connect_owner(running);
        assert_int_equal(ping(first), 0);
        return first;
}

static void beyond_those_who_wait_clients_are_closed_at_once_and_told_of_once(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second;

        first = start_full(running);
        second = connect_owner(running);
        for (size_t i = 0; i < 3; i++) {
                VarlinkClient *further = connect_owner(running);

                assert_closed(further);
                varlink_client_free(further);
        }
        assert_int_equal(count_logged(running, "1 connections are served and 1 wait"), 1);
        assert_int_equal(count_logged(running, "are closed"), 1);
        varlink_client_free(first);
        assert_int_equal(ping(second), 0);
        varlink_client_free(second);
}

static void one_who_has_left_is_in_nobodys_way(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second, *third;

        first = start_full(running);
        second = connect_owner(running);
        varlink_client_free(second);
        third = connect_owner(running);
        assert_int_equal(ping_within(third, 50 * USEC_PER_MSEC), -ETIMEDOUT);
        varlink_client_free(first);
        assert_int_equal(poll(&(struct pollfd) {.fd = varlink_client_fd(third), .events = POLLIN}, 1,
                              (int) (PATIENCE_USEC / USEC_PER_MSEC)),
                         1);
        assert_int_equal(count_logged(running, "are closed"), 0);
        varlink_client_free(third);
}

/* A TCP socket whose close takes a thousand seconds: what was sent on it is not read. */
static int make_lingering(int *ret_far) {
        _cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        static const char bytes[65536];
        socklen_t size = sizeof(address);

        assert_int_equal(bind(listener, (struct sockaddr *) &address, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &size), 0);
        (void) connect(fd, (struct sockaddr *) &address, size);
        *ret_far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(*ret_far >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER,
                                    &(struct linger) {.l_onoff = 1, .l_linger = 1000},
                                    sizeof(struct linger)),
                         0);
        /* The last copy must be the helper's to close, and have something to wait for. */
        while (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
                ;
        return fd;
}

static void send_fd(const VarlinkClient *client, int fd_taken) {
        _cleanup_close_ int fd = fd_taken;
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct msghdr message = {
                .msg_iov = &(struct iovec) {.iov_base = (void *) (uintptr_t) "{", .iov_len = 1},
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };

        control.header = (struct cmsghdr) {
                .cmsg_len = CMSG_LEN(sizeof(int)),
                .cmsg_level = SOL_SOCKET,
                .cmsg_type = SCM_RIGHTS,
        };
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        assert_int_equal(sendmsg(varlink_client_fd(client), &message, MSG_NOSIGNAL), 1);
}

/* One leaves its place, one is turned away: each has sent something that nobody reads, and whose close
 * takes very long. */
static void what_somebody_has_sent_holds_nobody_up(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second, *third, *further;
        int far[2];

        first = start_full(running);
        second = connect_owner(running);
        send_fd(second, make_lingering(&far[0]));
        varlink_client_free(second);
        third = connect_owner(running);
        further = connect_owner(running);
        send_fd(further, make_lingering(&far[1]));
        assert_closed(further);
        varlink_client_free(first);
        assert_int_equal(ping(third), 0);
        varlink_client_free(third);
        varlink_client_free(further);
        assert_int_equal(kill(running->pid, SIGTERM), 0);
        assert_int_equal(wait_for_end(running), 0);
        close_fd(far[0]);
        close_fd(far[1]);
}

/* Each process has a copy of it for a moment, and the last to close it is not the helper's loop. */
static void what_those_have_sent_who_wait_holds_no_stop_up(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second, *further;
        int far;

        first = start_full(running);
        second = connect_owner(running);
        send_fd(second, make_lingering(&far));
        further = connect_owner(running);
        assert_closed(further); /* so the second has been accepted */
        assert_int_equal(kill(running->pid, SIGTERM), 0);
        assert_closed(second);
        varlink_client_free(first);
        assert_int_equal(wait_for_end(running), 0);
        varlink_client_free(second);
        varlink_client_free(further);
        close_fd(far);
}

/* The only process that serves a connection. */
static pid_t find_session(const Running *running) {
        char path[64];
        FILE *file;
        int pid = 0;

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", running->pid,
                        running->pid);
        file = fopen(path, "re");
        if (!file)
                skip();
        assert_int_equal(fscanf(file, "%d", &pid), 1);
        (void) fclose(file);
        return pid;
}

/* The kernel tells of its end first when it is its debugger's to reap: too early for its parent. */
static void a_session_that_ends_in_a_debugger_makes_room(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second, *third;
        siginfo_t info = {};
        pid_t session;

        set_share(running, 2);
        start(running);
        first = connect_owner(running);
        assert_int_equal(ping(first), 0);
        session = find_session(running);
        if (ptrace(PTRACE_SEIZE, session, NULL, NULL) < 0)
                skip();
        assert_int_equal(kill(session, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t) session, &info, WEXITED | WNOWAIT | __WALL), 0);
        /* Once this is answered, its end has been looked at. */
        second = connect_owner(running);
        assert_int_equal(ping(second), 0);
        assert_int_equal(waitpid(session, NULL, __WALL), session);
        third = connect_owner(running);
        assert_int_equal(ping(third), 0);
        varlink_client_free(first);
        varlink_client_free(second);
        varlink_client_free(third);
}

static void idle_without_a_vm_it_leaves(void **state) {
        Running *running = *state;

        running->config.idle_timeout_usec = 20 * USEC_PER_MSEC;
        start(running);
        assert_int_equal(wait_for_end(running), 0);
}

static void idle_after_a_session_it_leaves(void **state) {
        Running *running = *state;

        running->config.idle_timeout_usec = 100 * USEC_PER_MSEC;
        running->early = connect_client(running);
        start(running);
        assert_int_equal(ping(running->early), 0);
        running->early = varlink_client_free(running->early);
        assert_int_equal(wait_for_end(running), 0);
}

static void while_there_is_a_vm_it_stays(void **state) {
        Running *running = *state;
        VarlinkClient *client;

        running->config.idle_timeout_usec = 20 * USEC_PER_MSEC;
        running->config.session.sources = one_vm_sources;
        start(running);
        wait_until_asked(running);
        wait_until_asked(running);
        client = connect_client(running);
        assert_int_equal(ping(client), 0);
        varlink_client_free(client);
}

/* Has whatever the helper starts next stop where it exits, as if the kernel did not let it; that one. */
static pid_t hold_next_child(const Running *running, VarlinkClient *(*cause)(const Running *running),
                             VarlinkClient **ret_client) {
        bool exits = false;
        pid_t child = 0;

        if (ptrace(PTRACE_SEIZE, running->pid, NULL, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT) < 0)
                skip();
        *ret_client = cause(running);
        while (!exits) {
                int status = 0;
                pid_t pid = waitpid(-1, &status, __WALL);

                assert_true(pid > 0 && WIFSTOPPED(status));
                child = pid == running->pid ? child : pid;
                exits = pid == child && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
                if (!exits)
                        assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
        }
        assert_int_equal(ptrace(PTRACE_INTERRUPT, running->pid, NULL, NULL), 0);
        assert_int_equal(waitpid(running->pid, NULL, __WALL), running->pid);
        assert_int_equal(ptrace(PTRACE_DETACH, running->pid, NULL, NULL), 0);
        return child;
}

/* systemd would wait for that process before it starts the helper for the next caller. */
static void while_a_process_cannot_end_it_stays(void **state) {
        Running *running = *state;
        VarlinkClient *first, *further;
        pid_t held;

        running->config.idle_timeout_usec = 50 * USEC_PER_MSEC;
        running->config.waiting_max = 0;
        set_share(running, 1);
        start(running);
        first = connect_owner(running);
        assert_int_equal(ping(first), 0);
        held = hold_next_child(running, connect_owner, &further);
        varlink_client_free(further);
        varlink_client_free(first);
        (void) usleep(500 * USEC_PER_MSEC);
        assert_int_equal(waitpid(running->pid, NULL, WNOHANG), 0);
        assert_int_equal(ptrace(PTRACE_DETACH, held, NULL, NULL), 0);
        assert_int_equal(wait_for_end(running), 0);
}

static void while_it_cannot_tell_it_stays(void **state) {
        Running *running = *state;

        running->config.idle_timeout_usec = 20 * USEC_PER_MSEC;
        running->config.session.sources = broken_sources;
        start(running);
        wait_until_asked(running);
        wait_until_asked(running);
        assert_int_equal(waitpid(running->pid, NULL, WNOHANG), 0);
}

static void told_to_stop_it_leaves(void **state) {
        Running *running = *state;
        VarlinkClient *client;

        start(running);
        client = connect_client(running);
        assert_int_equal(ping(client), 0);
        varlink_client_free(client);
        assert_int_equal(kill(running->pid, SIGTERM), 0);
        assert_int_equal(wait_for_end(running), 0);
}

static void told_to_stop_it_lets_a_session_finish(void **state) {
        Running *running = *state;
        VarlinkClient *client;

        start(running);
        client = connect_client(running);
        assert_int_equal(ping(client), 0);
        assert_int_equal(kill(running->pid, SIGTERM), 0);
        assert_int_equal(ping(client), 0);
        assert_int_equal(waitpid(running->pid, NULL, WNOHANG), 0);
        varlink_client_free(client);
        assert_int_equal(wait_for_end(running), 0);
}

/* Nor do the sessions that began while they waited keep them open. */
static void told_to_stop_it_closes_those_who_wait(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second, *third, *further;

        set_share(running, 1);
        running->config.waiting_max = 2;
        start(running);
        first = connect_owner(running);
        assert_int_equal(ping(first), 0);
        second = connect_owner(running);
        third = connect_owner(running);
        further = connect_owner(running);
        assert_closed(further); /* so the third has been accepted */
        varlink_client_free(further);
        varlink_client_free(first);
        assert_int_equal(ping(second), 0);
        assert_int_equal(kill(running->pid, SIGTERM), 0);
        assert_closed(third);
        assert_int_equal(ping(second), 0);
        varlink_client_free(second);
        varlink_client_free(third);
        assert_int_equal(wait_for_end(running), 0);
}

static void idle_after_those_who_waited_it_leaves(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second;

        running->config.idle_timeout_usec = 100 * USEC_PER_MSEC;
        set_share(running, 1);
        first = connect_owner(running);
        second = connect_owner(running);
        running->early = first;
        start(running);
        assert_int_equal(ping(first), 0);
        running->early = varlink_client_free(first);
        assert_int_equal(ping(second), 0);
        varlink_client_free(second);
        assert_int_equal(wait_for_end(running), 0);
}

#define MANAGER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                MANAGER_TEST(several_clients_are_served_at_once),
                MANAGER_TEST(beyond_the_cap_clients_wait_in_turn),
                MANAGER_TEST(root_waits_for_nobody_else),
                MANAGER_TEST(others_have_as_many_sessions_as_before_when_root_leaves),
                MANAGER_TEST(beyond_those_who_wait_clients_are_closed_at_once_and_told_of_once),
                MANAGER_TEST(one_who_has_left_is_in_nobodys_way),
                MANAGER_TEST(what_somebody_has_sent_holds_nobody_up),
                MANAGER_TEST(what_those_have_sent_who_wait_holds_no_stop_up),
                MANAGER_TEST(a_session_that_ends_in_a_debugger_makes_room),
                MANAGER_TEST(idle_without_a_vm_it_leaves),
                MANAGER_TEST(idle_after_a_session_it_leaves),
                MANAGER_TEST(while_there_is_a_vm_it_stays),
                MANAGER_TEST(while_a_process_cannot_end_it_stays),
                MANAGER_TEST(while_it_cannot_tell_it_stays),
                MANAGER_TEST(told_to_stop_it_leaves),
                MANAGER_TEST(told_to_stop_it_lets_a_session_finish),
                MANAGER_TEST(told_to_stop_it_closes_those_who_wait),
                MANAGER_TEST(idle_after_those_who_waited_it_leaves),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
