#include <sys/socket.h>
#include <sys/un.h>

#include "helper/sockets.h"
#include "tests/unit/helper/fixture.h"

#define FD 77
#define OWNER 1000
#define VM_UID 60579
#define NOW 5000000

typedef enum Call {
        CALL_LOOK,
        CALL_CHECK,
        CALL_NOW,
        CALL_PAUSE,
        CALL_CHOWN,
        CALL_CHMOD,
} Call;

/* One expected call: its argument that matters, and what it answers. */
typedef struct Step {
        Call call;
        uint64_t argument;
        int result;
} Step;

typedef struct Script {
        const Step *steps;
        size_t n_steps, next;
} Script;

static int take(void *userdata, Call call, uint64_t argument) {
        Script *script = userdata;
        const Step *step;

        assert_true(script->next < script->n_steps);
        step = &script->steps[script->next++];
        assert_int_equal(step->call, call);
        assert_int_equal(step->argument, argument);
        return step->result;
}

static uint64_t fake_now(void *userdata) {
        return NOW + (uint64_t) take(userdata, CALL_NOW, 0);
}

static int fake_look(void *userdata, const char *path, int *ret_fd, Error *reterr) {
        int r = take(userdata, CALL_LOOK, 0);

        assert_string_equal(path, "run/api");
        if (r > 0)
                *ret_fd = FD;
        return r < 0 ? error_set(reterr, ERROR_NOT_PERMITTED, -r, "is not a socket") : r;
}

static int fake_check(void *userdata, Error *reterr) {
        int r = take(userdata, CALL_CHECK, 0);

        return r < 0 ? error_set(reterr, ERROR_FAILED, -r, "the unit has ended: exit-code") : 0;
}

static int fake_pause(void *userdata, uint64_t until_usec) {
        return take(userdata, CALL_PAUSE, until_usec);
}

static int fake_chown(void *userdata, int fd, uid_t uid, gid_t gid) {
        assert_int_equal(fd, FD);
        assert_int_equal(gid, uid);
        return take(userdata, CALL_CHOWN, uid);
}

static int fake_chmod(void *userdata, int fd, mode_t mode) {
        assert_int_equal(fd, FD);
        return take(userdata, CALL_CHMOD, mode);
}

static const SocketOperations operations = {
        .now = fake_now,
        .look = fake_look,
        .check = fake_check,
        .pause = fake_pause,
        .chown = fake_chown,
        .chmod = fake_chmod,
};

static const SocketWanted wanted = {
        .path = "run/api",
        .label = "API socket",
        .deadline_usec = NOW + 25000,
};

static int run_wait(const Step *steps, size_t n_steps, int *ret_fd, Error *error) {
        Script script = {.steps = steps, .n_steps = n_steps};
        int r = wait_for_path(&operations, &script, &wanted, ret_fd, error);

        assert_int_equal(script.next, n_steps);
        return r;
}

static int run_access(const Step *steps, size_t n_steps, Error *error) {
        Script script = {.steps = steps, .n_steps = n_steps};
        int r = ensure_socket_access(&operations, &script, FD, "API socket", OWNER, OWNER, error);

        assert_int_equal(script.next, n_steps);
        return r;
}

static int run_hand_over(const Step *steps, size_t n_steps, Error *error) {
        Script script = {.steps = steps, .n_steps = n_steps};
        int fd = -1, r;

        r = socket_hand_over(&operations, &script, &wanted, OWNER, OWNER, &fd, error);
        assert_int_equal(script.next, n_steps);
        assert_int_equal(fd, r < 0 ? -1 : FD);
        return r;
}

static void a_path_that_never_appears_is_a_deadline_error_with_its_label(_unused_ void **state) {
        static const Step steps[] = {
                {CALL_LOOK, 0, 0},   {CALL_CHECK, 0, 0}, {CALL_NOW, 0, 0},
                {CALL_PAUSE, NOW + 10000, 0},
                {CALL_LOOK, 0, 0},   {CALL_CHECK, 0, 0}, {CALL_NOW, 0, 20000},
                /* not past the deadline */
                {CALL_PAUSE, NOW + 25000, 0},
                {CALL_LOOK, 0, 0},   {CALL_CHECK, 0, 0}, {CALL_NOW, 0, 25000},
        };
        _cleanup_error_ Error error = ERROR_INIT;
        int fd = -1;

        assert_int_equal(run_wait(steps, ELEMENTSOF(steps), &fd, &error), -ETIMEDOUT);
        assert_int_equal(error.kind, ERROR_TIMED_OUT);
        assert_non_null(strstr(error.message, "API socket"));
        assert_int_equal(fd, -1);
}

