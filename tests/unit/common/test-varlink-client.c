/* The poll drivers against each other, over a socket pair: the server runs in a thread where both
 * sides must move at once; else its replies, or the client's calls, are sent beforehand. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/json.h"
#include "common/varlink-poll.h"
#include "tests/unit/common/fake-service.h"

#define LONG_USEC (20 * USEC_PER_SEC)
#define SHORT_USEC (30 * USEC_PER_MSEC)

typedef struct Fixture {
        Fake fake;
        VarlinkServerConfig config;
        VarlinkServer *server;
        VarlinkServeConfig serve;
        VarlinkClient *client;
        int far; /* the server's end */
        pthread_t thread;
        bool running;
        int result; /* of varlink_serve() */
} Fixture;

static uint64_t soon(void) {
        return clock_monotonic_usec() + LONG_USEC;
}

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));
        int fds[2];

        if (!fixture || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -1;
        fixture->config = fake_config(&fixture->fake, &varlink_limits_daemon);
        fixture->serve = (VarlinkServeConfig) {UINT64_MAX, LONG_USEC, UINT64_MAX};
        fixture->far = fds[1];
        if (varlink_client_new(fds[0], &fixture->client) < 0 ||
            varlink_server_new(&fixture->config, &fixture->server) < 0)
                return -1;
        *state = fixture;
        return 0;
}

static void serve_now(Fixture *fixture) {
        const Peer peer = {.pid = 1, .uid = 1000, .gid = 1000};

        fixture->result =
                varlink_serve(fixture->server, steal_fd(&fixture->far), &peer, &fixture->serve);
}

static void *serve_in_thread(void *userdata) {
        serve_now(userdata);
        return NULL;
}

static void start(Fixture *fixture) {
        assert_int_equal(pthread_create(&fixture->thread, NULL, serve_in_thread, fixture), 0);
        fixture->running = true;
}

static int stop(Fixture *fixture) {
        fixture->client = varlink_client_free(fixture->client);
        if (fixture->running)
                pthread_join(fixture->thread, NULL);
        fixture->running = false;
        return fixture->result;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        stop(fixture);
        close_fd(fixture->far);
        for (size_t i = 0; i < fixture->fake.n_kept; i++)
                varlink_call_unref(fixture->fake.kept[i]);
        varlink_server_free(fixture->server);
        free(fixture);
        return 0;
}

/* What a server would have sent, with descriptors. */
static void say_fds(Fixture *fixture, const char *reply, int *fds, size_t n_fds) {
        _cleanup_json_ struct json_object *object = json_tokener_parse(reply);
        VarlinkWire *wire;

        assert_non_null(object);
        assert_int_equal(varlink_wire_new(&varlink_limits_client, &wire), 0);
        assert_int_equal(varlink_wire_put(wire, object, fds, n_fds), 0);
        assert_int_equal(varlink_wire_send(wire, fixture->far), 1);
        varlink_wire_free(wire);
}

static void say(Fixture *fixture, const char *reply) {
        say_fds(fixture, reply, NULL, 0);
}

static void send_call(Fixture *fixture, const char *method, const char *parameters,
                      VarlinkCallFlags flags) {
        _cleanup_json_ struct json_object *object =
                parameters ? json_tokener_parse(parameters) : NULL;

        assert_int_equal(varlink_client_send(fixture->client, method, object, flags, NULL, 0,
                                             soon(), NULL),
                         0);
}

static void expect(Fixture *fixture, const char *parameters, bool continues) {
        _cleanup_(varlink_reply_clear) VarlinkReply reply = {.parameters = NULL};

        assert_int_equal(varlink_client_receive(fixture->client, soon(), &reply, NULL), 0);
        assert_string_equal(
                json_object_to_json_string_ext(reply.parameters, JSON_C_TO_STRING_PLAIN),
                parameters);
        assert_int_equal(reply.continues, continues);
}

static int call_echo(Fixture *fixture, const char *text, uint64_t deadline_usec, FakeText *out,
                     Error *reterr) {
        char copy[32];
        FakeText in = {.text = copy};

        (void) snprintf(copy, sizeof(copy), "%s", text);
        return varlink_client_call(fixture->client, &fake_interface, "Echo", &in, out, NULL, 0,
                                   NULL, deadline_usec, reterr);
}

