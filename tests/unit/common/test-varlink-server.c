#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/varlink-error.h"
#include "common/varlink-server.h"
#include "tests/unit/common/fake-service.h"

#define ECHO_A "{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"a\"}}"
#define LEAVE "{\"method\":\"io.banger.Fake.Leave\",\"upgrade\":true}"
#define DESCRIBE "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"

typedef struct Fixture {
        Fake fake;
        VarlinkLimits limits;
        VarlinkServerConfig config;
        VarlinkServer *server;
        VarlinkConnection *connection;
        size_t n_wakeups;
        char output[16384];
} Fixture;

static const Peer peer = {.pid = 1, .uid = 1000, .gid = 1000};

static void on_wakeup(VarlinkConnection *connection, void *userdata) {
        Fixture *fixture = userdata;

        assert_ptr_equal(connection, fixture->connection);
        fixture->n_wakeups++;
}

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        if (!fixture)
                return -1;
        fixture->limits = (VarlinkLimits) {.message_max = 8192, .output_max = 8192, .fds_max = 2};
        fixture->config = fake_config(&fixture->fake, &fixture->limits);
        if (varlink_server_new(&fixture->config, &fixture->server) < 0 ||
            varlink_connection_new(fixture->server, &peer, &fixture->connection) < 0)
                return -1;
        varlink_connection_set_wakeup(fixture->connection, on_wakeup, fixture);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        varlink_connection_free(fixture->connection);
        for (size_t i = 0; i < fixture->fake.n_kept; i++)
                varlink_call_unref(fixture->fake.kept[i]);
        varlink_server_free(fixture->server);
        free(fixture);
        return 0;
}

static void feed_fds(Fixture *fixture, const char *text, const int *fds, size_t n_fds) {
        VarlinkWire *wire = varlink_connection_wire(fixture->connection);

        assert_int_equal(varlink_wire_feed(wire, text, strlen(text) + 1, fds, n_fds, NULL), 0);
}

static int call(Fixture *fixture, const char *text) {
        feed_fds(fixture, text, NULL, 0);
        return varlink_connection_process(fixture->connection);
}

/* All that waits to be sent, a line a message. */
static const char *output(Fixture *fixture) {
        VarlinkWire *wire = varlink_connection_wire(fixture->connection);
        const char *bytes;
        const int *fds;
        size_t size, n_fds, used = 0;

        fixture->output[0] = 0;
        while ((bytes = varlink_wire_pending(wire, &size, &fds, &n_fds))) {
                assert_true(used + size < sizeof(fixture->output));
                memcpy(fixture->output + used, bytes, size);
                used += size;
                fixture->output[used - 1] = '\n';
                varlink_wire_sent(wire, size);
        }
        fixture->output[used > 0 ? used - 1 : 0] = 0;
        return fixture->output;
}

static void expect(Fixture *fixture, const char *text, const char *reply) {
        assert_int_equal(call(fixture, text), 0);
        assert_string_equal(output(fixture), reply);
}

static void answer(Fixture *fixture, size_t kept, const char *text) {
        char copy[32];
        FakeText reply = {.text = copy};

        (void) snprintf(copy, sizeof(copy), "%s", text);
        assert_int_equal(varlink_call_reply(fixture->fake.kept[kept], &reply), 0);
}

static void a_call_is_decoded_and_answered(void **state) {
        Fixture *fixture = *state;

        expect(fixture,
               "{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"hi\",\"number\":7}}",
               "{\"parameters\":{\"text\":\"hi\",\"number\":7}}");
        assert_string_equal(fixture->fake.log, "echo:hi done:Echo");
}

static void flags_that_are_false_change_nothing(void **state) {
        expect(*state,
               "{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"hi\"},"
               "\"more\":false,\"oneway\":false,\"upgrade\":false}",
               "{\"parameters\":{\"text\":\"hi\"}}");
}

