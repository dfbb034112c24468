#include "common/api-system.h"
#include "common/version.h"
#include "daemon/manager.h"
#include "tests/unit/daemon/dns-query.h"
#include "tests/unit/daemon/fake-root.h"

#define STRANGER 65534

/* A daemon that runs as a process, and its helper. */
typedef struct Running {
        char directory[64], conf[96], socket[96], root_socket[96], state_dir[96];
        ManagerConfig config;
        pid_t daemon, helper;
        struct sockaddr_in names_address; /* of the daemon's DNS, where it has some */
        bool names_shared;                /* with names_sharer */
        int names_sharer;
        SystemStatus status;
        Error error;
} Running;

static void write_conf(const Running *running, uid_t uid, const char *version) {
        FILE *file = fopen(running->conf, "we");

        assert_non_null(file);
        assert_true(fprintf(file,
                            "[install]\nowner = somebody\nuid = %u\ngid = 0\nhome = /root\n"
                            "version = %s\n",
                            uid, version) > 0);
        assert_int_equal(fclose(file), 0);
}

/* As the installation lays it. */
static void make_state(const char *path) {
        static const char *const directories[] = {"", "/db", "/images", "/kernels", "/vms"};
        char directory[128];

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                (void) snprintf(directory, sizeof(directory), "%s%s", path, directories[i]);
                assert_int_equal(mkdir(directory, 0700), 0);
        }
}

static int setup(void **state) {
        Running *running = calloc(1, sizeof(*running));

        assert_non_null(running);
        (void) snprintf(running->directory, sizeof(running->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(running->directory));
        assert_int_equal(chmod(running->directory, 0755), 0);
        (void) snprintf(running->conf, sizeof(running->conf), "%s/conf", running->directory);
        (void) snprintf(running->socket, sizeof(running->socket), "%s/sock", running->directory);
        (void) snprintf(running->root_socket, sizeof(running->root_socket), "%s/root.sock",
                        running->directory);
        (void) snprintf(running->state_dir, sizeof(running->state_dir), "%s/state",
                        running->directory);
        make_state(running->state_dir);
        write_conf(running, getuid(), banger_version);
        running->config = (ManagerConfig) {
                .conf = "/nonexistent",
                .worker_socket = "/nonexistent",
                .state_dir = running->state_dir,
                .install_conf = running->conf,
                .install_conf_uid = getuid(),
                .root_socket = running->root_socket,
                .uid = getuid(),
                .clients_max = 4,
                .stall_timeout_usec = PATIENCE_USEC,
                .n_threads = 2,
                .n_short_threads = 1,
                .queue_max = 8,
        };
        *state = running;
        return 0;
}

static int teardown(void **state) {
        Running *running = *state;

        process_stop(running->daemon);
        process_stop(running->helper);
        remove_tree(running->directory);
        schema_clear(&system_status_schema, &running->status);
        error_clear(&running->error);
        free(running);
        return 0;
}

static DaemonSockets make_sockets(const Running *running) {
        DaemonSockets sockets = DAEMON_SOCKETS_INIT;

        sockets.varlink = listener_at(running->socket);
        return sockets;
}

static void start_with(Running *running, DaemonSockets sockets) {
        running->daemon = fork();
        assert_true(running->daemon >= 0);
        if (running->daemon == 0) {
                Manager *manager = NULL;
                int r;

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
                r = manager_new(&running->config, &sockets, &manager, NULL);
                if (r >= 0)
                        r = manager_run(manager);
                manager_free(manager);
                _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        daemon_sockets_close(&sockets);
}

static void start(Running *running) {
        start_with(running, make_sockets(running));
}

static void start_with_names(Running *running) {
        DaemonSockets sockets = make_sockets(running);
        struct sockaddr_in tcp_address;

        sockets.names.udp = loopback_socket(SOCK_DGRAM, &running->names_address);
        if (running->names_shared)
                running->names_sharer =
                        loopback_sharer(sockets.names.udp, &running->names_address);
        sockets.names.tcp = loopback_socket(SOCK_STREAM, &tcp_address);
        assert_int_equal(listen(sockets.names.tcp, 4), 0);
        start_with(running, sockets);
}

static void start_helper(Running *running, FakeRoot fake) {
        running->helper = fake_root_start(running->root_socket, fake);
}

static VarlinkClient *connect_client(const Running *running) {
        VarlinkClient *client = NULL;

        assert_int_equal(varlink_client_connect(running->socket, &client, NULL), 0);
        return client;
}

static int get_status(Running *running, VarlinkClient *client) {
        schema_clear(&system_status_schema, &running->status);
        return varlink_client_call(client, &interface_system, "GetStatus", NULL, &running->status,
                                   NULL, 0, NULL, clock_monotonic_usec() + PATIENCE_USEC,
                                   &running->error);
}

static const ComponentStatus *ask_about_helper(Running *running) {
        VarlinkClient *client = connect_client(running);
        const ComponentStatus *components;

        assert_int_equal(get_status(running, client), 0);
        varlink_client_free(client);
        assert_int_equal(running->status.components.n_items, 3);
        components = running->status.components.items;
        assert_string_equal(components[1].name, "bangerd-root");
        return &components[1];
}

static void the_status_tells_version_owner_and_a_helper_that_is_well(void **state) {
        Running *running = *state;
        const ComponentStatus *helper;

        start_helper(running, (FakeRoot) {.version = banger_version, .owner_uid = getuid()});
        start(running);
        helper = ask_about_helper(running);
        assert_int_equal(helper->state, COMPONENT_OK);
        assert_string_equal(running->status.version, banger_version);
        assert_string_equal(running->status.owner, "somebody");
        assert_true(strlen(running->status.host) > 0);
}

/* A helper that does, and writes down, what it is told; its directory is the daemon's. */
static void start_working_helper(Running *running, const char *failing) {
        FakeRoot fake = {.version = banger_version,
                         .owner_uid = getuid(),
                         .directory = running->directory};
        _cleanup_close_ int fd = fake_open(&fake, "fails", O_WRONLY | O_CREAT);

        assert_int_equal(write(fd, failing, strlen(failing)), strlen(failing));
        start_helper(running, fake);
}

static const ComponentStatus *ask_about_names(Running *running) {
        const ComponentStatus *names = ask_about_helper(running) + 1;

        assert_string_equal(names->name, "dns");
        return names;
}

static bool was_asked(const Running *running, const char *verb) {
        _cleanup_free_ char *text = NULL;
        char path[96];

        (void) snprintf(path, sizeof(path), "%s/calls", running->directory);
        return io_read_file(AT_FDCWD, path, 65536, &text, NULL) >= 0 && strstr(text, verb);
}

/* What came of the first try. */
static const ComponentStatus *wait_for_trouble_with_names(Running *running) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
        const ComponentStatus *names;

        while ((names = ask_about_names(running))->state == COMPONENT_OK)
                assert_true(clock_monotonic_usec() < deadline);
        return names;
}

static void wait_until_asked(const Running *running, const char *verb) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        while (!was_asked(running, verb))
                assert_true(clock_monotonic_usec() < deadline);
}

