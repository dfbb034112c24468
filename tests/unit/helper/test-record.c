#include "common/log.h"
#include "helper/record.h"
#include "tests/unit/helper/fixture.h"

typedef struct Kept {
        int level;
        char message[256];
        char fields[512]; /* "NAME=VALUE\n", in order; what is left out is not there */
} Kept;

static void keep(int level, const LogField *fields, const char *message, void *userdata) {
        Kept *kept = userdata;

        kept->level = level;
        (void) snprintf(kept->message, sizeof(kept->message), "%s", message);
        kept->fields[0] = '\0';
        for (; fields->name; fields++) {
                size_t length = strlen(kept->fields);

                if (fields->value)
                        (void) snprintf(kept->fields + length, sizeof(kept->fields) - length,
                                        "%s=%s\n", fields->name, fields->value);
        }
}

static Kept record(const RecordedCall *call) {
        Kept kept;
        const RecordSink sink = {.write = keep, .userdata = &kept};

        record_call(&sink, call);
        return kept;
}

static const Peer peer = {.pid = 77, .uid = 1000, .gid = 1000};

static void a_done_call_has_all_its_fields(_unused_ void **state) {
        Kept kept = record(&(RecordedCall) {.verb = "io.banger.Root.Ping",
                                            .vm = "0123456789",
                                            .operation = "op1",
                                            .peer = &peer,
                                            .duration_usec = 42});

        assert_int_equal(kept.level, LOG_INFO);
        assert_string_equal(kept.message, "io.banger.Root.Ping of uid 1000: done");
        assert_string_equal(kept.fields, "BANGER_VERB=io.banger.Root.Ping\n"
                                         "BANGER_VM=0123456789\n"
                                         "BANGER_OPERATION=op1\n"
                                         "BANGER_PEER_UID=1000\n"
                                         "BANGER_PEER_PID=77\n"
                                         "BANGER_RESULT=ok\n"
                                         "BANGER_DURATION_USEC=42\n");
}

static void a_failed_call_is_a_warning_with_its_reason(void **state) {
        Fixture *fixture = *state;
        Kept kept;

        (void) error_set(&fixture->error, ERROR_BUSY, EBUSY, "it is in use");
        kept = record(&(RecordedCall) {.verb = "io.banger.Root.Inventory",
                                       .peer = &peer,
                                       .r = -EBUSY,
                                       .error = &fixture->error});
        assert_int_equal(kept.level, LOG_WARNING);
        assert_string_equal(kept.message, "io.banger.Root.Inventory of uid 1000: it is in use");
        assert_non_null(strstr(kept.fields, "BANGER_RESULT=Busy\n"));
        assert_null(strstr(kept.fields, "BANGER_VM"));
}

static void an_error_without_text_is_named_by_its_number(_unused_ void **state) {
        Kept kept = record(&(RecordedCall) {.peer = &peer, .r = -ENOENT});

        assert_string_equal(kept.message, "request of uid 1000: NotFound");
        assert_non_null(strstr(kept.fields, "BANGER_RESULT=NotFound\n"));
        assert_null(strstr(kept.fields, "BANGER_VERB"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_done_call_has_all_its_fields),
                TEST(a_failed_call_is_a_warning_with_its_reason),
                TEST(an_error_without_text_is_named_by_its_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