static void pipelined_calls_wait_for_the_one_before(void **state) {
        Fixture *fixture = *state;

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}");
        expect(fixture, "{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"b\"}}", "");
        assert_true(varlink_connection_busy(fixture->connection));
        assert_true(varlink_connection_awaited(fixture->connection));
        assert_string_equal(fixture->fake.log, "later:a");
        answer(fixture, 0, "A");
        assert_int_equal(fixture->n_wakeups, 1);
        assert_false(varlink_connection_busy(fixture->connection));
        assert_int_equal(varlink_connection_process(fixture->connection), 0);
        assert_string_equal(output(fixture),
                            "{\"parameters\":{\"text\":\"A\"}}\n{\"parameters\":{\"text\":\"b\"}}");
        assert_string_equal(fixture->fake.log, "later:a done:Later echo:b done:Echo");
}

static void a_batch_of_calls_lets_others_come_first(void **state) {
        Fixture *fixture = *state;

        for (size_t i = 0; i < 40; i++)
                feed_fds(fixture, ECHO_A, NULL, 0);
        assert_int_equal(varlink_connection_process(fixture->connection), 1);
        assert_int_equal(varlink_connection_process(fixture->connection), 0);
}

static void calls_wait_while_the_client_does_not_read(void **state) {
        Fixture *fixture = *state;
        char text[3200], payload[3001];

        memset(payload, 'x', sizeof(payload) - 1);
        payload[sizeof(payload) - 1] = 0;
        (void) snprintf(text, sizeof(text),
                        "{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"%s\"}}",
                        payload);
        for (size_t i = 0; i < 3; i++)
                feed_fds(fixture, text, NULL, 0);
        assert_int_equal(varlink_connection_process(fixture->connection), 1);
        assert_string_equal(fixture->fake.log, "echo:long done:Echo echo:long done:Echo");
        output(fixture);
        assert_int_equal(varlink_connection_process(fixture->connection), 0);
        assert_string_equal(strrchr(fixture->fake.log, ' '), " done:Echo");
}

static void more_streams_with_continues_until_the_last(void **state) {
        expect(*state,
               "{\"method\":\"io.banger.Fake.Count\",\"more\":true,"
               "\"parameters\":{\"text\":\"n\",\"number\":3}}",
               "{\"parameters\":{\"text\":\"n\",\"number\":1},\"continues\":true}\n"
               "{\"parameters\":{\"text\":\"n\",\"number\":2},\"continues\":true}\n"
               "{\"parameters\":{\"text\":\"n\",\"number\":3}}");
}

static void progress_without_more_is_refused(void **state) {
        Fixture *fixture = *state;
        char text[] = "x";
        FakeText reply = {.text = text};

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}");
        assert_false(varlink_call_wants_more(fixture->fake.kept[0]));
        assert_int_equal(varlink_call_progress(fixture->fake.kept[0], &reply), -EINVAL);
        assert_string_equal(output(fixture), "");
}

static void late_progress_wakes_the_driver(void **state) {
        Fixture *fixture = *state;
        char text[] = "x";
        FakeText reply = {.text = text};

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"more\":true,"
                      "\"parameters\":{\"text\":\"a\"}}");
        assert_int_equal(varlink_call_progress(fixture->fake.kept[0], &reply), 0);
        assert_int_equal(fixture->n_wakeups, 1);
        assert_true(varlink_connection_busy(fixture->connection));
        assert_string_equal(output(fixture),
                            "{\"parameters\":{\"text\":\"x\"},\"continues\":true}");
}

static void oneway_is_never_answered(void **state) {
        static const char *const methods[] = {
                "io.banger.Fake.Echo", "io.banger.Fake.Count",  "io.banger.Fake.Fail",
                "io.banger.Fake.Wrong", "io.banger.Fake.Forget", "io.banger.Fake.Missing",
                "io.banger.Fake.None", "org.example.None",      "bad",
        };
        Fixture *fixture = *state;

        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                char text[128];

                (void) snprintf(text, sizeof(text),
                                "{\"method\":\"%s\",\"oneway\":true,\"parameters\":%s}", methods[i],
                                i < 2 ? "{\"text\":\"a\",\"number\":3}" : "{}");
                expect(fixture, text, "");
                assert_false(varlink_connection_busy(fixture->connection));
        }
        assert_string_equal(fixture->fake.log,
                            "echo:a done:Echo count done:Count done:Fail=NotFound "
                            "done:Wrong=Failed done:Forget refused:Protocol refused:Protocol "
                            "refused:Protocol refused:InvalidParameter");
}