/* It only tells: what is to be done about names has its own time. */
static void the_status_changes_nothing(void **state) {
        _cleanup_free_ char *text = NULL;
        Running *running = *state;
        char path[96];

        start_working_helper(running, "");
        start_with_names(running);
        wait_until_asked(running, "ResolverSet");
        (void) ask_about_names(running);
        (void) ask_about_names(running);
        (void) snprintf(path, sizeof(path), "%s/calls", running->directory);
        assert_int_equal(io_read_file(AT_FDCWD, path, 65536, &text, NULL), 0);
        assert_null(strstr(strstr(text, "ResolverSet") + 1, "ResolverSet"));
}

static void names_are_answered_and_the_status_says_so(void **state) {
        Running *running = *state;
        Reply reply;

        start_working_helper(running, "");
        start_with_names(running);
        reply = ask_server(&running->names_address, "web.vm", DNS_TYPE_A);
        assert_int_equal(reply_rcode(&reply), DNS_NXDOMAIN);
        assert_int_equal(ask_about_names(running)->state, COMPONENT_OK);
        wait_until_asked(running, "ResolverSet");
        assert_false(was_asked(running, "ResolverClear"));
}

/* Whoever has the port instead must not be asked for our names. */
static void without_the_port_nobody_is_sent_to_it_and_the_status_says_why(void **state) {
        Running *running = *state;
        const ComponentStatus *names;

        start_working_helper(running, "");
        start(running);
        names = ask_about_names(running);
        assert_int_equal(names->state, COMPONENT_DEGRADED);
        assert_non_null(strstr(names->message, "127.0.0.1:42069"));
        assert_non_null(strstr(names->message, "run: sudo banger system restart"));
        wait_until_asked(running, "ResolverClear");
        assert_false(was_asked(running, "ResolverSet"));
}