static void a_deadline_that_is_past_still_allows_one_look(_unused_ void **state) {
        static const Step absent[] = {
                {CALL_LOOK, 0, 0}, {CALL_CHECK, 0, 0}, {CALL_NOW, 0, 99000}};
        static const Step present[] = {{CALL_LOOK, 0, 1}};
        int fd = -1;

        assert_int_equal(run_wait(absent, ELEMENTSOF(absent), &fd, NULL), -ETIMEDOUT);
        assert_int_equal(run_wait(present, ELEMENTSOF(present), &fd, NULL), 0);
        assert_int_equal(fd, FD);
}

static void the_wait_ends_once_the_path_appears(_unused_ void **state) {
        static const Step steps[] = {
                {CALL_LOOK, 0, 0}, {CALL_CHECK, 0, 0}, {CALL_NOW, 0, 0},
                {CALL_PAUSE, NOW + 10000, 0},
                {CALL_LOOK, 0, 1},
        };
        int fd = -1;

        assert_int_equal(run_wait(steps, ELEMENTSOF(steps), &fd, NULL), 0);
        assert_int_equal(fd, FD);
}

static void cancellation_beats_the_poll_interval(_unused_ void **state) {
        static const Step steps[] = {
                {CALL_LOOK, 0, 0}, {CALL_CHECK, 0, 0}, {CALL_NOW, 0, 0},
                {CALL_PAUSE, NOW + 10000, -ECANCELED},
        };
        _cleanup_error_ Error error = ERROR_INIT;
        int fd = -1;

        assert_int_equal(run_wait(steps, ELEMENTSOF(steps), &fd, &error), -ECANCELED);
        assert_int_equal(error.kind, ERROR_CANCELED);
}

static void a_unit_that_has_ended_ends_the_wait_and_says_how(_unused_ void **state) {
        static const Step steps[] = {{CALL_LOOK, 0, 0}, {CALL_CHECK, 0, -ESRCH}};
        _cleanup_error_ Error error = ERROR_INIT;
        int fd = -1;

        assert_int_equal(run_wait(steps, ELEMENTSOF(steps), &fd, &error), -ESRCH);
        assert_non_null(strstr(error.message, "exit-code"));
        assert_non_null(strstr(error.message, "API socket"));
}

static void what_is_no_socket_is_refused_at_once(_unused_ void **state) {
        static const Step steps[] = {{CALL_LOOK, 0, -EPERM}};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(run_hand_over(steps, ELEMENTSOF(steps), &error), -EPERM);
        assert_string_equal(error.message, "the API socket: is not a socket");
}

static void chown_failure_surfaces_and_chmod_is_not_tried(_unused_ void **state) {
        static const Step steps[] = {{CALL_CHOWN, OWNER, -EPERM}};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(run_access(steps, ELEMENTSOF(steps), &error), -EPERM);
        assert_non_null(strstr(error.message, "give the API socket"));
}

static void chmod_failure_surfaces_after_the_chown(_unused_ void **state) {
        static const Step steps[] = {{CALL_CHOWN, OWNER, 0}, {CALL_CHMOD, 0600, -EROFS}};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(run_access(steps, ELEMENTSOF(steps), &error), -EROFS);
        assert_non_null(strstr(error.message, "mode of the API socket"));
}

static void on_a_timeout_nothing_is_touched(_unused_ void **state) {
        static const Step steps[] = {
                {CALL_LOOK, 0, 0}, {CALL_CHECK, 0, 0}, {CALL_NOW, 0, 25000}};

        assert_int_equal(run_hand_over(steps, ELEMENTSOF(steps), NULL), -ETIMEDOUT);
}

static void a_socket_that_came_is_given_to_the_owner(_unused_ void **state) {
        static const Step steps[] = {
                {CALL_LOOK, 0, 1}, {CALL_CHOWN, OWNER, 0}, {CALL_CHMOD, 0600, 0}};

        assert_int_equal(run_hand_over(steps, ELEMENTSOF(steps), NULL), 0);
}

static void a_socket_that_cannot_be_given_is_not_passed_on(_unused_ void **state) {
        static const Step steps[] = {{CALL_LOOK, 0, 1}, {CALL_CHOWN, OWNER, -EPERM}};

        assert_int_equal(run_hand_over(steps, ELEMENTSOF(steps), NULL), -EPERM);
}

/* Real ones, below; the path in the fixture's state. */
#define SOCKET "jail/api"

static void make_socket(const Fixture *fixture, const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        fixture_path(fixture, path, address.sun_path, sizeof(address.sun_path));
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        close_fd(fd);
}

static void give_to(const Fixture *fixture, uid_t uid) {
        char path[256];

        if (getuid() != 0)
                skip();
        fixture_path(fixture, "state/" SOCKET, path, sizeof(path));
        assert_int_equal(lchown(path, uid, uid), 0);
}

static int open_socket(Fixture *fixture, uid_t uid, uid_t owner) {
        _cleanup_close_ int fd = -1;
        int r = socket_open(&fixture->host, SOCKET, uid, owner, &fd, &fixture->error);

        assert_int_equal(fd >= 0, r > 0);
        if (r > 0)
                assert_true(fcntl(fd, F_GETFL) & O_PATH);
        return r;
}

