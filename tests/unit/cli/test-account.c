#include "cli/account.h"
#include "cli/probe.h"
#include "common/ident.h"
#include "tests/unit/cli/fixture.h"

static void uid_min_is_read_from_login_defs(void **state) {
        (void) state;
        assert_int_equal(account_parse_uid_min("# UID_MIN 5\nSYS_UID_MIN 100\n UID_MIN\t\t 2000\n"),
                         2000);
        assert_int_equal(account_parse_uid_min("#UID_MIN 5\n"), 1000);
        assert_int_equal(account_parse_uid_min(""), 1000);
}

static void only_an_ordinary_user_may_own(void **state) {
        static const struct {
                const char *name;
                uid_t uid;
                bool fine;
        } rows[] = {
                {"root", 0, false},     {"daemon", 1, false},    {"games", 999, false},
                {"alice", 1000, true},  {"a.b-c_d", 1001, true}, {"two words", 1001, false},
                {"per%cent", 1001, false}, {"-dash", 1001, false}, {"", 1001, false},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char name[32];
                Account account = {.name = name, .uid = rows[i].uid};
                _cleanup_error_ Error error = ERROR_INIT;

                (void) snprintf(name, sizeof(name), "%s", rows[i].name);
                assert_int_equal(account_check_owner(&account, 1000, &error),
                                 rows[i].fine ? 0 : -EPERM);
                assert_int_equal(error.kind, rows[i].fine ? ERROR_NONE : ERROR_NOT_PERMITTED);
        }
}