/* It would be sent the queries. */
static void with_somebody_else_on_the_port_nobody_is_sent_there_either(void **state) {
        Running *running = *state;
        const ComponentStatus *names;

        start_working_helper(running, "");
        running->names_shared = true;
        start_with_names(running);
        names = wait_for_trouble_with_names(running);
        close_fd(running->names_sharer);
        assert_int_equal(names->state, COMPONENT_DEGRADED);
        assert_non_null(strstr(names->message, "do not resolve: a program of uid"));
        assert_non_null(strstr(names->message, "run: sudo banger system restart"));
        wait_until_asked(running, "ResolverClear");
        assert_false(was_asked(running, "ResolverSet"));
}

static void a_resolver_that_cannot_be_set_is_told_in_the_status(void **state) {
        Running *running = *state;
        const ComponentStatus *names;

        start_working_helper(running, "ResolverSet");
        start_with_names(running);
        names = wait_for_trouble_with_names(running);
        assert_int_equal(names->state, COMPONENT_DEGRADED);
        assert_non_null(strstr(names->message, "ResolverSet does not work"));
}

static void without_a_helper_names_do_not_resolve(void **state) {
        Running *running = *state;

        start_with_names(running);
        assert_int_equal(wait_for_trouble_with_names(running)->state, COMPONENT_DEGRADED);
}

static void the_status_is_told_without_a_helper_too(void **state) {
        Running *running = *state;
        const ComponentStatus *helper;

        start(running);
        helper = ask_about_helper(running);
        assert_int_equal(helper->state, COMPONENT_UNREACHABLE);
        assert_non_null(strstr(helper->message, running->root_socket));
}

static void an_older_helper_is_told_apart(void **state) {
        Running *running = *state;

        start_helper(running, (FakeRoot) {.version = "0.0.1", .owner_uid = getuid()});
        start(running);
        assert_int_equal(ask_about_helper(running)->state, COMPONENT_DIFFERENT);
}

static void a_helper_that_hangs_is_unreachable_in_time(void **state) {
        Running *running = *state;
        uint64_t began = clock_monotonic_usec();

        start_helper(running, (FakeRoot) {.mute = true});
        start(running);
        assert_int_equal(ask_about_helper(running)->state, COMPONENT_UNREACHABLE);
        assert_true(clock_monotonic_usec() - began < 10 * USEC_PER_SEC);
}

static void while_the_helper_hangs_other_calls_are_answered(void **state) {
        Running *running = *state;
        VarlinkClient *waiting, *other;
        VarlinkReply reply = {};
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC, sent;

        start_helper(running, (FakeRoot) {.mute = true});
        start(running);
        waiting = connect_client(running);
        other = connect_client(running);
        sent = clock_monotonic_usec();
        assert_int_equal(varlink_client_send(waiting, "io.banger.System.GetStatus", NULL, 0, NULL,
                                             0, deadline, NULL),
                         0);
        assert_int_equal(varlink_client_send(other, "org.varlink.service.GetInfo", NULL, 0, NULL, 0,
                                             deadline, NULL),
                         0);
        assert_int_equal(varlink_client_receive(other, deadline, &reply, NULL), 0);
        varlink_reply_clear(&reply);
        /* Less than what the helper is given to answer. */
        assert_true(clock_monotonic_usec() - sent < 2 * USEC_PER_SEC);
        varlink_client_free(waiting);
        varlink_client_free(other);
}

static void a_client_that_leaves_while_the_helper_hangs_harms_nothing(void **state) {
        Running *running = *state;
        VarlinkClient *leaving;

        start_helper(running, (FakeRoot) {.mute = true});
        start(running);
        leaving = connect_client(running);
        assert_int_equal(varlink_client_send(leaving, "io.banger.System.GetStatus", NULL, 0, NULL,
                                             0, clock_monotonic_usec() + PATIENCE_USEC, NULL),
                         0);
        varlink_client_free(leaving);
        assert_int_equal(ask_about_helper(running)->state, COMPONENT_UNREACHABLE);
}