static void a_bad_oneway_call_is_not_answered_either(void **state) {
        expect(*state, "{\"method\":7,\"oneway\":true}", "");
        expect(*state, "{\"zzz\":7,\"oneway\":true}", "");
        expect(*state, "{\"method\":\"io.banger.Fake.Count\",\"more\":true,\"oneway\":true}", "");
}

static void a_oneway_call_that_is_kept_holds_up_the_next(void **state) {
        Fixture *fixture = *state;

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"oneway\":true,"
                      "\"parameters\":{\"text\":\"a\"}}");
        expect(fixture, "{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"b\"}}", "");
        assert_true(varlink_connection_busy(fixture->connection));
        assert_false(varlink_connection_awaited(fixture->connection));
        answer(fixture, 0, "A");
        assert_int_equal(varlink_connection_process(fixture->connection), 0);
        assert_string_equal(output(fixture), "{\"parameters\":{\"text\":\"b\"}}");
}

static void what_is_wrong_with_a_call_is_named(void **state) {
        static const struct {
                const char *call, *parameter;
        } rows[] = {
                {"{}", "method"},
                {"{\"method\":1}", "method"},
                {"{\"method\":\"\"}", "method"},
                {"{\"method\":\"nodot\"}", "method"},
                {"{\"method\":\"io.banger.Fake.E cho\"}", "method"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"parameters\":[]}", "parameters"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"parameters\":null}", "parameters"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"more\":1}", "more"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"oneway\":\"yes\"}", "oneway"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"upgrade\":null}", "upgrade"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"zzz\":1}", "zzz"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"more\":true,\"upgrade\":true}", "upgrade"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"upgrade\":true}", "upgrade"},
                {"{\"method\":\"io.banger.Fake.Leave\"}", "upgrade"},
                {"{\"method\":\"io.banger.Fake.Echo\"}", "text"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":1}}", "text"},
                {"{\"method\":\"io.banger.Fake.Echo\",\"parameters\":{\"text\":\"a\",\"b\":1}}",
                 "b"},
                {"{\"method\":\"io.banger.Fake.Echo\","
                 "\"parameters\":{\"text\":\"a\",\"number\":1.5}}",
                 "number"},
        };
        Fixture *fixture = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char start[128];

                (void) snprintf(start, sizeof(start),
                                "{\"error\":\"org.varlink.service.InvalidParameter\","
                                "\"parameters\":{\"parameter\":\"%s\",\"message\":\"",
                                rows[i].parameter);
                fixture->fake.log[0] = 0;
                assert_int_equal(call(fixture, rows[i].call), 0);
                output(fixture);
                if (strncmp(fixture->output, start, strlen(start)) != 0)
                        fail_msg("%s: %s", rows[i].call, fixture->output);
                assert_string_equal(fixture->fake.log, "refused:InvalidParameter");
        }
        expect(fixture, ECHO_A,
               "{\"parameters\":{\"text\":\"a\"}}");
}

static void what_is_not_there_is_named(void **state) {
        expect(*state, "{\"method\":\"org.example.Nothing\"}",
               "{\"error\":\"org.varlink.service.InterfaceNotFound\","
               "\"parameters\":{\"interface\":\"org.example\"}}");
        expect(*state, "{\"method\":\"io.banger.Fake.Nothing\"}",
               "{\"error\":\"org.varlink.service.MethodNotFound\","
               "\"parameters\":{\"method\":\"io.banger.Fake.Nothing\"}}");
        expect(*state, "{\"method\":\"io.banger.Fake.Missing\"}",
               "{\"error\":\"org.varlink.service.MethodNotImplemented\","
               "\"parameters\":{\"method\":\"io.banger.Fake.Missing\"}}");
        expect(*state, "{\"method\":\"io.banger.Fake.\"}",
               "{\"error\":\"org.varlink.service.MethodNotFound\","
               "\"parameters\":{\"method\":\"io.banger.Fake.\"}}");
        assert_string_equal(((Fixture *) *state)->fake.log,
                            "refused:Protocol refused:Protocol refused:Protocol refused:Protocol");
}