static void a_call_goes_by_its_schemas(void **state) {
        Fixture *fixture = *state;
        FakeText out;

        start(fixture);
        assert_int_equal(call_echo(fixture, "hi", soon(), &out, NULL), 0);
        assert_string_equal(out.text, "hi");
        schema_clear(&fake_text_schema, &out);
        assert_int_equal(call_echo(fixture, "out may be left out", soon(), NULL, NULL), 0);
        assert_int_equal(stop(fixture), 0);
}

static void an_error_reply_fills_the_error(void **state) {
        Fixture *fixture = *state;
        _cleanup_error_ Error error = ERROR_INIT;

        start(fixture);
        assert_int_equal(varlink_client_call(fixture->client, &fake_interface, "Fail", NULL, NULL,
                                             NULL, 0, NULL, soon(), &error),
                         -ENOENT);
        assert_int_equal(error.kind, ERROR_NOT_FOUND);
        assert_string_equal(error.message, "there is no vm \"web\"");
        assert_string_equal(error.object, "web");
        assert_string_equal(error.hint, "run: banger vm list");
        assert_string_equal(error.field, "name");
        assert_string_equal(error.operation, "op1");
        assert_int_equal(call_echo(fixture, "goes on", soon(), NULL, NULL), 0);
}

static void a_refused_parameter_is_named(void **state) {
        Fixture *fixture = *state;
        _cleanup_error_ Error error = ERROR_INIT;

        start(fixture);
        assert_int_equal(varlink_client_call(fixture->client, &fake_interface, "FailParameter",
                                             NULL, NULL, NULL, 0, NULL, soon(), &error),
                         -EINVAL);
        assert_int_equal(error.kind, ERROR_INVALID_PARAMETER);
        assert_string_equal(error.field, "cpus");
        assert_string_equal(error.message, "must be even");
}

static void calls_may_be_sent_ahead(void **state) {
        Fixture *fixture = *state;

        start(fixture);
        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"b\"}", 0);
        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"c\"}", 0);
        expect(fixture, "{\"text\":\"a\"}", false);
        expect(fixture, "{\"text\":\"b\"}", false);
        expect(fixture, "{\"text\":\"c\"}", false);
}

static void many_calls_ahead_do_not_block_each_other(void **state) {
        _cleanup_free_ char *text = malloc(60001);
        _cleanup_free_ char *parameters = malloc(60032);
        Fixture *fixture = *state;

        assert_true(text && parameters);
        memset(text, 'x', 60000);
        text[60000] = 0;
        (void) snprintf(parameters, 60032, "{\"text\":\"%s\"}", text);
        start(fixture);
        for (size_t i = 0; i < 60; i++)
                send_call(fixture, "io.banger.Fake.Echo", parameters, 0);
        for (size_t i = 0; i < 60; i++)
                expect(fixture, parameters, false);
        assert_int_equal(stop(fixture), 0);
}

static void a_stream_ends_with_its_last_reply(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        Fixture *fixture = *state;
        VarlinkReply reply;

        start(fixture);
        send_call(fixture, "io.banger.Fake.Count", "{\"text\":\"n\",\"number\":3}",
                  VARLINK_CALL_MORE);
        expect(fixture, "{\"text\":\"n\",\"number\":1}", true);
        expect(fixture, "{\"text\":\"n\",\"number\":2}", true);
        expect(fixture, "{\"text\":\"n\",\"number\":3}", false);
        assert_int_equal(varlink_client_receive(fixture->client, soon(), &reply, &error), -EINVAL);
}

static void a_oneway_call_has_no_reply_to_wait_for(void **state) {
        Fixture *fixture = *state;

        start(fixture);
        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", VARLINK_CALL_ONEWAY);
        assert_int_equal(call_echo(fixture, "b", soon(), NULL, NULL), 0);
        stop(fixture);
        assert_string_equal(fixture->fake.log, "echo:a done:Echo echo:b done:Echo");
}

static void a_oneway_call_arrives_though_the_client_leaves(void **state) {
        Fixture *fixture = *state;

        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", VARLINK_CALL_ONEWAY);
        fixture->client = varlink_client_free(fixture->client);
        serve_now(fixture);
        assert_int_equal(fixture->result, 0);
        assert_string_equal(fixture->fake.log, "echo:a done:Echo");
}

