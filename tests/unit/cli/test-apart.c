#include "cli/apart.h"
#include "common/clock.h"
#include "tests/unit/cli/fixture.h"

#include <sys/wait.h>

static int work_well(void *argument, Error *reterr) {
        (void) argument;
        (void) reterr;
        return 7;
}

static int work_in_vain(void *argument, Error *reterr) {
        int r = error_set(reterr, ERROR_BUSY, EXDEV, "cannot remove %s", (const char *) argument);

        return error_set_hint(reterr, r, "run: umount");
}

static int work_for_ever(void *argument, Error *reterr) {
        (void) argument;
        (void) reterr;
        (void) alarm(5);
        while (pause() < 0)
                continue;
        return 0;
}

static int end_early(void *argument, Error *reterr) {
        (void) argument;
        (void) reterr;
        _exit(0);
}

static uint64_t in_seconds(unsigned seconds) {
        return clock_monotonic_usec() + seconds * USEC_PER_SEC;
}

static void results_and_errors_come_back(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        char path[] = "/x";

        (void) state;
        assert_int_equal(apart_run(work_well, NULL, in_seconds(20), NULL), 7);
        assert_int_equal(apart_run(work_in_vain, path, in_seconds(20), &error), -EXDEV);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_string_equal(error.message, "cannot remove /x");
        assert_string_equal(error.hint, "run: umount");
        assert_int_equal(apart_run(end_early, NULL, in_seconds(20), NULL), -EIO);
        (void) waitpid(-1, NULL, 0);
}

static void who_never_returns_is_left_behind(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        int status;

        (void) state;
        assert_int_equal(apart_run(work_for_ever, NULL, clock_monotonic_usec(), &error),
                         -ETIMEDOUT);
        assert_int_equal(error.kind, ERROR_TIMED_OUT);
        assert_true(waitpid(-1, &status, 0) > 0);
        assert_true(WIFSIGNALED(status));
}

/* Whoever reads our output would else wait for it. */
static int print(void *argument, Error *reterr) {
        (void) argument;
        (void) reterr;
        return write(STDOUT_FILENO, "heard\n", 6) == 6 ? 0 : -errno;
}

static void it_does_not_hold_our_output_open(void **state) {
        _cleanup_close_ int saved = dup(STDOUT_FILENO);
        int fds[2], r;
        char byte;

        (void) state;
        assert_true(saved >= 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
        r = apart_run(print, NULL, in_seconds(20), NULL);
        assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
        close_fd(fds[1]);
        assert_int_equal(r, 0);
        assert_int_equal(read(fds[0], &byte, 1), 0);
        close_fd(fds[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(results_and_errors_come_back),
                cmocka_unit_test(who_never_returns_is_left_behind),
                cmocka_unit_test(it_does_not_hold_our_output_open),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