static void beyond_the_cap_a_client_is_closed(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second;

        running->config.clients_max = 1;
        start(running);
        first = connect_client(running);
        assert_int_equal(get_status(running, first), 0);
        second = connect_client(running);
        assert_true(get_status(running, second) < 0);
        assert_int_equal(get_status(running, first), 0);
        varlink_client_free(first);
        varlink_client_free(second);
}

static void a_stranger_is_closed_without_an_answer(void **state) {
        Running *running = *state;
        VarlinkClient *client = NULL;

        if (getuid() != 0)
                skip();
        start(running);
        assert_int_equal(chmod(running->socket, 0666), 0);
        assert_int_equal(seteuid(STRANGER), 0);
        (void) varlink_client_connect(running->socket, &client, NULL);
        assert_int_equal(seteuid(0), 0);
        assert_non_null(client);
        assert_true(get_status(running, client) < 0);
        varlink_client_free(client);
}

static void told_to_stop_it_leaves_properly(void **state) {
        Running *running = *state;
        int status = -1;

        start(running);
        (void) ask_about_helper(running);
        assert_int_equal(kill(running->daemon, SIGTERM), 0);
        assert_int_equal(waitpid(running->daemon, &status, 0), running->daemon);
        running->daemon = 0;
        assert_int_equal(status, 0);
}

/* A restart must not cost the owner a command that had connected already. */
static void told_to_stop_it_still_answers_who_had_connected(void **state) {
        Running *running = *state;
        VarlinkClient *first, *second;
        int status = -1;

        start(running);
        first = connect_client(running);
        assert_int_equal(get_status(running, first), 0);
        second = connect_client(running);
        /* Answered, so the second, which came before, has been accepted too. */
        assert_int_equal(get_status(running, first), 0);
        assert_int_equal(kill(running->daemon, SIGTERM), 0);
        assert_int_equal(get_status(running, second), 0);
        varlink_client_free(second);
        varlink_client_free(first);
        assert_int_equal(waitpid(running->daemon, &status, 0), running->daemon);
        running->daemon = 0;
        assert_int_equal(status, 0);
}

static int notify_socket(const Running *running) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify",
                        running->directory);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
        return fd;
}

static bool was_notified(int fd, const char *state, int flags) {
        char message[256];
        ssize_t n;

        while ((n = recv(fd, message, sizeof(message) - 1, flags)) > 0) {
                message[n] = '\0';
                if (strstr(message, state))
                        return true;
        }
        return false;
}

/* What is found out after that is for the next daemon. */
static void told_to_stop_while_it_looks_at_what_runs_it_is_never_ready(void **state) {
        Running *running = *state;
        int notify_fd = notify_socket(running), hold[2], status = -1;
        char byte;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hold), 0);
        start_helper(running, (FakeRoot) {.version = banger_version, .hold_fd = hold[0]});
        start(running);
        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
        assert_int_equal(read(hold[1], &byte, 1), 1);
        assert_int_equal(kill(running->daemon, SIGTERM), 0);
        assert_true(was_notified(notify_fd, "STOPPING=1", 0));
        assert_int_equal(write(hold[1], "!", 1), 1);
        assert_int_equal(waitpid(running->daemon, &status, 0), running->daemon);
        running->daemon = 0;
        assert_int_equal(status, 0);
        assert_false(was_notified(notify_fd, "READY=1", MSG_DONTWAIT));
        close_fd(notify_fd);
        close_fd(hold[0]);
        close_fd(hold[1]);
}

static size_t count_calls(const Running *running, const char *verb) {
        _cleanup_free_ char *text = NULL;
        char path[96];
        size_t n = 0;

        (void) snprintf(path, sizeof(path), "%s/calls", running->directory);
        if (io_read_file(AT_FDCWD, path, 65536, &text, NULL) < 0)
                return 0;
        for (const char *at = text; (at = strstr(at, verb)); at += strlen(verb))
                n++;
        return n;
}

static void wait_for_calls(const Running *running, const char *verb, size_t n) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        while (count_calls(running, verb) < n)
                assert_true(clock_monotonic_usec() < deadline);
        assert_int_equal(count_calls(running, verb), n);
}