static void descriptors_go_to_the_server_and_stay_the_callers(void **state) {
        Fixture *fixture = *state;
        int ends[2];
        FakeText out;
        char bytes[2];

        start(fixture);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(varlink_client_call(fixture->client, &fake_interface, "Take", NULL, &out,
                                             (int[]) {ends[1], ends[1]}, 2, NULL, soon(), NULL),
                         0);
        assert_int_equal(out.number, 2);
        schema_clear(&fake_text_schema, &out);
        assert_int_equal(read(ends[0], bytes, 2), 2);
        assert_int_equal(close(ends[1]), 0);
        assert_int_equal(read(ends[0], bytes, 1), 0);
        close_fd(ends[0]);
}

static int call_give(Fixture *fixture, int64_t number, int *ret_fd) {
        char text[] = "abc";
        const FakeText in = {.text = text, .number = number};

        return varlink_client_call(fixture->client, &fake_interface, "Give", &in, NULL, NULL, 0,
                                   ret_fd, soon(), NULL);
}

static void the_replys_descriptor_is_given(void **state) {
        Fixture *fixture = *state;
        char bytes[3];
        int fd = -1;

        start(fixture);
        assert_int_equal(call_give(fixture, 1, &fd), 0);
        assert_int_equal(read(fd, bytes, 3), 3);
        assert_memory_equal(bytes, "abc", 3);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close_fd(fd);
}

static void a_reply_without_the_wanted_descriptor_is_an_error(void **state) {
        Fixture *fixture = *state;
        int fd = -1;

        start(fixture);
        assert_int_equal(call_give(fixture, 0, &fd), -EPROTO);
        assert_int_equal(call_give(fixture, 2, &fd), -EPROTO);
        assert_int_equal(fd, -1);
}

static void descriptors_that_nobody_wants_are_closed(void **state) {
        Fixture *fixture = *state;
        int ends[2], far_end;
        char byte;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        far_end = ends[1];
        say_fds(fixture, "{\"parameters\":{\"text\":\"a\"}}", &far_end, 1);
        assert_int_equal(call_echo(fixture, "a", soon(), NULL, NULL), 0);
        /* The last writer is gone. */
        assert_int_equal(read(ends[0], &byte, 1), 0);
        close_fd(ends[0]);
}

