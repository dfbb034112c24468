/* Bad requests of every verb, from the interface's own tables: as bytes on a connection, with
 * handlers that only count. A verb or parameter that is new is covered by being in the table. */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "common/strings.h"
#include "helper/dispatch.h"
#include "helper/session.h"
#include "tests/unit/helper/fixture.h"

#define METHODS_MAX 64
#define DEPTH_MAX 4
#define WAIT_MS 20000
/* The arrays of a request are bounded by the message as well: 64 KiB (varlink-wire.h). */
#define MESSAGE_MAX (64 << 10)

typedef struct Attack {
        Fixture *fixture;
        char conf[128];
        SessionConfig config;
        RecordSink sink;
        VarlinkMethod methods[METHODS_MAX];
        unsigned n_handled, n_refusals; /* the connection's thread's until it is joined */
        Session session;
        int fd;
        pthread_t thread;
        unsigned n_requests;
} Attack;

/* ---- a server with the helper's tables and no effects ---- */

/* In the place of every handler. An error is what all of them may answer. */
static int count(_unused_ VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                 Error *reterr) {
        const Session *session = userdata;
        Attack *attack = session->config->record->userdata;

        attack->n_handled++;
        return error_set(reterr, ERROR_UNAVAILABLE, ENOSYS, "handled");
}

static void keep(_unused_ int level, const LogField *fields, _unused_ const char *message,
                 void *userdata) {
        Attack *attack = userdata;

        for (; fields->name; fields++)
                if (string_equal(fields->name, "BANGER_RESULT") && fields->value &&
                    !string_equal(fields->value, "Unavailable"))
                        attack->n_refusals++;
}

static int setup(void **state) {
        Attack *attack = calloc(1, sizeof(*attack));
        _cleanup_free_ char *conf = string_format("[install]\nowner = somebody\nuid = %u\ngid = 0\n"
                                                  "home = /root\n", getuid());
        void *fixture = NULL;

        assert_non_null(attack);
        assert_non_null(conf);
        assert_int_equal(fixture_setup(&fixture), 0);
        attack->fixture = fixture;
        fixture_write(attack->fixture, "install.conf", conf);
        fixture_path(attack->fixture, "install.conf", attack->conf, sizeof(attack->conf));
        attack->sink = (RecordSink) {.write = keep, .userdata = attack};
        attack->config = (SessionConfig) {
                .install_conf = attack->conf,
                .install_conf_uid = getuid(),
                .paths = &attack->fixture->paths,
                .record = &attack->sink,
                .times = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
        };
        assert_true(root_n_methods <= METHODS_MAX);
        for (size_t i = 0; i < root_n_methods; i++) {
                attack->methods[i] = root_methods[i];
                attack->methods[i].handler = count;
        }
        *state = attack;
        return 0;
}

static int teardown(void **state) {
        Attack *attack = *state;
        void *fixture = attack->fixture;

        free(attack);
        return fixture_teardown(&fixture);
}

static void *serve(void *userdata) {
        Attack *attack = userdata;
        VarlinkServer *server = NULL;
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "bangerd-root",
                .version = "0",
                .url = "",
                .interfaces = root_interfaces,
                .methods = attack->methods,
                .n_methods = root_n_methods,
                .hooks = &root_hooks,
                .limits = &varlink_limits_helper,
                .userdata = &attack->session,
        };
        int fd = attack->fd;

        if (session_open(&attack->config, fd, &attack->session, NULL) >= 0 &&
            varlink_server_new(&config, &server) >= 0)
                (void) varlink_serve(server, steal_fd(&fd), &attack->session.peer,
                                     &attack->config.times);
        close_fd(fd);
        varlink_server_free(server);
        session_clear(&attack->session);
        return NULL;
}

typedef enum Outcome {
        OUTCOME_CUT,     /* the connection, without an answer or after one about the protocol */
        OUTCOME_REFUSED, /* InvalidParameter, and the next call is answered */
        OUTCOME_HANDLED, /* it came as far as the verb */
} Outcome;

static const char *const outcome_names[] = {"cut off", "refused", "handled"};

/* One whole reply, or false at the end. */
static bool receive(int fd, char *reply, size_t size) {
        size_t length = 0;

        for (;;) {
                struct pollfd poller = {.fd = fd, .events = POLLIN};
                ssize_t n;

                if (poll(&poller, 1, WAIT_MS) != 1)
                        fail_msg("no answer");
                n = recv(fd, reply + length, size - 1 - length, 0);
                if (n <= 0)
                        return false;
                length += (size_t) n;
                reply[length] = '\0';
                if (reply[length - 1] == '\0')
                        return true;
        }
}