static void write_file(const Running *running, const char *name, const char *text) {
        char path[96];

        (void) snprintf(path, sizeof(path), "%s/%s", running->directory, name);
        assert_int_equal(io_write_file_atomic(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

/* Sent, and taken from the loop: what came after it twice has been answered. */
static void reload(const Running *running, VarlinkClient *client) {
        assert_int_equal(kill(running->daemon, SIGHUP), 0);
        for (int i = 0; i < 2; i++) {
                VarlinkReply reply = {};
                uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

                assert_int_equal(varlink_client_send(client, "org.varlink.service.GetInfo", NULL, 0,
                                                     NULL, 0, deadline, NULL),
                                 0);
                assert_int_equal(varlink_client_receive(client, deadline, &reply, NULL), 0);
                varlink_reply_clear(&reply);
        }
}

/* Has applied the network once. */
static VarlinkClient *start_applied(Running *running) {
        start_working_helper(running, "");
        start(running);
        wait_for_calls(running, "NetworkSet", 1);
        return connect_client(running);
}

static void told_to_reload_it_applies_the_network_again(void **state) {
        Running *running = *state;
        VarlinkClient *client = start_applied(running);

        reload(running, client);
        wait_for_calls(running, "NetworkSet", 2);
        reload(running, client);
        wait_for_calls(running, "NetworkSet", 3);
        varlink_client_free(client);
}

/* The first of them may have read what has changed since. */
static void reloads_while_one_is_under_way_are_one_more(void **state) {
        Running *running = *state;
        VarlinkClient *client = start_applied(running);

        write_file(running, "holds", "NetworkSet");
        reload(running, client);
        wait_for_calls(running, "NetworkSet", 2);
        /* More than its threads and its queue have room for. */
        for (size_t i = 0; i < 20; i++)
                reload(running, client);
        write_file(running, "holds", "");
        wait_for_calls(running, "NetworkSet", 3);
        reload(running, client);
        wait_for_calls(running, "NetworkSet", 4);
        varlink_client_free(client);
}

static void a_reload_that_fails_is_tried_again(void **state) {
        Running *running = *state;
        VarlinkClient *client = start_applied(running);

        write_file(running, "fails", "NetworkSet");
        reload(running, client);
        wait_for_calls(running, "NetworkSet", 2);
        write_file(running, "fails", "");
        wait_for_calls(running, "NetworkSet", 3);
        varlink_client_free(client);
}

static int make(Running *running) {
        DaemonSockets sockets = make_sockets(running);
        Manager *manager = NULL;
        int r = manager_new(&running->config, &sockets, &manager, &running->error);

        assert_int_equal(sockets.varlink, -1);
        manager_free(manager);
        return r;
}

static void it_refuses_to_run_as_anybody_but_the_owner(void **state) {
        Running *running = *state;

        write_conf(running, getuid() + 1, banger_version);
        assert_int_equal(make(running), -EPERM);
        assert_int_equal(running->error.kind, ERROR_NOT_PERMITTED);
        assert_non_null(strstr(running->error.hint, "banger system install"));
}

static void it_refuses_to_run_where_nothing_is_installed(void **state) {
        Running *running = *state;

        assert_int_equal(unlink(running->conf), 0);
        assert_int_equal(make(running), -ENOENT);
        assert_int_equal(running->error.kind, ERROR_NOT_INSTALLED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_status_tells_version_owner_and_a_helper_that_is_well),
                TEST(names_are_answered_and_the_status_says_so),
                TEST(without_the_port_nobody_is_sent_to_it_and_the_status_says_why),
                TEST(with_somebody_else_on_the_port_nobody_is_sent_there_either),
                TEST(a_resolver_that_cannot_be_set_is_told_in_the_status),
                TEST(the_status_changes_nothing),
                TEST(without_a_helper_names_do_not_resolve),
                TEST(the_status_is_told_without_a_helper_too),
                TEST(an_older_helper_is_told_apart),
                TEST(a_helper_that_hangs_is_unreachable_in_time),
                TEST(while_the_helper_hangs_other_calls_are_answered),
                TEST(a_client_that_leaves_while_the_helper_hangs_harms_nothing),
                TEST(beyond_the_cap_a_client_is_closed),
                TEST(a_stranger_is_closed_without_an_answer),
                TEST(told_to_stop_it_leaves_properly),
                TEST(told_to_stop_it_still_answers_who_had_connected),
                TEST(told_to_stop_while_it_looks_at_what_runs_it_is_never_ready),
                TEST(told_to_reload_it_applies_the_network_again),
                TEST(reloads_while_one_is_under_way_are_one_more),
                TEST(a_reload_that_fails_is_tried_again),
                TEST(it_refuses_to_run_as_anybody_but_the_owner),
                TEST(it_refuses_to_run_where_nothing_is_installed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