static void only_ranges_that_reach_into_ours_are_refused(void **state) {
        static const struct {
                const char *text;
                int r;
        } rows[] = {
                {"", 0},
                {"alice:100000:65536\n", 0},
                {"alice:60000:578\n", 0},           /* ends at 60577 */
                {"alice:60000:579\n", -EADDRINUSE}, /* ends at 60578 */
                {"alice:61183:1\n", -EADDRINUSE},
                {"alice:61184:1\n", 0},
                {"alice:0:4294967295\n", -EADDRINUSE},
                {"a:100000:1\nb:60600:1", -EADDRINUSE},
                {"alice:60600:0\n", 0},
                {"rubbish\n::\n", 0},
                {"alice:0:99999999999999999999\n", -EADDRINUSE},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_int_equal(account_check_subids(rows[i].text, "/etc/subuid", NULL),
                                 rows[i].r);
}

static void a_taken_range_is_named(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        (void) state;
        assert_int_equal(account_check_subids("bob:60578:1\n", "/etc/subuid", &error), -EADDRINUSE);
        assert_non_null(strstr(error.message, "/etc/subuid bob:60578:1"));
}

static void a_user_who_is_not_there_is_not_found(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        Account account;

        (void) state;
        assert_int_equal(account_find("no-such-user-here", &account, &error), -ENOENT);
        assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

/* ---- the host ---- */

static void firecracker_version_is_parsed(void **state) {
        unsigned major, minor;

        (void) state;
        assert_int_equal(probe_parse_version("Firecracker v1.12.1\n\nSupported …", &major, &minor),
                         0);
        assert_int_equal(major, 1);
        assert_int_equal(minor, 12);
        assert_int_equal(probe_parse_version("sh: not found", &major, &minor), -EINVAL);
        assert_int_equal(probe_parse_version("Firecracker v1", &major, &minor), -EINVAL);
        assert_int_equal(probe_parse_version("Firecracker v1.", &major, &minor), -EINVAL);
        assert_int_equal(probe_parse_version("Firecracker v1.99999999", &major, &minor), -ERANGE);
}

static void plant_program(const TempRoot *root, const char *name, const char *version,
                          mode_t mode) {
        _cleanup_free_ char *path = string_format("usr/bin/%s", name);
        _cleanup_free_ char *script = string_format("#!/bin/sh\necho \"%s\"\n", version);

        temp_root_mkdir(root, "/usr/bin");
        assert_int_equal(io_write_file_atomic(root->fd, path, script, strlen(script), mode), 0);
}

static void assert_firecracker(const TempRoot *root, CheckState state, const char *evidence) {
        SystemCheck check;

        assert_int_equal(probe_firecracker(root->fd, &check), 0);
        assert_int_equal(check.state, state);
        assert_non_null(strstr(check.evidence, evidence));
        assert_true((check.remedy != NULL) == (state != CHECK_OK));
        schema_clear(&system_check_schema, &check);
}

static void firecracker_is_run_for_its_version(void **state) {
        TempRoot *root = *state;

        if (geteuid() != 0)
                skip();
        assert_firecracker(root, CHECK_FAILED, "not found");
        plant_program(root, "firecracker", "Firecracker v1.8.0", 0755);
        assert_firecracker(root, CHECK_OK, "/usr/bin/firecracker: Firecracker v1.8.0");
        plant_program(root, "firecracker", "Firecracker v1.7.9", 0755);
        assert_firecracker(root, CHECK_FAILED, "too old");
        plant_program(root, "firecracker", "hello", 0755);
        assert_firecracker(root, CHECK_FAILED, "says no version");
}

static void the_firecracker_of_the_settings_is_the_one(void **state) {
        TempRoot *root = *state;

        if (geteuid() != 0)
                skip();
        plant_program(root, "firecracker", "Firecracker v1.8.0", 0755);
        temp_root_mkdir(root, "/etc/banger");
        temp_root_write(root, BANGER_CONF, "[firecracker]\npath = /usr/bin/mine/firecracker\n");
        assert_firecracker(root, CHECK_FAILED, "/usr/bin/mine/firecracker: No such file");
        temp_root_mkdir(root, "/usr/bin/mine");
        plant_program(root, "mine/firecracker", "Firecracker v1.9.1", 0755);
        assert_firecracker(root, CHECK_OK, "/usr/bin/mine/firecracker: Firecracker v1.9.1");
        temp_root_write(root, BANGER_CONF, "[firecracker]\njailer = /opt/jailer\n");
        assert_firecracker(root, CHECK_OK, "/usr/bin/firecracker: Firecracker v1.8.0");
}

static void a_program_that_others_may_change_is_not_run(void **state) {
        TempRoot *root = *state;
        _cleanup_free_ char *command = string_format("$(touch %s/ran)", root->path);

        if (geteuid() != 0)
                skip();
        plant_program(root, "firecracker", command, 0775);
        assert_firecracker(root, CHECK_FAILED, "writable by others");
        plant_program(root, "firecracker", command, 0755);
        assert_int_equal(fchownat(root->fd, "usr/bin/firecracker", 12345, 12345, 0), 0);
        assert_firecracker(root, CHECK_FAILED, "does not belong to root");
        assert_false(temp_root_has(root, "/ran"));
}

static void a_missing_kvm_is_told_with_a_remedy(void **state) {
        TempRoot *root = *state;
        SystemCheck check;

        assert_int_equal(probe_kvm(root->fd, &check), 0);
        assert_int_equal(check.state, CHECK_FAILED);
        assert_non_null(check.remedy);
        schema_clear(&system_check_schema, &check);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(uid_min_is_read_from_login_defs),
                cmocka_unit_test(only_an_ordinary_user_may_own),
                cmocka_unit_test(only_ranges_that_reach_into_ours_are_refused),
                cmocka_unit_test(a_taken_range_is_named),
                cmocka_unit_test(a_user_who_is_not_there_is_not_found),
                cmocka_unit_test(firecracker_version_is_parsed),
                cmocka_unit_test_setup_teardown(the_firecracker_of_the_settings_is_the_one,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(firecracker_is_run_for_its_version, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_program_that_others_may_change_is_not_run,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_missing_kvm_is_told_with_a_remedy,
                                                temp_root_setup, temp_root_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
