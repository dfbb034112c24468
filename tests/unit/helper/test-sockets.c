#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "helper/sockets.h"

#define FD 77
#define OWNER 1000
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
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