static void too_many_descriptors_are_not_sent(void **state) {
        Fixture *fixture = *state;
        int fds[VARLINK_FDS_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = STDERR_FILENO;
        assert_int_equal(varlink_client_send(fixture->client, "a.B", NULL, 0, fds, ELEMENTSOF(fds),
                                             soon(), NULL),
                         -EMSGSIZE);
}

static void a_descriptor_that_is_none_fails_the_call(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(varlink_client_send(fixture->client, "a.B", NULL, 0,
                                             (int[]) {STDERR_FILENO, -1}, 2, soon(), NULL),
                         -EBADF);
}

static void a_reply_that_does_not_come_times_out(void **state) {
        Fixture *fixture = *state;
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(call_echo(fixture, "a", clock_monotonic_usec() + SHORT_USEC, NULL, &error),
                         -ETIMEDOUT);
        assert_int_equal(error.kind, ERROR_TIMED_OUT);
}

static void a_late_reply_is_not_taken_for_another_calls(void **state) {
        Fixture *fixture = *state;
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(call_echo(fixture, "a", 0, NULL, NULL), -ETIMEDOUT);
        say(fixture, "{\"parameters\":{\"text\":\"a\"}}");
        assert_int_equal(call_echo(fixture, "b", soon(), NULL, &error), -EBUSY);
        assert_int_equal(error.kind, ERROR_BUSY);
        expect(fixture, "{\"text\":\"a\"}", false);
        say(fixture, "{\"parameters\":{\"text\":\"b\"}}");
        assert_int_equal(call_echo(fixture, "b", soon(), NULL, NULL), 0);
}

static void a_past_deadline_still_takes_what_has_come(void **state) {
        Fixture *fixture = *state;

        say(fixture, "{\"parameters\":{\"text\":\"a\"}}");
        assert_int_equal(call_echo(fixture, "a", 0, NULL, NULL), 0);
}

static void a_server_that_does_not_read_times_out_the_sending(void **state) {
        Fixture *fixture = *state;
        struct json_object *parameters = json_object_new_object();
        _cleanup_free_ char *text = malloc(1000001);
        int r = 0;

        assert_non_null(text);
        memset(text, 'x', 1000000);
        text[1000000] = 0;
        json_object_object_add(parameters, "text", json_object_new_string(text));
        r = varlink_client_send(fixture->client, "io.banger.Fake.Echo", parameters, 0, NULL, 0,
                                clock_monotonic_usec() + SHORT_USEC, NULL);
        json_object_put(parameters);
        assert_int_equal(r, -ETIMEDOUT);
}

static void a_server_that_leaves_is_unreachable(void **state) {
        Fixture *fixture = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        VarlinkReply reply;

        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
        fixture->far = close_fd(fixture->far);
        assert_int_equal(varlink_client_receive(fixture->client, soon(), &reply, &error),
                         -ECONNRESET);
        assert_int_equal(error.kind, ERROR_UNREACHABLE);
        error_clear(&error);
        assert_int_equal(varlink_client_send(fixture->client, "a.B", NULL, 0, NULL, 0, soon(),
                                             &error),
                         -ECONNRESET);
        assert_int_equal(error.kind, ERROR_UNREACHABLE);
}

static void replies_sent_before_leaving_are_received(void **state) {
        Fixture *fixture = *state;

        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
        say(fixture, "{\"parameters\":{\"text\":\"a\"}}");
        fixture->far = close_fd(fixture->far);
        expect(fixture, "{\"text\":\"a\"}", false);
}

static void replies_that_are_no_varlink_are_refused(void **state) {
        static const char *const replies[] = {
                "{\"parameters\":[]}", "{\"error\":7}", "{\"continues\":1}",
        };
        Fixture *fixture = *state;

        for (size_t i = 0; i < ELEMENTSOF(replies); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                VarlinkReply reply;

                send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
                say(fixture, replies[i]);
                assert_int_equal(varlink_client_receive(fixture->client, soon(), &reply, &error),
                                 -EPROTO);
                assert_int_equal(error.kind, ERROR_PROTOCOL);
        }
}

static void a_reply_of_another_shape_is_the_services_fault(void **state) {
        Fixture *fixture = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        FakeText out = {.number = 77};

        say(fixture, "{\"parameters\":{\"text\":7}}");
        assert_int_equal(call_echo(fixture, "a", soon(), &out, &error), -EINVAL);
        assert_int_equal(error.kind, ERROR_PROTOCOL);
        error_clear(&error);
        say(fixture, "{\"continues\":true}");
        assert_int_equal(call_echo(fixture, "a", soon(), NULL, &error), -EPROTO);
}

static void a_reply_may_have_no_parameters(void **state) {
        Fixture *fixture = *state;

        send_call(fixture, "a.B", NULL, 0);
        say(fixture, "{}");
        expect(fixture, "{}", false);
}

static void a_method_that_is_not_in_the_table_is_not_called(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(varlink_client_call(fixture->client, &fake_interface, "Nothing", NULL,
                                             NULL, NULL, 0, NULL, soon(), NULL),
                         -EINVAL);
}

static void an_upgrade_leaves_the_socket_and_the_rest_to_both_sides(void **state) {
        Fixture *fixture = *state;
        char bytes[8] = "";
        void *rest;
        size_t rest_size;
        int near;

        assert_int_equal(varlink_client_send(fixture->client, "io.banger.Fake.Leave", NULL,
                                             VARLINK_CALL_UPGRADE, NULL, 0, soon(), NULL),
                         0);
        assert_int_equal(io_write_full(varlink_client_fd(fixture->client), "early", 5), 0);
        serve_now(fixture);
        assert_int_equal(fixture->result, 0);
        assert_string_equal(fixture->fake.log, "done:Leave upgraded");
        assert_string_equal(fixture->fake.upgraded_rest, "early");
        assert_int_equal(io_write_full(fixture->fake.upgraded_fd, "hello", 5), 0);
        expect(fixture, "{}", false);
        near = varlink_client_steal(fixture->client, &rest, &rest_size);
        assert_true(near >= 0);
        assert_int_equal(varlink_client_fd(fixture->client), -1);
        memcpy(bytes, rest, rest_size);
        free(rest);
        assert_int_equal(io_read_full(near, bytes + rest_size, 5 - rest_size), 0);
        assert_string_equal(bytes, "hello");
        close_fd(near);
        close_fd(fixture->fake.upgraded_fd);
}

static void a_socket_that_is_not_there_is_named(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        VarlinkClient *client;

        (void) state;
        assert_int_equal(varlink_client_connect("/nonexistent/socket", &client, &error), -ENOENT);
        assert_int_equal(error.kind, ERROR_UNREACHABLE);
        assert_non_null(strstr(error.message, "/nonexistent/socket"));
}

static void connecting_to_a_path_works_and_a_dead_socket_is_unreachable(void **state) {
        char directory[] = "/tmp/varlink-XXXXXX";
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_error_ Error error = ERROR_INIT;
        VarlinkClient *client;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) state;
        assert_non_null(mkdtemp(directory));
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(varlink_client_connect(address.sun_path, &client, NULL), 0);
        varlink_client_free(client);
        close_fd(fd);
        assert_int_equal(varlink_client_connect(address.sun_path, &client, &error), -ECONNREFUSED);
        assert_int_equal(error.kind, ERROR_UNREACHABLE);
        unlink(address.sun_path);
        rmdir(directory);
}

