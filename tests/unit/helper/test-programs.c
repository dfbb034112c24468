#include "common/install.h"
#include "common/strings.h"
#include "helper/programs.h"
#include "tests/unit/helper/fixture.h"

typedef struct Found {
        Fixture *fixture;
        char firecracker[256], jailer[256];
        Config config;
        Programs programs;
} Found;

static int setup(void **state) {
        Found *found = calloc(1, sizeof(*found));
        void *fixture = NULL;

        assert_non_null(found);
        assert_int_equal(fixture_setup(&fixture), 0);
        found->fixture = fixture;
        fixture_write(fixture, "firecracker", "");
        fixture_write(fixture, "jailer", "");
        fixture_path(fixture, "firecracker", found->firecracker, sizeof(found->firecracker));
        fixture_path(fixture, "jailer", found->jailer, sizeof(found->jailer));
        assert_int_equal(chmod(found->firecracker, 0755), 0);
        assert_int_equal(chmod(found->jailer, 0755), 0);
        found->config = config_default;
        found->config.firecracker = found->firecracker;
        found->config.jailer = found->jailer;
        *state = found;
        return 0;
}

static int teardown(void **state) {
        Found *found = *state;
        void *fixture = found->fixture;

        fixture_teardown(&fixture);
        free(found);
        return 0;
}

static int find(Found *found) {
        return programs_find(&found->config, getuid(), &found->programs, &found->fixture->error);
}

static void the_configured_programs_are_taken(void **state) {
        Found *found = *state;

        assert_int_equal(find(found), 0);
        assert_string_equal(found->programs.firecracker, found->firecracker);
        assert_string_equal(found->programs.jailer, found->jailer);
}

static void assert_part(const char *text, const char *part) {
        if (!text || !strstr(text, part))
                fail_msg("\"%s\" is not in \"%s\"", part, text ? text : "(nothing)");
}

static void a_configured_jailer_that_is_missing_is_named_with_a_remedy(void **state) {
        Found *found = *state;

        assert_int_equal(unlink(found->jailer), 0);
        assert_int_equal(find(found), -ENOENT);
        assert_int_equal(found->fixture->error.kind, ERROR_UNAVAILABLE);
        assert_part(found->fixture->error.message, "there is no jailer at /tmp/banger-test-");
        assert_part(found->fixture->error.hint, "change the path in " BANGER_CONF);
}

static void a_jailer_that_is_not_installed_is_named_with_a_remedy(void **state) {
        Found *found = *state;

        if (access("/usr/local/bin/jailer", F_OK) == 0 || access("/usr/bin/jailer", F_OK) == 0)
                skip();
        found->config.jailer = NULL;
        assert_int_equal(find(found), -ENOENT);
        assert_int_equal(found->fixture->error.kind, ERROR_UNAVAILABLE);
        assert_string_equal(found->fixture->error.message,
                            "there is no jailer in /usr/local/bin or /usr/bin");
        assert_part(found->fixture->error.hint, "install Firecracker's release into /usr/local/bin");
}

/* One command mends owner, mode and both. */
static void assert_unfit(const Found *found, const char *path, const char *why) {
        _cleanup_free_ char *chown_it = string_format("sudo chown root:root %s", path),
                            *chmod_it = string_format("sudo chmod 755 %s", path);

        assert_non_null(chown_it);
        assert_non_null(chmod_it);
        assert_int_equal(found->fixture->error.kind, ERROR_NOT_PERMITTED);
        assert_part(found->fixture->error.message, path);
        assert_part(found->fixture->error.message, why);
        assert_part(found->fixture->error.hint, chown_it);
        assert_part(found->fixture->error.hint, chmod_it);
}

static void a_program_that_others_can_write_is_refused(void **state) {
        Found *found = *state;

        assert_int_equal(chmod(found->firecracker, 0775), 0);
        assert_int_equal(find(found), -EPERM);
        assert_unfit(found, found->firecracker, "writable by others");
}

static void a_program_of_somebody_else_is_refused(void **state) {
        Found *found = *state;

        assert_int_equal(programs_find(&found->config, getuid() + 1, &found->programs,
                                       &found->fixture->error),
                         -EPERM);
        assert_unfit(found, found->firecracker, "belongs to uid");
}

static void a_directory_is_no_program(void **state) {
        Found *found = *state;

        found->config.jailer = found->fixture->root;
        assert_int_equal(find(found), -EPERM);
        assert_part(found->fixture->error.message, "not a regular file");
        assert_part(found->fixture->error.hint, BANGER_CONF);
}

static void a_program_that_cannot_be_run_is_refused(void **state) {
        Found *found = *state;

        assert_int_equal(chmod(found->jailer, 0644), 0);
        assert_int_equal(find(found), -EPERM);
        assert_unfit(found, found->jailer, "not executable");
}

