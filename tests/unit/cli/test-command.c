#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/output.h"
#include "common/api-root.h"
#include "common/api-system.h"
#include "common/json.h"
#include "common/varlink-poll.h"
#include "common/version.h"
#include "tests/unit/cli/fixture.h"

/* ---- a daemon of one connection, in a process of its own ---- */

typedef struct Daemon {
        pid_t pid;
} Daemon;

static int fake_get_status(VarlinkCall *call, const void *parameters, void *userdata,
                           Error *reterr) {
        static char host[] = "h\033]0;owned\007", version[] = "9.9", owner[] = "alice",
                    name[] = "bangerd", message[] = "no /dev/kvm";
        const bool *degraded = userdata;
        ComponentStatus component = {.name = name,
                                     .state = *degraded ? COMPONENT_DEGRADED : COMPONENT_OK,
                                     .version = version,
                                     .message = *degraded ? message : NULL};
        SystemStatus status = {.host = host,
                               .version = version,
                               .owner = owner,
                               .vms_running = 1,
                               .vms_total = 3,
                               .components = {&component, 1}};

        (void) parameters;
        (void) reterr;
        if (varlink_call_wants_more(call)) {
                int r = varlink_call_progress(call, &status);

                if (r < 0)
                        return r;
        }
        return varlink_call_reply(call, &status);
}

static int fake_ping(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        (void) call;
        (void) parameters;
        (void) userdata;
        return error_set_hint(reterr,
                              error_set(reterr, ERROR_BUSY, EBUSY, "cannot answer: \033[2Jbusy"),
                              "wait");
}

static int fake_inventory(VarlinkCall *call, const void *parameters, void *userdata,
                          Error *reterr) {
        Inventory inventory = {.entries = {.items = NULL}};

        (void) parameters;
        (void) userdata;
        (void) reterr;
        return varlink_call_reply(call, &inventory);
}

static int fake_get_summary(VarlinkCall *call, _unused_ const void *parameters,
                            _unused_ void *userdata, _unused_ Error *reterr) {
        return varlink_call_reply(call, &(SystemSummary) {
                                                .vms_running = 1,
                                                .vms_total = 3,
                                                .cpu_percent = 7,
                                                .memory_bytes = 1 << 30,
                                                .memory_total_bytes = INT64_C(8) << 30,
                                        });
}

static const VarlinkMethod bangerd_methods[] = {
        {.name = "io.banger.System.GetStatus", .handler = fake_get_status},
        {.name = "io.banger.System.GetSummary", .handler = fake_get_summary},
};
static const VarlinkMethod helper_methods[] = {
        {.name = "io.banger.Root.Ping", .handler = fake_ping},
        {.name = "io.banger.Root.Inventory", .handler = fake_inventory},
};
static const Interface *const bangerd_interfaces[] = {&interface_system, NULL};

static int listen_on(const char *path, mode_t mode) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_true(strlen(path) < sizeof(address.sun_path));
        memcpy(address.sun_path, path, strlen(path) + 1);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(chmod(path, mode), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void serve_one(int listen_fd, bool helper, bool degraded) {
        /* The helper's first verbs; what the others do is not for here. */
        const Interface helper_interface = {
                .name = interface_root.name,
                .summary = interface_root.summary,
                .actions = interface_root.actions,
                .n_actions = ELEMENTSOF(helper_methods),
        };
        const Interface *const helper_interfaces[] = {&helper_interface, NULL};
        const size_t n_methods[] = {ELEMENTSOF(bangerd_methods), ELEMENTSOF(helper_methods)};
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "fake",
                .version = "1",
                .url = BANGER_URL,
                .interfaces = helper ? helper_interfaces : bangerd_interfaces,
                .methods = helper ? helper_methods : bangerd_methods,
                .n_methods = n_methods[helper],
                .limits = &varlink_limits_daemon,
                .userdata = &degraded,
        };
        const VarlinkServeConfig times = {10 * 1000 * 1000, 10 * 1000 * 1000, 10 * 1000 * 1000};
        VarlinkServer *server = NULL;
        Peer peer;
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0 || peer_read(fd, &peer) < 0 || varlink_server_new(&config, &server) < 0)
                _exit(1);
        (void) varlink_serve(server, fd, &peer, &times);
        varlink_server_free(server);
        _exit(0);
}