static void raw(Fixture *fixture, const char *bytes, size_t size) {
        assert_int_equal(io_write_full(varlink_client_fd(fixture->client), bytes, size), 0);
}

static void serving_ends_well_when_the_peer_closes(void **state) {
        Fixture *fixture = *state;

        fixture->client = varlink_client_free(fixture->client);
        serve_now(fixture);
        assert_int_equal(fixture->result, 0);
        assert_string_equal(fixture->fake.log, "");
}

static void a_half_closed_peer_still_gets_its_replies(void **state) {
        Fixture *fixture = *state;

        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"b\"}", 0);
        assert_int_equal(shutdown(varlink_client_fd(fixture->client), SHUT_WR), 0);
        serve_now(fixture);
        assert_int_equal(fixture->result, 0);
        expect(fixture, "{\"text\":\"a\"}", false);
        expect(fixture, "{\"text\":\"b\"}", false);
}

static void a_peer_that_leaves_midway_breaks_the_protocol(void **state) {
        Fixture *fixture = *state;

        raw(fixture, "{", 1);
        fixture->client = varlink_client_free(fixture->client);
        serve_now(fixture);
        assert_int_equal(fixture->result, -EPROTO);
        assert_string_equal(fixture->fake.log, "refused:Protocol");
}

static void what_is_no_json_ends_serving_after_the_replies_before_it(void **state) {
        Fixture *fixture = *state;

        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
        raw(fixture, "hello", 6);
        serve_now(fixture);
        assert_int_equal(fixture->result, -EINVAL);
        expect(fixture, "{\"text\":\"a\"}", false);
        assert_string_equal(fixture->fake.log, "echo:a done:Echo refused:Protocol");
}

static void a_message_past_the_limit_ends_serving(void **state) {
        Fixture *fixture = *state;
        VarlinkLimits limits = {.message_max = 16, .output_max = 100, .fds_max = 0};

        fixture->config.limits = &limits;
        raw(fixture, "{                ", 17);
        serve_now(fixture);
        assert_int_equal(fixture->result, -EMSGSIZE);
        assert_string_equal(fixture->fake.log, "refused:Protocol");
}

static void half_a_message_stalls(void **state) {
        Fixture *fixture = *state;

        fixture->serve.stall_timeout_usec = SHORT_USEC;
        raw(fixture, "{", 1);
        serve_now(fixture);
        assert_int_equal(fixture->result, -ETIMEDOUT);
        assert_string_equal(fixture->fake.log, "refused:TimedOut");
}

static void bytes_that_wait_do_not_extend_a_messages_time(void **state) {
        Fixture *fixture = *state;
        _cleanup_free_ char *text = malloc(100000);

        assert_non_null(text);
        memset(text, ' ', 100000);
        text[0] = '{';
        text[99998] = '}';
        text[99999] = 0;
        fixture->serve.stall_timeout_usec = 0;
        raw(fixture, text, 100000);
        serve_now(fixture);
        assert_int_equal(fixture->result, -ETIMEDOUT);
        assert_string_equal(fixture->fake.log, "refused:TimedOut");
}

static void replies_that_are_not_read_stall(void **state) {
        Fixture *fixture = *state;

        fixture->serve.stall_timeout_usec = SHORT_USEC;
        send_call(fixture, "io.banger.Fake.Count", "{\"text\":\"n\",\"number\":20000}",
                  VARLINK_CALL_MORE);
        serve_now(fixture);
        assert_int_equal(fixture->result, -ETIMEDOUT);
        assert_string_equal(fixture->fake.log, "count done:Count refused:TimedOut");
}

static void output_past_the_cap_ends_serving(void **state) {
        Fixture *fixture = *state;

        send_call(fixture, "io.banger.Fake.Count", "{\"text\":\"n\",\"number\":200000}",
                  VARLINK_CALL_MORE);
        serve_now(fixture);
        assert_int_equal(fixture->result, -ENOBUFS);
}