static void assert_refused(Fixture *fixture, const char *message) {
        assert_int_equal(open_socket(fixture, getuid(), getuid()), -EPERM);
        assert_int_equal(fixture->error.kind, ERROR_NOT_PERMITTED);
        assert_string_equal(fixture->error.message, message);
}

static void nothing_at_the_path_is_no_error(void **state) {
        Fixture *fixture = *state;

        /* before and after the jail's directory is there */
        assert_int_equal(open_socket(fixture, getuid(), getuid()), 0);
        fixture_mkdir(fixture, "state/jail");
        assert_int_equal(open_socket(fixture, getuid(), getuid()), 0);
}

static void a_socket_of_the_vms_is_taken(void **state) {
        Fixture *fixture = *state;

        fixture_mkdir(fixture, "state/jail");
        make_socket(fixture, "state/" SOCKET);
        assert_int_equal(open_socket(fixture, getuid(), getuid() + 1), 1);
        give_to(fixture, VM_UID);
        assert_int_equal(open_socket(fixture, VM_UID, OWNER), 1);
}

static void a_socket_that_the_owner_has_already_is_taken(void **state) {
        Fixture *fixture = *state;

        fixture_mkdir(fixture, "state/jail");
        make_socket(fixture, "state/" SOCKET);
        assert_int_equal(open_socket(fixture, getuid() + 1, getuid()), 1);
        give_to(fixture, OWNER);
        assert_int_equal(open_socket(fixture, VM_UID, OWNER), 1);
}

static void a_socket_of_anybody_else_is_refused(void **state) {
        Fixture *fixture = *state;

        fixture_mkdir(fixture, "state/jail");
        make_socket(fixture, "state/" SOCKET);
        assert_int_equal(open_socket(fixture, getuid() + 1, getuid() + 2), -EPERM);
        assert_int_equal(fixture->error.kind, ERROR_NOT_PERMITTED);
        give_to(fixture, VM_UID + 1);
        assert_int_equal(open_socket(fixture, VM_UID, OWNER), -EPERM);
        assert_string_equal(fixture->error.message, "belongs to uid 60580 instead of 60579");
}

static void a_file_in_its_place_is_refused(void **state) {
        Fixture *fixture = *state;

        fixture_mkdir(fixture, "state/jail");
        fixture_write(fixture, "state/" SOCKET, "");
        assert_refused(fixture, "is not a socket");
}

static void a_fifo_in_its_place_is_refused_and_does_not_block(void **state) {
        Fixture *fixture = *state;
        char path[256];

        fixture_mkdir(fixture, "state/jail");
        fixture_path(fixture, "state/" SOCKET, path, sizeof(path));
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_refused(fixture, "is not a socket");
}

static void a_link_to_a_socket_is_not_followed(void **state) {
        Fixture *fixture = *state;
        char path[256];

        fixture_mkdir(fixture, "state/jail");
        make_socket(fixture, "state/jail/other");
        fixture_path(fixture, "state/" SOCKET, path, sizeof(path));
        assert_int_equal(symlink("other", path), 0);
        assert_refused(fixture, "is not a socket");
}

static void a_link_on_the_way_to_a_socket_is_not_followed(void **state) {
        Fixture *fixture = *state;
        char path[256];

        fixture_mkdir(fixture, "elsewhere");
        make_socket(fixture, "elsewhere/api");
        fixture_path(fixture, "state/jail", path, sizeof(path));
        assert_int_equal(symlink("../elsewhere", path), 0);
        assert_int_equal(open_socket(fixture, getuid(), getuid()), -ELOOP);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_path_that_never_appears_is_a_deadline_error_with_its_label),
                cmocka_unit_test(a_deadline_that_is_past_still_allows_one_look),
                cmocka_unit_test(the_wait_ends_once_the_path_appears),
                cmocka_unit_test(cancellation_beats_the_poll_interval),
                cmocka_unit_test(a_unit_that_has_ended_ends_the_wait_and_says_how),
                cmocka_unit_test(what_is_no_socket_is_refused_at_once),
                cmocka_unit_test(chown_failure_surfaces_and_chmod_is_not_tried),
                cmocka_unit_test(chmod_failure_surfaces_after_the_chown),
                cmocka_unit_test(on_a_timeout_nothing_is_touched),
                cmocka_unit_test(a_socket_that_came_is_given_to_the_owner),
                cmocka_unit_test(a_socket_that_cannot_be_given_is_not_passed_on),
                TEST(nothing_at_the_path_is_no_error),
                TEST(a_socket_of_the_vms_is_taken),
                TEST(a_socket_that_the_owner_has_already_is_taken),
                TEST(a_socket_of_anybody_else_is_refused),
                TEST(a_file_in_its_place_is_refused),
                TEST(a_fifo_in_its_place_is_refused_and_does_not_block),
                TEST(a_link_to_a_socket_is_not_followed),
                TEST(a_link_on_the_way_to_a_socket_is_not_followed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