static void what_is_no_json_ends_the_connection(void **state) {
        Fixture *fixture = *state;

        feed_fds(fixture, ECHO_A, NULL, 0);
        assert_int_equal(call(fixture, "{\"method\":\"a.B\",\"method\":\"a.B\"}"), -EINVAL);
        assert_string_equal(output(fixture), "{\"parameters\":{\"text\":\"a\"}}");
        assert_string_equal(fixture->fake.log, "echo:a done:Echo refused:Protocol");
        assert_int_equal(varlink_connection_process(fixture->connection), -EINVAL);
}

static void a_failure_goes_out_with_all_its_parts(void **state) {
        Fixture *fixture = *state;

        expect(fixture, "{\"method\":\"io.banger.Fake.Fail\"}",
               "{\"error\":\"io.banger.Fake.NotFound\",\"parameters\":"
               "{\"message\":\"there is no vm \\\"web\\\"\",\"object\":\"web\","
               "\"hint\":\"run: banger vm list\",\"field\":\"name\",\"operation\":\"op1\"}}");
        assert_string_equal(fixture->fake.log, "done:Fail=NotFound");
}

static void a_parameter_that_a_handler_refuses_goes_out_as_varlinks_own_error(void **state) {
        expect(*state, "{\"method\":\"io.banger.Fake.FailParameter\"}",
               "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":"
               "{\"parameter\":\"cpus\",\"message\":\"must be even\"}}");
}

static void admit_refuses_before_the_handler(void **state) {
        Fixture *fixture = *state;

        fixture->fake.refuse_all = true;
        expect(fixture, ECHO_A,
               "{\"error\":\"io.banger.Fake.NotPermitted\","
               "\"parameters\":{\"message\":\"policy 1 says no\"}}");
        assert_string_equal(fixture->fake.log, "refused:NotPermitted");
}

static void a_handler_that_forgets_its_call_fails_it(void **state) {
        Fixture *fixture = *state;

        expect(fixture, "{\"method\":\"io.banger.Fake.Forget\"}",
               "{\"error\":\"io.banger.Fake.Canceled\","
               "\"parameters\":{\"message\":\"the call was dropped\"}}");
        assert_false(varlink_connection_busy(fixture->connection));
        assert_string_equal(fixture->fake.log, "done:Forget=Canceled");
}

static void a_kept_call_that_is_dropped_fails(void **state) {
        Fixture *fixture = *state;

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}");
        fake_forget(&fixture->fake, 0);
        assert_int_equal(fixture->n_wakeups, 1);
        assert_string_equal(output(fixture),
                            "{\"error\":\"io.banger.Fake.Canceled\","
                            "\"parameters\":{\"message\":\"the call was dropped\"}}");
}

static void a_reply_that_cannot_be_encoded_is_a_failure(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(call(fixture, "{\"method\":\"io.banger.Fake.Wrong\"}"), 0);
        assert_non_null(strstr(output(fixture), "\"error\":\"io.banger.Fake.Failed\""));
        assert_string_equal(fixture->fake.log, "done:Wrong=Failed");
}

static void a_second_answer_is_refused(void **state) {
        Fixture *fixture = *state;
        char text[] = "x";
        FakeText reply = {.text = text};
        VarlinkCall *kept;

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}");
        kept = fixture->fake.kept[0];
        answer(fixture, 0, "A");
        output(fixture);
        assert_int_equal(varlink_call_reply(kept, &reply), -EALREADY);
        assert_int_equal(varlink_call_progress(kept, &reply), -EALREADY);
        assert_int_equal(varlink_call_fail(kept, -EIO, NULL), -EALREADY);
        assert_int_equal(varlink_call_push_fd(kept, dup(STDERR_FILENO)), -EALREADY);
        assert_string_equal(output(fixture), "");
}

static void a_failure_without_words_gets_those_of_its_errno(void **state) {
        Fixture *fixture = *state;

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}");
        assert_int_equal(varlink_call_fail(fixture->fake.kept[0], -ENOSPC, NULL), 0);
        assert_string_equal(output(fixture),
                            "{\"error\":\"io.banger.Fake.NoSpace\",\"parameters\":{\"message\":"
                            "\"io.banger.Fake.Later failed: No space left on device\"}}");
}