static void an_idle_peer_is_let_go_without_blame(void **state) {
        Fixture *fixture = *state;

        fixture->serve.idle_timeout_usec = SHORT_USEC;
        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
        serve_now(fixture);
        assert_int_equal(fixture->result, 0);
        assert_string_equal(fixture->fake.log, "echo:a done:Echo");
}

static void a_connections_life_is_bounded(void **state) {
        Fixture *fixture = *state;

        fixture->serve.total_timeout_usec = SHORT_USEC;
        serve_now(fixture);
        assert_int_equal(fixture->result, -ETIMEDOUT);
        assert_string_equal(fixture->fake.log, "refused:TimedOut");
}

static void calls_that_wait_do_not_extend_a_connections_life(void **state) {
        Fixture *fixture = *state;

        fixture->serve.total_timeout_usec = 0;
        send_call(fixture, "io.banger.Fake.Echo", "{\"text\":\"a\"}", 0);
        serve_now(fixture);
        assert_int_equal(fixture->result, -ETIMEDOUT);
        assert_string_equal(fixture->fake.log, "refused:TimedOut");
}

static void a_handler_that_keeps_its_call_ends_serving(void **state) {
        Fixture *fixture = *state;

        send_call(fixture, "io.banger.Fake.Later", "{\"text\":\"a\"}", 0);
        serve_now(fixture);
        assert_int_equal(fixture->result, -EDEADLK);
        assert_string_equal(fixture->fake.log, "later:a gone");
}

static void freeing_nothing_is_allowed(void **state) {
        (void) state;
        assert_null(varlink_client_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_call_goes_by_its_schemas, setup, teardown),
                cmocka_unit_test_setup_teardown(an_error_reply_fills_the_error, setup, teardown),
                cmocka_unit_test_setup_teardown(a_refused_parameter_is_named, setup, teardown),
                cmocka_unit_test_setup_teardown(calls_may_be_sent_ahead, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        many_calls_ahead_do_not_block_each_other, setup, teardown),
                cmocka_unit_test_setup_teardown(a_stream_ends_with_its_last_reply, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_oneway_call_has_no_reply_to_wait_for, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_oneway_call_arrives_though_the_client_leaves, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_go_to_the_server_and_stay_the_callers, setup, teardown),
                cmocka_unit_test_setup_teardown(the_replys_descriptor_is_given, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_reply_without_the_wanted_descriptor_is_an_error, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_that_nobody_wants_are_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(too_many_descriptors_are_not_sent, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_descriptor_that_is_none_fails_the_call, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_reply_that_does_not_come_times_out, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_late_reply_is_not_taken_for_another_calls, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_past_deadline_still_takes_what_has_come, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_server_that_does_not_read_times_out_the_sending, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_server_that_leaves_is_unreachable, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        replies_sent_before_leaving_are_received, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        replies_that_are_no_varlink_are_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_reply_of_another_shape_is_the_services_fault, setup, teardown),
                cmocka_unit_test_setup_teardown(a_reply_may_have_no_parameters, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_method_that_is_not_in_the_table_is_not_called, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_upgrade_leaves_the_socket_and_the_rest_to_both_sides, setup, teardown),
                cmocka_unit_test(a_socket_that_is_not_there_is_named),
                cmocka_unit_test(connecting_to_a_path_works_and_a_dead_socket_is_unreachable),
                cmocka_unit_test_setup_teardown(
                        serving_ends_well_when_the_peer_closes, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_half_closed_peer_still_gets_its_replies, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_peer_that_leaves_midway_breaks_the_protocol, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        what_is_no_json_ends_serving_after_the_replies_before_it, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_message_past_the_limit_ends_serving, setup, teardown),
                cmocka_unit_test_setup_teardown(half_a_message_stalls, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        bytes_that_wait_do_not_extend_a_messages_time, setup, teardown),
                cmocka_unit_test_setup_teardown(replies_that_are_not_read_stall, setup, teardown),
                cmocka_unit_test_setup_teardown(output_past_the_cap_ends_serving, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_idle_peer_is_let_go_without_blame, setup, teardown),
                cmocka_unit_test_setup_teardown(a_connections_life_is_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        calls_that_wait_do_not_extend_a_connections_life, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_handler_that_keeps_its_call_ends_serving, setup, teardown),
                cmocka_unit_test(freeing_nothing_is_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
