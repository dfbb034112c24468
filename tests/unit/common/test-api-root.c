/* What the helper's tables let through: the first line of its defence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "common/api-root.h"
#include "common/ident.h"
#include "common/strings.h"
#include "common/varlink-wire.h"

/* Decodes and drops. */
static int decode(const Schema *schema, const char *text, Error *reterr) {
        _cleanup_free_ char *value = calloc(1, schema->size);
        struct json_object *object = json_tokener_parse(text);
        int r;

        assert_non_null(value);
        assert_non_null(object);
        r = schema_decode(schema, object, value, reterr);
        schema_clear(schema, value);
        json_object_put(object);
        return r;
}

static void assert_refused(const Schema *schema, const char *text, const char *field) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_true(decode(schema, text, &error) < 0);
        assert_string_equal(error.field, field);
}

static void a_vm_and_its_slot_are_taken(_unused_ void **state) {
        assert_int_equal(decode(&root_vm_schema, "{\"vm\":\"0123456789\",\"slot\":1}", NULL), 0);
        assert_int_equal(decode(&root_vm_schema, "{\"vm\":\"abcdef0123\",\"slot\":253}", NULL), 0);
}

static void slots_end_where_uids_and_addresses_do(_unused_ void **state) {
        assert_refused(&root_vm_schema, "{\"vm\":\"0123456789\",\"slot\":0}", "slot");
        assert_refused(&root_vm_schema, "{\"vm\":\"0123456789\",\"slot\":254}", "slot");
        assert_refused(&root_vm_schema, "{\"vm\":\"0123456789\"}", "slot");
}

static void what_is_no_id_never_becomes_a_path(_unused_ void **state) {
        static const char *const wrong[] = {"", "..", "../../etc/x", "0123456789/", "ABCDEF0123",
                                            "012345678"};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ char *vm = string_format("{\"vm\":\"%s\"}", wrong[i]);
                _cleanup_free_ char *image =
                        string_format("{\"vm\":\"0123456789\",\"image\":\"%s\"}", wrong[i]);
                _cleanup_free_ char *kernel = string_format(
                        "{\"vm\":\"0123456789\",\"slot\":1,\"kernel\":\"%s\"}", wrong[i]);

                assert_refused(&root_vm_ref_schema, vm, "vm");
                assert_refused(&root_disk_attach_schema, image, "image");
                assert_refused(&root_jail_make_schema, kernel, "kernel");
        }
}

static void signals_are_those_of_the_list(_unused_ void **state) {
        assert_int_equal(
                decode(&root_stop_schema, "{\"vm\":\"0123456789\",\"signal\":\"kill\"}", NULL), 0);
        assert_refused(&root_stop_schema, "{\"vm\":\"0123456789\",\"signal\":\"stop\"}", "signal");
        assert_refused(&root_stop_schema, "{\"vm\":\"0123456789\",\"signal\":9}", "signal");
        assert_refused(&root_stop_schema, "{\"vm\":\"0123456789\"}", "signal");
}

static void waits_are_bounded(_unused_ void **state) {
        assert_refused(&root_sockets_schema,
                       "{\"vm\":\"0123456789\",\"slot\":1,\"socket\":\"api\","
                       "\"timeout_ms\":60001}",
                       "timeout_ms");
        assert_refused(&root_sockets_schema,
                       "{\"vm\":\"0123456789\",\"slot\":1,\"socket\":\"api\","
                       "\"timeout_ms\":0}",
                       "timeout_ms");
        assert_refused(&root_stop_schema,
                       "{\"vm\":\"0123456789\",\"signal\":\"term\",\"timeout_ms\":60001}",
                       "timeout_ms");
}

static void a_network_is_taken_and_its_address_may_be_left_out(_unused_ void **state) {
        assert_int_equal(decode(&root_network_schema, "{}", NULL), 0);
        assert_int_equal(decode(&root_network_schema,
                                "{\"guests\":[{\"vm\":\"0123456789\",\"slot\":1,\"nat\":true}],"
                                "\"forwards\":[{\"vm\":\"0123456789\",\"protocol\":\"tcp\","
                                "\"host_port\":8080,\"guest_port\":80}]}",
                                NULL),
                         0);
}

static void ports_and_addresses_of_a_forward_are_bounded(_unused_ void **state) {
        static const char *const wrong[][2] = {
                {"\"host_port\":0,\"guest_port\":80", "host_port"},
                {"\"host_port\":65536,\"guest_port\":80", "host_port"},
                {"\"host_port\":8080,\"guest_port\":0", "guest_port"},
                {"\"host_port\":8080,\"guest_port\":65536", "guest_port"},
                {"\"host_port\":8080,\"guest_port\":80,\"address\":\"localhost\"", "address"},
                {"\"host_port\":8080,\"guest_port\":80,\"address\":\"127.1\"", "address"},
                {"\"host_port\":8080,\"guest_port\":80,\"address\":\"1.2.3.4 }\"", "address"},
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ char *text = string_format(
                        "{\"vm\":\"0123456789\",\"protocol\":\"tcp\",%s}", wrong[i][0]);

                assert_refused(&root_forward_schema, text, wrong[i][1]);
        }
        assert_refused(&root_forward_schema,
                       "{\"vm\":\"0123456789\",\"protocol\":\"sctp\",\"host_port\":1,"
                       "\"guest_port\":1}",
                       "protocol");
}

static void only_a_launch_takes_descriptors(_unused_ void **state) {
        for (size_t i = 0; i < interface_root.n_actions; i++) {
                const Action *action = &interface_root.actions[i];

                assert_int_equal((action->flags & ACTION_TAKES_FD) != 0,
                                 string_equal(action->method, "Launch"));
                assert_null(action->words);
        }
}

static void a_unit_that_is_not_there_is_told_in_one_word(_unused_ void **state) {
        const RootReaped reaped = {.state = ROOT_UNIT_ABSENT};
        struct json_object *object = NULL;

        assert_int_equal(schema_encode(&root_reaped_schema, &reaped, &object), 0);
        assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                            "{\"state\":\"absent\"}");
        json_object_put(object);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_vm_and_its_slot_are_taken),
                cmocka_unit_test(slots_end_where_uids_and_addresses_do),
                cmocka_unit_test(what_is_no_id_never_becomes_a_path),
                cmocka_unit_test(signals_are_those_of_the_list),
                cmocka_unit_test(waits_are_bounded),
                cmocka_unit_test(a_network_is_taken_and_its_address_may_be_left_out),
                cmocka_unit_test(ports_and_addresses_of_a_forward_are_bounded),
                cmocka_unit_test(only_a_launch_takes_descriptors),
                cmocka_unit_test(a_unit_that_is_not_there_is_told_in_one_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