static void a_client_that_leaves_is_told_and_answered_into_nothing(void **state) {
        Fixture *fixture = *state;

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}");
        assert_false(varlink_call_gone(fixture->fake.kept[0]));
        fixture->connection = varlink_connection_free(fixture->connection);
        assert_true(varlink_call_gone(fixture->fake.kept[0]));
        assert_string_equal(fixture->fake.log, "later:a gone");
        assert_int_equal(varlink_call_peer(fixture->fake.kept[0])->uid, 1000);
        answer(fixture, 0, "A");
        assert_string_equal(fixture->fake.log, "later:a gone done:Later");
        assert_int_equal(fixture->n_wakeups, 0);
}

static void gone_may_drop_the_call(void **state) {
        Fixture *fixture = *state;

        fixture->fake.drop_when_gone = true;
        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"more\":true,"
                      "\"parameters\":{\"text\":\"a\"}}");
        fixture->connection = varlink_connection_free(fixture->connection);
        assert_string_equal(fixture->fake.log, "later:a gone done:Later=Canceled");
}

static void gone_is_not_told_for_oneway_calls_nor_after_the_reply(void **state) {
        Fixture *fixture = *state;

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"parameters\":{\"text\":\"a\"}}");
        answer(fixture, 0, "A");
        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"oneway\":true,"
                      "\"parameters\":{\"text\":\"b\"}}");
        fixture->connection = varlink_connection_free(fixture->connection);
        assert_string_equal(fixture->fake.log, "later:a done:Later later:b");
        answer(fixture, 1, "B");
}

static void progress_after_the_client_left_goes_nowhere(void **state) {
        Fixture *fixture = *state;
        char text[] = "x";
        FakeText reply = {.text = text};
        int ends[2];

        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"more\":true,"
                      "\"parameters\":{\"text\":\"a\"}}");
        fixture->connection = varlink_connection_free(fixture->connection);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        close_fd(ends[1]);
        assert_int_equal(varlink_call_push_fd(fixture->fake.kept[0], ends[0]), 0);
        assert_int_equal(varlink_call_progress(fixture->fake.kept[0], &reply), 0);
        assert_int_equal(varlink_call_reply(fixture->fake.kept[0], &reply), 0);
        assert_int_equal(fcntl(ends[0], F_GETFD), -1);
}

static void output_past_the_cap_breaks_the_connection(void **state) {
        Fixture *fixture = *state;
        char text[1001];
        FakeText reply = {.text = text};
        int r = 0;

        memset(text, 'x', sizeof(text) - 1);
        text[1000] = 0;
        call(fixture, "{\"method\":\"io.banger.Fake.Later\",\"more\":true,"
                      "\"parameters\":{\"text\":\"a\"}}");
        for (size_t i = 0; i < 7 && r == 0; i++)
                r = varlink_call_progress(fixture->fake.kept[0], &reply);
        assert_int_equal(r, 0);
        assert_int_equal(varlink_call_progress(fixture->fake.kept[0], &reply), -ENOBUFS);
        assert_int_equal(varlink_connection_process(fixture->connection), -ENOBUFS);
        assert_int_equal(varlink_call_reply(fixture->fake.kept[0], &reply), -ENOBUFS);
        assert_string_equal(fixture->fake.log, "later:a done:Later=Failed");
}