static void a_link_is_followed_to_the_file_itself(void **state) {
        Found *found = *state;
        char link[256];

        fixture_path(found->fixture, "link", link, sizeof(link));
        assert_int_equal(symlink(found->jailer, link), 0);
        found->config.jailer = link;
        assert_int_equal(find(found), 0);
        assert_string_equal(found->programs.jailer, found->jailer);
}

static void put_into_directory(Found *found, mode_t mode, uid_t uid) {
        char directory[256];

        fixture_mkdir(found->fixture, "directory");
        fixture_mkdir(found->fixture, "directory/below");
        fixture_path(found->fixture, "directory/below/jailer", directory, sizeof(directory));
        assert_int_equal(rename(found->jailer, directory), 0);
        (void) snprintf(found->jailer, sizeof(found->jailer), "%s", directory);
        fixture_path(found->fixture, "directory", directory, sizeof(directory));
        assert_int_equal(chown(directory, uid, (gid_t) -1), 0);
        assert_int_equal(chmod(directory, mode), 0);
}

/* Between the look and the start whoever can write in there puts another program in its place. */
static void a_directory_that_others_can_write_makes_a_program_unfit(void **state) {
        Found *found = *state;

        put_into_directory(found, 0775, getuid());
        assert_int_equal(find(found), -EPERM);
        assert_int_equal(found->fixture->error.kind, ERROR_NOT_PERMITTED);
        assert_part(found->fixture->error.message, "/directory is writable by others");
        assert_part(found->fixture->error.hint, "sudo chmod go-w ");
}

static void a_directory_of_somebody_else_makes_a_program_unfit(void **state) {
        Found *found = *state;

        if (getuid() != 0)
                skip();
        put_into_directory(found, 0755, 4242);
        assert_int_equal(find(found), -EPERM);
        assert_int_equal(found->fixture->error.kind, ERROR_NOT_PERMITTED);
        assert_part(found->fixture->error.message, "/directory belongs to uid 4242");
        assert_part(found->fixture->error.hint, "install Firecracker's release into ");
}

/* /tmp is one: only its own user can take a file out of there. */
static void a_directory_where_everybody_has_his_own_is_fit(void **state) {
        Found *found = *state;

        put_into_directory(found, 01777, getuid());
        assert_int_equal(find(found), 0);
}

/* The link may be anybody's: what it leads to counts, and where that is. */
static void a_link_to_an_unfit_place_is_refused(void **state) {
        Found *found = *state;
        char link[256];

        put_into_directory(found, 0777, getuid());
        fixture_path(found->fixture, "link", link, sizeof(link));
        assert_int_equal(symlink(found->jailer, link), 0);
        found->config.jailer = link;
        assert_int_equal(find(found), -EPERM);
        assert_part(found->fixture->error.message, "/directory is writable by others");
}

static void a_device_or_fifo_is_no_program_and_does_not_block(void **state) {
        Found *found = *state;

        assert_int_equal(unlink(found->jailer), 0);
        assert_int_equal(mkfifo(found->jailer, 0755), 0);
        assert_int_equal(find(found), -EPERM);
        assert_part(found->fixture->error.message, "not a regular file");
        error_clear(&found->fixture->error);
        found->config.jailer = strcpy(found->jailer, "/dev/null");
        assert_int_equal(find(found), -EPERM);
        assert_part(found->fixture->error.message, "not a regular file");
}

static void firecracker_by_another_name_is_refused_with_a_hint(void **state) {
        Found *found = *state;

        found->config.firecracker = found->jailer;
        assert_int_equal(find(found), -EINVAL);
        assert_non_null(found->fixture->error.hint);
}

#define PROGRAMS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                PROGRAMS_TEST(the_configured_programs_are_taken),
                PROGRAMS_TEST(a_configured_jailer_that_is_missing_is_named_with_a_remedy),
                PROGRAMS_TEST(a_jailer_that_is_not_installed_is_named_with_a_remedy),
                PROGRAMS_TEST(a_program_that_others_can_write_is_refused),
                PROGRAMS_TEST(a_program_of_somebody_else_is_refused),
                PROGRAMS_TEST(a_directory_is_no_program),
                PROGRAMS_TEST(a_program_that_cannot_be_run_is_refused),
                PROGRAMS_TEST(a_link_is_followed_to_the_file_itself),
                PROGRAMS_TEST(a_directory_that_others_can_write_makes_a_program_unfit),
                PROGRAMS_TEST(a_directory_of_somebody_else_makes_a_program_unfit),
                PROGRAMS_TEST(a_directory_where_everybody_has_his_own_is_fit),
                PROGRAMS_TEST(a_link_to_an_unfit_place_is_refused),
                PROGRAMS_TEST(a_device_or_fifo_is_no_program_and_does_not_block),
                PROGRAMS_TEST(firecracker_by_another_name_is_refused_with_a_hint),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