static void transmit(int fd, const char *bytes, size_t size) {
        while (size > 0) {
                ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

                if (n < 0)
                        return;
                bytes += n;
                size -= (size_t) n;
        }
}

/* The message, its NUL not included, on a connection of its own. What is refused is recorded. */
static Outcome ask_bytes(Attack *attack, const char *bytes, size_t size) {
        static const char ping[] = "{\"method\":\"io.banger.Root.Ping\"}";
        char reply[16384] = "";
        Outcome outcome;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        attack->fd = fds[1];
        attack->n_handled = attack->n_refusals = 0;
        assert_int_equal(pthread_create(&attack->thread, NULL, serve, attack), 0);
        transmit(fds[0], bytes, size);
        transmit(fds[0], "", 1);
        if (!receive(fds[0], reply, sizeof(reply)))
                outcome = OUTCOME_CUT;
        else if (strstr(reply, "handled"))
                outcome = OUTCOME_HANDLED;
        else if (strstr(reply, "org.varlink.service.InvalidParameter"))
                outcome = OUTCOME_REFUSED;
        else
                outcome = OUTCOME_CUT;
        /* A parameter's mistake does not end the connection. */
        if (outcome == OUTCOME_REFUSED) {
                transmit(fds[0], ping, sizeof(ping));
                if (!receive(fds[0], reply, sizeof(reply)) || !strstr(reply, "handled"))
                        outcome = OUTCOME_CUT;
        }
        close_fd(fds[0]);
        assert_int_equal(pthread_join(attack->thread, NULL), 0);
        attack->n_requests++;
        if (attack->n_handled > 1 || (outcome == OUTCOME_HANDLED) != (attack->n_refusals == 0))
                fail_msg("%u handled, %u refusals recorded of: %.200s", attack->n_handled,
                         attack->n_refusals, bytes);
        if (outcome == OUTCOME_CUT && attack->n_handled > 0)
                fail_msg("cut off, but handled: %.200s", bytes);
        return outcome;
}

static void expect(Attack *attack, Outcome outcome, const char *request) {
        Outcome was = ask_bytes(attack, request, strlen(request));

        if (was != outcome)
                fail_msg("%s instead of %s: %.300s", outcome_names[was], outcome_names[outcome],
                         request);
}

/* Either is fine: nothing of it was done. */
static void expect_not_handled(Attack *attack, const char *request) {
        if (ask_bytes(attack, request, strlen(request)) == OUTCOME_HANDLED)
                fail_msg("handled: %.300s", request);
}

/* ---- requests by the tables ---- */

/* A field somewhere in a verb's parameters: by its index at each depth. */
typedef struct Spot {
        const Action *action;
        const Field *fields[DEPTH_MAX];
        const Schema *schemas[DEPTH_MAX]; /* that have these */
        size_t depth;                     /* of the last */
} Spot;

/* What stands at the spot instead of something good. */
typedef struct Change {
        const Spot *spot;   /* NULL: none */
        const char *value;  /* JSON; NULL: the member is left out */
        const char *beside; /* JSON members after it, or NULL */
        size_t n_items;     /* > 0: so many of its items instead of one */
} Change;

static void write_object(FILE *out, const Schema *schema, const Change *change, size_t depth,
                         bool on_path);

static const char *good_string(const Field *field) {
        static const char *const tries[] = {"0123456789", "127.0.0.1", "some", "some-name"};

        for (size_t i = 0; i < ELEMENTSOF(tries); i++)
                if (!field->check || field->check(tries[i], NULL) >= 0)
                        return tries[i];
        fail_msg("say here what is good for \"%s\"", field->name);
        return NULL;
}

static void write_good(FILE *out, const Field *field, const Change *change, size_t depth,
                       bool on_path) {
        size_t n = on_path && change->spot->depth == depth && change->n_items ? change->n_items : 1;

        switch (field->type) {
        case FIELD_BOOL:
                fputs("true", out);
                break;
        case FIELD_INT:
                fprintf(out, "%" PRId64, field->min);
                break;
        case FIELD_ENUM:
                fprintf(out, "\"%s\"", field->values[0]);
                break;
        case FIELD_STRING:
                fprintf(out, "\"%s\"", good_string(field));
                break;
        case FIELD_OBJECT:
                write_object(out, field->nested, change, depth + 1, on_path);
                break;
        case FIELD_OBJECTS:
                fputc('[', out);
                for (size_t i = 0; i < n; i++) {
                        fputs(i > 0 ? "," : "", out);
                        write_object(out, field->nested, change, depth + 1, on_path && i == 0);
                }
                fputc(']', out);
                break;
        case FIELD_STRINGS:
        case FIELD_ANY:
        default:
                fail_msg("say here what is good for the type of \"%s\"", field->name);
        }
}