static void descriptors_reach_the_handler(void **state) {
        Fixture *fixture = *state;
        int ends[2], copies[2];
        char bytes[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        copies[0] = dup(ends[1]);
        copies[1] = ends[1];
        feed_fds(fixture, "{\"method\":\"io.banger.Fake.Take\"}", copies, 2);
        assert_int_equal(varlink_connection_process(fixture->connection), 0);
        assert_string_equal(output(fixture), "{\"parameters\":{\"text\":\"taken\",\"number\":2}}");
        assert_int_equal(read(ends[0], bytes, 2), 2);
        assert_int_equal(read(ends[0], bytes, 1), 0);
        close_fd(ends[0]);
}

static void descriptors_that_are_not_wanted_are_refused_and_closed(void **state) {
        Fixture *fixture = *state;
        int fd = dup(STDERR_FILENO);

        feed_fds(fixture, ECHO_A, &fd, 1);
        assert_int_equal(varlink_connection_process(fixture->connection), 0);
        assert_non_null(strstr(output(fixture), "\"parameter\":\"descriptors\""));
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_string_equal(fixture->fake.log, "refused:InvalidParameter");
}

static void descriptors_that_are_not_taken_are_closed(void **state) {
        Fixture *fixture = *state;
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        /* Writing fails, so the handler ends without taking any further one. */
        feed_fds(fixture, "{\"method\":\"io.banger.Fake.Take\"}", (int[]) {fd, dup(fd)}, 2);
        assert_int_equal(varlink_connection_process(fixture->connection), 0);
        assert_non_null(strstr(output(fixture), "\"error\""));
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(fcntl(fd + 1, F_GETFD), -1);
}

static void descriptors_go_out_with_the_reply(void **state) {
        Fixture *fixture = *state;
        VarlinkWire *wire = varlink_connection_wire(fixture->connection);
        const int *fds;
        size_t size, n_fds;
        char bytes[3];

        assert_int_equal(call(fixture, "{\"method\":\"io.banger.Fake.Give\","
                                       "\"parameters\":{\"text\":\"abc\",\"number\":2}}"),
                         0);
        assert_string_equal(varlink_wire_pending(wire, &size, &fds, &n_fds), "{\"parameters\":{}}");
        assert_int_equal(n_fds, 2);
        assert_int_equal(read(fds[1], bytes, 3), 3);
        assert_memory_equal(bytes, "abc", 3);
}

static void descriptors_past_the_limit_fail_the_call_and_are_closed(void **state) {
        Fixture *fixture = *state;
        int next = dup(STDERR_FILENO);

        close_fd(next);
        assert_int_equal(call(fixture, "{\"method\":\"io.banger.Fake.Give\","
                                       "\"parameters\":{\"text\":\"abc\",\"number\":3}}"),
                         0);
        assert_non_null(strstr(output(fixture), "\"error\""));
        assert_int_equal(fcntl(next, F_GETFD), -1);
}

static void an_upgrade_is_handed_over_once_when_its_reply_is_out(void **state) {
        Fixture *fixture = *state;
        VarlinkUpgrade upgrade;
        void *userdata = NULL;

        assert_int_equal(call(fixture, LEAVE), 0);
        assert_null(varlink_connection_upgrade(fixture->connection, &userdata));
        assert_int_equal(call(fixture, "raw"), 0);
        assert_string_equal(output(fixture), "{\"parameters\":{}}");
        upgrade = varlink_connection_upgrade(fixture->connection, &userdata);
        assert_ptr_equal(upgrade, fake_upgraded);
        assert_ptr_equal(userdata, &fixture->fake);
        assert_null(varlink_connection_upgrade(fixture->connection, &userdata));
        fixture->connection = varlink_connection_free(fixture->connection);
        assert_string_equal(fixture->fake.log, "done:Leave");
}

static void an_upgrade_whose_client_leaves_is_told_so(void **state) {
        Fixture *fixture = *state;

        call(fixture, LEAVE);
        fixture->connection = varlink_connection_free(fixture->connection);
        assert_string_equal(fixture->fake.log, "done:Leave upgraded:dead");
}

static void the_service_tells_who_it_is(void **state) {
        expect(*state, "{\"method\":\"org.varlink.service.GetInfo\"}",
               "{\"parameters\":{\"vendor\":\"banger\",\"product\":\"fake\",\"version\":\"1\","
               "\"url\":\"https://banger.example/\","
               "\"interfaces\":[\"org.varlink.service\",\"io.banger.Fake\"]}}");
}

static void interfaces_are_described(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(call(fixture, DESCRIBE "{\"interface\":\"io.banger.Fake\"}}"), 0);
        output(fixture);
        assert_non_null(strstr(fixture->output, "interface io.banger.Fake\\n"));
        assert_non_null(strstr(fixture->output, "method Echo("));
}

static void the_service_interface_describes_itself_as_specified(void **state) {
        static const char *const parts[] = {
                "interface org.varlink.service\\n",
                "method GetInfo() -> (\\n",
                "vendor: string,\\n", "product: string,\\n", "version: string,\\n",
                "url: string,\\n", "interfaces: []string\\n",
                "method GetInterfaceDescription(\\n", "interface: string\\n",
                "description: string\\n",
                "error InterfaceNotFound", "error MethodNotFound", "error MethodNotImplemented",
                "error InvalidParameter", "error PermissionDenied", "error ExpectedMore",
        };
        Fixture *fixture = *state;

        assert_int_equal(call(fixture, DESCRIBE "{\"interface\":\"org.varlink.service\"}}"), 0);
        output(fixture);
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (!strstr(fixture->output, parts[i]))
                        fail_msg("%s is missing in %s", parts[i], fixture->output);
        assert_null(strstr(fixture->output, "error NotFound"));
}

static void an_unknown_interface_has_no_description(void **state) {
        expect(*state, DESCRIBE "{\"interface\":\"org.example\"}}",
               "{\"error\":\"org.varlink.service.InterfaceNotFound\","
               "\"parameters\":{\"interface\":\"org.example\"}}");
}

static void a_method_without_a_row_is_refused_at_the_start(void **state) {
        VarlinkServerConfig config = ((Fixture *) *state)->config;
        VarlinkServer *server;

        config.n_methods--;
        assert_int_equal(varlink_server_new(&config, &server), -EINVAL);
}

static void a_row_without_a_method_is_refused_at_the_start(void **state) {
        VarlinkServerConfig config = ((Fixture *) *state)->config;
        VarlinkMethod methods[ELEMENTSOF(fake_methods) + 1];
        VarlinkServer *server;

        memcpy(methods, fake_methods, sizeof(fake_methods));
        methods[ELEMENTSOF(fake_methods)] = (VarlinkMethod) {"io.banger.Fake.Odd", fake_echo, 0};
        config.methods = methods;
        config.n_methods++;
        assert_int_equal(varlink_server_new(&config, &server), -EINVAL);
}

static void a_server_works_without_hooks(void **state) {
        Fixture *fixture = *state;

        fixture->config.hooks = NULL;
        expect(fixture, ECHO_A,
               "{\"parameters\":{\"text\":\"a\"}}");
        assert_int_equal(call(fixture, "{\"method\":\"io.banger.Fake.None\"}"), 0);
        assert_int_equal(call(fixture, "x"), -EINVAL);
}

static void freeing_nothing_is_allowed(void **state) {
        (void) state;
        assert_null(varlink_server_free(NULL));
        assert_null(varlink_connection_free(NULL));
        assert_null(varlink_call_unref(NULL));
}

static void kinds_that_are_no_error_of_an_interface_go_out_as_failed(void **state) {
        static const ErrorKind kinds[] = {ERROR_NONE, ERROR_USAGE, ERROR_FAILED};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_json_ struct json_object *reply = NULL;
                char message[] = "no";
                const Error error = {.kind = kinds[i], .message = message};

                assert_int_equal(varlink_error_encode("io.banger.VM", &error, &reply), 0);
                assert_string_equal(
                        json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN),
                        "{\"error\":\"io.banger.VM.Failed\",\"parameters\":{\"message\":\"no\"}}");
        }
}