static Daemon daemon_start(const TempRoot *root, bool helper, bool degraded) {
        Daemon daemon;
        int fd;

        temp_root_mkdir(root, "/run/banger");
        temp_root_mkdir(root, "/run/banger-root");
        fd = listen_on(helper ? root->helper_socket : root->bangerd_socket, 0600);
        daemon.pid = fork();
        assert_true(daemon.pid >= 0);
        if (daemon.pid == 0)
                serve_one(fd, helper, degraded);
        close_fd(fd);
        return daemon;
}

static void daemon_stop(const Daemon *daemon) {
        int status;

        assert_int_equal(waitpid(daemon->pid, &status, 0), daemon->pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- one command ---- */

typedef struct Outcome {
        int status;
        Capture out, err;
} Outcome;

/* By pointer: the streams write to where they were opened, to the end. */
static void run_words(const TempRoot *root, const char *const *words, Outcome *ret) {
        CommandContext context;
        char *copies[8] = {NULL};
        size_t n = 0;

        for (; words[n]; n++) {
                copies[n] = strdup(words[n]);
                assert_non_null(copies[n]);
        }
        capture_open(&ret->out);
        capture_open(&ret->err);
        context = (CommandContext) {.host = &root->host,
                                    .in = fopen("/dev/null", "re"),
                                    .out = ret->out.out,
                                    .err = ret->err.out};
        assert_non_null(context.in);
        ret->status = command_main(&context, copies, n);
        fclose(context.in);
        while (n-- > 0)
                free(copies[n]);
        capture_text(&ret->out);
        capture_text(&ret->err);
}

static void outcome_close(Outcome *outcome) {
        capture_close(&outcome->out);
        capture_close(&outcome->err);
}

static void assert_outcome(const TempRoot *root, const char *const *words, int status,
                           const char *out, const char *err) {
        Outcome outcome;

        run_words(root, words, &outcome);

        assert_string_equal(outcome.err.text, err);
        assert_string_equal(outcome.out.text, out);
        assert_int_equal(outcome.status, status);
        outcome_close(&outcome);
}

static void status_prints_a_table_and_escapes_the_daemons_words(void **state) {
        Daemon daemon = daemon_start(*state, false, false);

        assert_outcome(*state, (const char *const[]) {"status", NULL}, 0,
                       "h\\x1b]0;owned\\x07: banger 9.9 of alice, 1 of 3 VMs running\n"
                       "COMPONENT  STATE  VERSION  MESSAGE\n"
                       "bangerd    ok     9.9\n",
                       "");
        daemon_stop(&daemon);
}

static void the_status_line_fits_into_a_prompt(void **state) {
        Daemon daemon = daemon_start(*state, false, false);

        assert_outcome(*state, (const char *const[]) {"status", "--line", "--max-width", "13", NULL},
                       0, "bgr 1/3 cpu7\n", "");
        daemon_stop(&daemon);
}

static void the_status_line_never_fails(void **state) {
        assert_outcome(*state, (const char *const[]) {"status", "--line", NULL}, 0, "bgr off\n", "");
}

static void the_forms_of_a_status_exclude_each_other(void **state) {
        assert_outcome(*state, (const char *const[]) {"status", "--line", "--motd", NULL}, 2, "",
                       "banger: --line or --motd, not both\n");
        assert_outcome(*state, (const char *const[]) {"status", "--max-width", "9", NULL}, 2, "",
                       "banger: --max-width goes with --line\n");
}

static void a_degraded_component_is_status_4_in_json_too(void **state) {
        Daemon daemon = daemon_start(*state, false, true);
        _cleanup_json_ struct json_object *object = NULL;
        Outcome outcome;

        run_words(*state, (const char *const[]) {"status", "--json", NULL}, &outcome);
        assert_int_equal(outcome.status, 4);
        assert_int_equal(json_parse_object(outcome.out.text, strlen(outcome.out.text) - 1, &object,
                                           NULL), 0);
        assert_null(strchr(outcome.out.text, '\033'));
        outcome_close(&outcome);
        daemon_stop(&daemon);
}

static void not_installed_is_status_3_and_says_how_to(void **state) {
        assert_outcome(*state, (const char *const[]) {"status", NULL}, 3, "",
                       "banger: cannot reach bangerd: banger is not installed on this host; run: "
                       "sudo banger system install --owner USER\n");
}

static void plant_conf(const TempRoot *root) {
        InstallConf conf = fixture_conf();
        _cleanup_free_ char *text = NULL;

        assert_int_equal(install_conf_format(&conf, &text), 0);
        temp_root_mkdir(root, "/etc/banger");
        temp_root_write(root, BANGER_INSTALL_CONF, text);
}

static void a_stopped_socket_is_status_5_and_says_how_to_start_it(void **state) {
        TempRoot *root = *state;

        plant_conf(root);
        assert_outcome(root, (const char *const[]) {"status", NULL}, 5, "",
                       "banger: cannot reach bangerd: bangerd.socket is not running; run: sudo "
                       "systemctl start bangerd.socket\n");
}

static void a_dead_socket_file_is_status_5(void **state) {
        TempRoot *root = *state;

        plant_conf(root);
        temp_root_mkdir(root, "/run/banger-root");
        close_fd(listen_on(root->helper_socket, 0600));
        assert_outcome(root, (const char *const[]) {"api", "io.banger.Root.Ping", NULL}, 5, "",
                       "banger: cannot reach bangerd-root: bangerd-root.socket is not running; "
                       "run: sudo systemctl start bangerd-root.socket\n");
}

static void another_user_is_status_4_and_told_the_owner(void **state) {
        TempRoot *root = *state;
        Outcome outcome;
        int fd;

        if (geteuid() != 0)
                skip();
        plant_conf(root);
        temp_root_mkdir(root, "/run/banger");
        fd = listen_on(root->bangerd_socket, 0600);
        assert_int_equal(chmod(root->path, 0755), 0);
        assert_int_equal(seteuid(12346), 0);
        run_words(root, (const char *const[]) {"status", NULL}, &outcome);
        assert_int_equal(seteuid(0), 0);
        assert_string_equal(outcome.err.text,
                            "banger: cannot reach bangerd: banger on this host belongs to alice; "
                            "run this command as alice\n");
        assert_int_equal(outcome.status, 4);
        outcome_close(&outcome);
        close_fd(fd);
}

static void api_prints_the_reply_of_any_method(void **state) {
        Daemon daemon = daemon_start(*state, false, false);
        Outcome outcome;

        run_words(*state, (const char *const[]) {
                                                    "api", "org.varlink.service.GetInfo", "{}",
                                                    NULL}, &outcome);

        assert_int_equal(outcome.status, 0);
        assert_non_null(strstr(outcome.out.text, "\"product\": \"fake\""));
        outcome_close(&outcome);
        daemon_stop(&daemon);
}

static void api_prints_each_reply_of_a_stream_on_a_line(void **state) {
        Daemon daemon = daemon_start(*state, false, false);
        Outcome outcome;

        run_words(*state, (const char *const[]) {
                                                    "api", "--more", "io.banger.System.GetStatus",
                                                    NULL}, &outcome);
        size_t n_lines = 0;

        assert_int_equal(outcome.status, 0);
        for (const char *p = outcome.out.text; *p; p++)
                n_lines += *p == '\n';
        assert_int_equal(n_lines, 2);
        outcome_close(&outcome);
        daemon_stop(&daemon);
}

static void api_sends_helper_methods_to_the_helper(void **state) {
        Daemon daemon = daemon_start(*state, true, false);
        Outcome outcome;

        run_words(*state, (const char *const[]) {
                                                    "api", "io.banger.Root.Inventory", NULL}, &outcome);

        assert_int_equal(outcome.status, 0);
        assert_non_null(strstr(outcome.out.text, "\"entries\""));
        outcome_close(&outcome);
        daemon_stop(&daemon);
}

static void an_error_reply_exits_by_its_kind_and_is_escaped(void **state) {
        Daemon daemon = daemon_start(*state, true, false);

        assert_outcome(*state, (const char *const[]) {"api", "io.banger.Root.Ping", NULL}, 4, "",
                       "banger: cannot answer: \\x1b[2Jbusy; wait\n");
        daemon_stop(&daemon);
}

static void with_json_an_error_is_an_object_on_stderr(void **state) {
        Daemon daemon = daemon_start(*state, true, false);
        Outcome outcome;

        run_words(*state, (const char *const[]) {"api", "io.banger.Root.Ping",
                                                                   "--json", NULL}, &outcome);
        _cleanup_json_ struct json_object *object = NULL;
        struct json_object *member = NULL;

        assert_int_equal(outcome.status, 4);
        assert_string_equal(outcome.out.text, "");
        assert_int_equal(json_parse_object(outcome.err.text, strlen(outcome.err.text) - 1, &object,
                                           NULL), 0);
        assert_true(json_object_object_get_ex(object, "error", &member));
        assert_string_equal(json_object_get_string(member), "Busy");
        assert_true(json_object_object_get_ex(object, "message", &member));
        assert_string_equal(json_object_get_string(member), "cannot answer: \033[2Jbusy");
        assert_true(json_object_object_get_ex(object, "hint", &member));
        assert_string_equal(json_object_get_string(member), "wait");
        outcome_close(&outcome);
        daemon_stop(&daemon);
}

static void api_refuses_what_is_no_json_before_it_connects(void **state) {
        Outcome outcome;

        run_words(*state, (const char *const[]) {"api", "a.B", "[1]", NULL}, &outcome);

        assert_int_equal(outcome.status, 2);
        assert_non_null(strstr(outcome.err.text, "the parameters are no JSON object"));
        outcome_close(&outcome);
}

static void usage_errors_are_status_2(void **state) {
        assert_outcome(*state, (const char *const[]) {"statsu", NULL}, 2, "",
                       "banger: unknown command \"statsu\"; did you mean \"status\"?\n");
}

static void version_needs_no_daemon(void **state) {
        Outcome outcome;

        run_words(*state, (const char *const[]) {"version", NULL}, &outcome);

        assert_int_equal(outcome.status, 0);
        assert_non_null(strstr(outcome.out.text, banger_version));
        outcome_close(&outcome);
}

static void a_full_disk_behind_stdout_is_a_failure(void **state) {
        TempRoot *root = *state;
        Capture err;
        CommandContext context = {.host = &root->host, .in = stdin};
        char word[] = "version";
        char *words[] = {word};

        capture_open(&err);
        context.err = err.out;
        context.out = fopen("/dev/full", "we");
        assert_non_null(context.out);
        assert_int_equal(command_main(&context, words, 1), 4);
        assert_non_null(strstr(capture_text(&err), "cannot write the output"));
        fclose(context.out);
        capture_close(&err);
}

static void install_and_uninstall_need_root(void **state) {
        TempRoot *root = *state;
        Outcome outcome;

        if (geteuid() != 0)
                skip();
        assert_int_equal(seteuid(12346), 0);
        run_words(root, (const char *const[]) {"system", "install", "--owner", "me",
                                                         NULL}, &outcome);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(outcome.status, 4);
        assert_string_equal(outcome.err.text, "banger: cannot run \"system install\": it needs "
                                              "root; run: sudo banger system install --owner me\n");
        outcome_close(&outcome);
}

static void without_a_terminal_nobody_is_asked(void **state) {
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        CommandContext context = {.host = &root->host, .out = stdout, .err = stderr};

        context.in = fopen("/dev/null", "re");
        assert_non_null(context.in);
        assert_int_equal(confirm(&context, "Go on?", &error), -EPERM);
        assert_int_equal(error_kind_exit_status(error.kind), 4);
        assert_string_equal(error.hint, "give --yes to go on without");
        fclose(context.in);
}

static void any_reply_can_be_printed_by_its_schema(void **state) {
        char host[] = "h", version[] = "1", owner[] = "o", name[] = "n\n";
        ComponentStatus components[] = {{.name = name, .state = COMPONENT_UNREACHABLE}};
        SystemStatus status = {.host = host,
                               .version = version,
                               .owner = owner,
                               .vms_total = 3,
                               .components = {components, 1}};
        Capture capture;

        (void) state;
        capture_open(&capture);
        assert_int_equal(output_reply(capture.out, &system_status_schema, &status), 0);
        assert_string_equal(capture_text(&capture),
                            "host:         h\n"
                            "version:      1\n"
                            "owner:        o\n"
                            "vms_running:  0\n"
                            "vms_total:    3\n"
                            "NAME  STATE        VERSION  MESSAGE\n"
                            "n\\n   unreachable  -        -\n");
        capture_close(&capture);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                in_root("status_prints_a_table_and_escapes_the_daemons_words",
                        status_prints_a_table_and_escapes_the_daemons_words),
                in_root("the_status_line_fits_into_a_prompt", the_status_line_fits_into_a_prompt),
                in_root("the_status_line_never_fails", the_status_line_never_fails),
                in_root("the_forms_of_a_status_exclude_each_other",
                        the_forms_of_a_status_exclude_each_other),
                in_root("a_degraded_component_is_status_4_in_json_too",
                        a_degraded_component_is_status_4_in_json_too),
                in_root("not_installed_is_status_3_and_says_how_to",
                        not_installed_is_status_3_and_says_how_to),
                in_root("a_stopped_socket_is_status_5_and_says_how_to_start_it",
                        a_stopped_socket_is_status_5_and_says_how_to_start_it),
                in_root("a_dead_socket_file_is_status_5", a_dead_socket_file_is_status_5),
                in_root("another_user_is_status_4_and_told_the_owner",
                        another_user_is_status_4_and_told_the_owner),
                in_root("api_prints_the_reply_of_any_method", api_prints_the_reply_of_any_method),
                in_root("api_prints_each_reply_of_a_stream_on_a_line",
                        api_prints_each_reply_of_a_stream_on_a_line),
                in_root("api_sends_helper_methods_to_the_helper",
                        api_sends_helper_methods_to_the_helper),
                in_root("an_error_reply_exits_by_its_kind_and_is_escaped",
                        an_error_reply_exits_by_its_kind_and_is_escaped),
                in_root("with_json_an_error_is_an_object_on_stderr",
                        with_json_an_error_is_an_object_on_stderr),
                in_root("api_refuses_what_is_no_json_before_it_connects",
                        api_refuses_what_is_no_json_before_it_connects),
                in_root("usage_errors_are_status_2", usage_errors_are_status_2),
                in_root("version_needs_no_daemon", version_needs_no_daemon),
                in_root("a_full_disk_behind_stdout_is_a_failure",
                        a_full_disk_behind_stdout_is_a_failure),
                in_root("install_and_uninstall_need_root", install_and_uninstall_need_root),
                in_root("without_a_terminal_nobody_is_asked", without_a_terminal_nobody_is_asked),
                cmocka_unit_test(any_reply_can_be_printed_by_its_schema),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