static void write_object(FILE *out, const Schema *schema, const Change *change, size_t depth,
                         bool on_path) {
        size_t n = 0;

        fputc('{', out);
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];
                bool path = on_path && change->spot && depth <= change->spot->depth &&
                            change->spot->fields[depth] == field;
                bool here = path && change->spot->depth == depth && change->n_items == 0;

                if (here && !change->value && !change->beside)
                        continue;
                fprintf(out, "%s\"%s\":", n++ > 0 ? "," : "", field->name);
                if (here && change->value)
                        fputs(change->value, out);
                else
                        write_good(out, field, change, depth, path);
                if (here && change->beside)
                        fprintf(out, ",%s", change->beside);
        }
        fputc('}', out);
}

static char *request_of(const Action *action, const Change *change) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        fprintf(out, "{\"method\":\"io.banger.Root.%s\",\"parameters\":", action->method);
        write_object(out, action->in, change, 0, change->spot != NULL);
        fputc('}', out);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void try_value(Attack *attack, const Spot *spot, const char *value, Outcome outcome) {
        const Change change = {.spot = spot, .value = value};
        _cleanup_free_ char *request = request_of(spot->action, &change);

        expect(attack, outcome, request);
}

static void try_refused(Attack *attack, const Spot *spot, const char *value) {
        const Change change = {.spot = spot, .value = value};
        _cleanup_free_ char *request = request_of(spot->action, &change);

        expect_not_handled(attack, request);
}

typedef void (*Visit)(Attack *attack, const Spot *spot);

static void visit_schema(Attack *attack, Spot *spot, const Schema *schema, size_t depth,
                         Visit visit) {
        assert_true(depth < DEPTH_MAX);
        for (size_t i = 0; i < schema->n_fields; i++) {
                spot->fields[depth] = &schema->fields[i];
                spot->schemas[depth] = schema;
                spot->depth = depth;
                visit(attack, spot);
                if (schema->fields[i].nested)
                        visit_schema(attack, spot, schema->fields[i].nested, depth + 1, visit);
        }
}

/* Calls visit for each parameter of each verb, those in arrays too. */
static void each_parameter(Attack *attack, Visit visit) {
        for (size_t i = 0; i < interface_root.n_actions; i++) {
                Spot spot = {.action = &interface_root.actions[i]};

                visit_schema(attack, &spot, spot.action->in, 0, visit);
        }
        assert_true(attack->n_requests > 0);
}

static const Field *field_of(const Spot *spot) {
        return spot->fields[spot->depth];
}

/* ---- the tests ---- */

static void a_good_request_of_every_verb_is_handled(void **state) {
        Attack *attack = *state;

        for (size_t i = 0; i < interface_root.n_actions; i++) {
                const Change none = {};
                _cleanup_free_ char *request = request_of(&interface_root.actions[i], &none);

                expect(attack, OUTCOME_HANDLED, request);
        }
        assert_int_equal(attack->n_requests, root_n_methods);
}

static void try_number(Attack *attack, const Spot *spot, int64_t number, Outcome outcome) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRId64, number);
        try_value(attack, spot, text, outcome);
}

static void visit_bounds(Attack *attack, const Spot *spot) {
        static const char *const absurd[] = {
                "-9223372036854775808", "-9223372036854775809", "9223372036854775807",
                "9223372036854775808", "18446744073709551615", "18446744073709551616",
                "18446744073709551617", "1e99", "-1e99", "1.5", "1e0", "4294967297",
        };
        const Field *field = field_of(spot);

        if (field->type != FIELD_INT)
                return;
        /* A number of the helper's has bounds that the table says. */
        assert_true(field->min < field->max);
        try_number(attack, spot, field->min, OUTCOME_HANDLED);
        try_number(attack, spot, field->max, OUTCOME_HANDLED);
        try_number(attack, spot, field->min - 1, OUTCOME_REFUSED);
        try_number(attack, spot, field->max + 1, OUTCOME_REFUSED);
        for (size_t i = 0; i < ELEMENTSOF(absurd); i++)
                try_refused(attack, spot, absurd[i]);
}