static void errors_survive_the_way_there_and_back(void **state) {
        (void) state;
        for (ErrorKind kind = ERROR_FAILED; kind < _ERROR_KIND_MAX; kind++) {
                _cleanup_json_ struct json_object *reply = NULL;
                _cleanup_error_ Error error = ERROR_INIT, back = ERROR_INIT;
                int r;

                if (kind == ERROR_USAGE)
                        continue;
                error_set(&error, kind, EIO, "a message");
                error_set_object(&error, -EIO, "web");
                error_set_field(&error, -EIO, "name");
                error_set_hint(&error, -EIO, "do it");
                assert_int_equal(varlink_error_encode("io.banger.VM", &error, &reply), 0);
                r = varlink_error_decode(
                        json_object_get_string(json_object_object_get(reply, "error")),
                        json_object_object_get(reply, "parameters"), &back);
                assert_true(r < 0);
                assert_int_equal(back.kind, kind);
                assert_string_equal(back.message, "a message");
                assert_string_equal(back.object, "web");
                assert_string_equal(back.field, "name");
                assert_string_equal(back.hint, "do it");
        }
}

static void errors_of_the_protocol_get_words(void **state) {
        static const struct {
                const char *name, *parameters, *message;
                int r;
                ErrorKind kind;
        } rows[] = {
                {"org.varlink.service.MethodNotFound", "{\"method\":\"a.B\"}",
                 "the service has no method a.B", -EOPNOTSUPP, ERROR_PROTOCOL},
                {"org.varlink.service.PermissionDenied", "{}", "the service denies permission",
                 -EPERM, ERROR_NOT_PERMITTED},
                {"org.varlink.service.InvalidParameter", "{\"parameter\":\"x\"}", "bad parameter x",
                 -EINVAL, ERROR_INVALID_PARAMETER},
                {"org.varlink.service.ExpectedMore", "{}",
                 "the method wants a call with \"more\"", -EPROTO, ERROR_PROTOCOL},
                {"org.varlink.service.Odd", "{}",
                 "the service answered org.varlink.service.Odd", -EREMOTEIO, ERROR_FAILED},
                {"org.example.Strange", "{\"message\":7}",
                 "the service answered org.example.Strange", -EREMOTEIO, ERROR_FAILED},
                {"Strange", "{}", "the service answered Strange", -EREMOTEIO, ERROR_FAILED},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *parameters =
                        json_tokener_parse(rows[i].parameters);
                _cleanup_error_ Error error = ERROR_INIT;

                assert_int_equal(varlink_error_decode(rows[i].name, parameters, &error), rows[i].r);
                assert_int_equal(error.kind, rows[i].kind);
                assert_string_equal(error.message, rows[i].message);
                assert_int_equal(varlink_error_decode(rows[i].name, NULL, NULL), rows[i].r);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_call_is_decoded_and_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        flags_that_are_false_change_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        pipelined_calls_wait_for_the_one_before, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_batch_of_calls_lets_others_come_first, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        calls_wait_while_the_client_does_not_read, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        more_streams_with_continues_until_the_last, setup, teardown),
                cmocka_unit_test_setup_teardown(progress_without_more_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(late_progress_wakes_the_driver, setup, teardown),
                cmocka_unit_test_setup_teardown(oneway_is_never_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_bad_oneway_call_is_not_answered_either, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_oneway_call_that_is_kept_holds_up_the_next, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        what_is_wrong_with_a_call_is_named, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_not_there_is_named, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        what_is_no_json_ends_the_connection, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_failure_goes_out_with_all_its_parts, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_parameter_that_a_handler_refuses_goes_out_as_varlinks_own_error,
                        setup, teardown),
                cmocka_unit_test_setup_teardown(admit_refuses_before_the_handler, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_handler_that_forgets_its_call_fails_it, setup, teardown),
                cmocka_unit_test_setup_teardown(a_kept_call_that_is_dropped_fails, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_reply_that_cannot_be_encoded_is_a_failure, setup, teardown),
                cmocka_unit_test_setup_teardown(a_second_answer_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_failure_without_words_gets_those_of_its_errno, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_client_that_leaves_is_told_and_answered_into_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(gone_may_drop_the_call, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        gone_is_not_told_for_oneway_calls_nor_after_the_reply, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        progress_after_the_client_left_goes_nowhere, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        output_past_the_cap_breaks_the_connection, setup, teardown),
                cmocka_unit_test_setup_teardown(descriptors_reach_the_handler, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_that_are_not_wanted_are_refused_and_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_that_are_not_taken_are_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(descriptors_go_out_with_the_reply, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        descriptors_past_the_limit_fail_the_call_and_are_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_upgrade_is_handed_over_once_when_its_reply_is_out, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_upgrade_whose_client_leaves_is_told_so, setup, teardown),
                cmocka_unit_test_setup_teardown(the_service_tells_who_it_is, setup, teardown),
                cmocka_unit_test_setup_teardown(interfaces_are_described, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        the_service_interface_describes_itself_as_specified, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_unknown_interface_has_no_description, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_method_without_a_row_is_refused_at_the_start, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_row_without_a_method_is_refused_at_the_start, setup, teardown),
                cmocka_unit_test_setup_teardown(a_server_works_without_hooks, setup, teardown),
                cmocka_unit_test(freeing_nothing_is_allowed),
                cmocka_unit_test(kinds_that_are_no_error_of_an_interface_go_out_as_failed),
                cmocka_unit_test(errors_survive_the_way_there_and_back),
                cmocka_unit_test(errors_of_the_protocol_get_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