static void numbers_hold_to_their_bounds(void **state) {
        each_parameter(*state, visit_bounds);
}

static void visit_counts(Attack *attack, const Spot *spot) {
        const Field *field = field_of(spot);

        if (field->type != FIELD_OBJECTS)
                return;
        for (int past = 0; past < 2; past++) {
                const Change change = {.spot = spot, .n_items = (size_t) (field->max + past)};
                _cleanup_free_ char *request = request_of(spot->action, &change);

                if (strlen(request) > MESSAGE_MAX)
                        expect(attack, OUTCOME_CUT, request);
                else
                        expect(attack, past ? OUTCOME_REFUSED : OUTCOME_HANDLED, request);
        }
}

static void lists_hold_to_their_bounds(void **state) {
        each_parameter(*state, visit_counts);
}

static void visit_types(Attack *attack, const Spot *spot) {
        static const char *const values[] = {
                "true", "1.5", "\"\"", "\"1\"", "\"true\"", "\"0\"", "{\"a\":1}", "[1]", "[null]",
                "[[]]", "[\"0123456789\"]", "-1",
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                if (field_of(spot)->type != FIELD_BOOL || *values[i] != 't')
                        try_value(attack, spot, values[i], OUTCOME_REFUSED);
        /* Varlink's way to leave one out. */
        try_value(attack, spot, "null",
                  field_of(spot)->required ? OUTCOME_REFUSED : OUTCOME_HANDLED);
}

static void wrong_types_are_refused(void **state) {
        each_parameter(*state, visit_types);
}

static void visit_missing(Attack *attack, const Spot *spot) {
        try_value(attack, spot, NULL,
                  field_of(spot)->required ? OUTCOME_REFUSED : OUTCOME_HANDLED);
}

static void what_is_required_must_be_there(void **state) {
        each_parameter(*state, visit_missing);
}

static void visit_twice(Attack *attack, const Spot *spot) {
        const char *name = field_of(spot)->name;
        _cleanup_free_ char *null = string_format("\"%s\":null", name);
        _cleanup_free_ char *number = string_format("\"%s\":1", name);
        _cleanup_free_ char *escaped =
                string_format("\"\\u00%02x%s\":null", (unsigned) *name, name + 1);
        const char *const besides[] = {null, number, escaped};

        for (size_t i = 0; i < ELEMENTSOF(besides); i++) {
                const Change change = {.spot = spot, .beside = besides[i]};
                _cleanup_free_ char *request = request_of(spot->action, &change);

                expect_not_handled(attack, request);
        }
}

static void what_is_there_twice_is_refused(void **state) {
        each_parameter(*state, visit_twice);
}

static void visit_unknown(Attack *attack, const Spot *spot) {
        _cleanup_free_ char *longer = string_format("\"%s_\":1", field_of(spot)->name);
        _cleanup_free_ char *cut = string_format("\"%s\\u0000\":1", field_of(spot)->name);
        const char *const besides[] = {"\"bogus\":1", "\"\":null", longer, cut};

        for (size_t i = 0; i < ELEMENTSOF(besides); i++) {
                const Change change = {.spot = spot, .beside = besides[i]};
                _cleanup_free_ char *request = request_of(spot->action, &change);

                expect_not_handled(attack, request);
        }
}

static void what_is_not_known_is_refused(void **state) {
        Attack *attack = *state;

        each_parameter(attack, visit_unknown);
        for (size_t i = 0; i < interface_root.n_actions; i++) {
                _cleanup_free_ char *request = string_format(
                        "{\"method\":\"io.banger.Root.%s\",\"parameters\":{\"bogus\":1}}",
                        interface_root.actions[i].method);

                expect(attack, OUTCOME_REFUSED, request);
        }
}

/* In the middle, before and after what would be good. */
static void visit_strings(Attack *attack, const Spot *spot) {
        static const char *const planted[] = {
                "\\u0000", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
                "\\ud800", "\\udc00", "\n", "\\x00",
        };
        const Field *field = field_of(spot);
        const char *good;

        if (field->type != FIELD_STRING && field->type != FIELD_ENUM)
                return;
        good = field->type == FIELD_ENUM ? field->values[0] : good_string(field);
        for (size_t i = 0; i < ELEMENTSOF(planted); i++) {
                _cleanup_free_ char *after = string_format("\"%s%s\"", good, planted[i]);
                _cleanup_free_ char *before = string_format("\"%s%s\"", planted[i], good);
                _cleanup_free_ char *within = string_format("\"%.1s%s%s\"", good, planted[i],
                                                            good + 1);
                const char *const values[] = {after, before, within};

                for (size_t k = 0; k < ELEMENTSOF(values); k++)
                        try_refused(attack, spot, values[k]);
        }
}

static void nul_and_what_is_not_utf8_are_refused(void **state) {
        each_parameter(*state, visit_strings);
}

/* A NUL itself ends a message: neither half is a request. */
static void a_bare_nul_makes_two_messages_of_which_none_is_done(void **state) {
        Attack *attack = *state;
        static const char text[] = "{\"method\":\"io.banger.Root.TapDelete\",\"parameters\":"
                                   "{\"vm\":\"01234\0" "56789\"}}";

        assert_int_equal(ask_bytes(attack, text, sizeof(text) - 1), OUTCOME_CUT);
}

/* Ids become names, paths and numbers: forged ones must not come that far. */
static void visit_ids(Attack *attack, const Spot *spot) {
        static const char *const forged[] = {
                "", ".", "..", "/", "012345678", "01234567890", "0123456789/", "../0123456",
                "0123456789/../../x", "0123456_89", "ABCDEF0123", "0x23456789", " 123456789",
                "012345678 ", "-123456789", "+123456789", "012345678g", "%s%s%s%s%s", "0123*56789",
                "\\u0030123456789/", ("\xef\xbc\x90" "123456789"), "0123456789\\n",
        };
        const Field *field = field_of(spot);

        if (field->type != FIELD_STRING || field->check("127.0.0.1", NULL) >= 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(forged); i++) {
                _cleanup_free_ char *value = string_format("\"%s\"", forged[i]);

                try_refused(attack, spot, value);
        }
}

static void forged_ids_are_refused(void **state) {
        each_parameter(*state, visit_ids);
}

/* Without a check of its own any text would go in; there is none of these yet. */
static void visit_checked(Attack *attack, const Spot *spot) {
        attack->n_requests++;
        if (field_of(spot)->type == FIELD_STRING && !field_of(spot)->check)
                fail_msg("\"%s\" of %s takes any text", field_of(spot)->name,
                         spot->action->method);
}

static void no_parameter_takes_any_text(void **state) {
        each_parameter(*state, visit_checked);
}

static void a_request_of_the_cap_is_taken_and_one_byte_more_is_not(void **state) {
        Attack *attack = *state;
        _cleanup_free_ char *text = malloc(MESSAGE_MAX + 2);
        static const char ping[] = "{\"method\":\"io.banger.Root.Ping\"}";

        assert_non_null(text);
        for (size_t size = MESSAGE_MAX; size <= MESSAGE_MAX + 1; size++) {
                memset(text, ' ', size);
                memcpy(text, ping, sizeof(ping) - 1);
                text[size] = '\0';
                expect(attack, size == MESSAGE_MAX ? OUTCOME_HANDLED : OUTCOME_CUT, text);
        }
}

/* Only Launch takes descriptors: with any other they would be somebody's to forget. */
static void descriptors_are_for_those_that_take_them(_unused_ void **state) {
        for (size_t i = 0; i < interface_root.n_actions; i++)
                assert_int_equal((interface_root.actions[i].flags & ACTION_TAKES_FD) != 0,
                                 string_equal(interface_root.actions[i].method, "Launch"));
}

#define ATTACK_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                ATTACK_TEST(a_good_request_of_every_verb_is_handled),
                ATTACK_TEST(numbers_hold_to_their_bounds),
                ATTACK_TEST(lists_hold_to_their_bounds),
                ATTACK_TEST(wrong_types_are_refused),
                ATTACK_TEST(what_is_required_must_be_there),
                ATTACK_TEST(what_is_there_twice_is_refused),
                ATTACK_TEST(what_is_not_known_is_refused),
                ATTACK_TEST(nul_and_what_is_not_utf8_are_refused),
                ATTACK_TEST(a_bare_nul_makes_two_messages_of_which_none_is_done),
                ATTACK_TEST(forged_ids_are_refused),
                ATTACK_TEST(no_parameter_takes_any_text),
                ATTACK_TEST(a_request_of_the_cap_is_taken_and_one_byte_more_is_not),
                cmocka_unit_test(descriptors_are_for_those_that_take_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
