#include <sys/wait.h>

#include "helper/handover.h"
#include "tests/unit/helper/fixture.h"

static int setup(void **state) {
        Handover *handover = calloc(1, sizeof(*handover));

        assert_non_null(handover);
        assert_int_equal(handover_open(handover), 0);
        *state = handover;
        return 0;
}

static int teardown(void **state) {
        handover_clear(*state);
        free(*state);
        return 0;
}

static void assert_ended(pid_t pid, int expected) {
        int status = 0;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), expected);
}

/* What each writes shows the order. */
static void the_child_lets_go_before_the_parent_and_goes_on_after_it(void **state) {
        Handover *handover = *state;
        char order[4] = "";
        int fds[2];
        pid_t pid;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                (void) usleep(50000);
                (void) !write(fds[1], "1", 1);
                if (handover_by_child(handover) < 0)
                        _exit(1);
                _exit(write(fds[1], "3", 1) == 1 ? 0 : 1);
        }
        assert_int_equal(handover_await_child(handover), 0);
        (void) usleep(50000);
        assert_int_equal(write(fds[1], "2", 1), 1);
        assert_int_equal(handover_by_parent(handover), 0);
        assert_ended(pid, 0);
        assert_int_equal(read(fds[0], order, 3), 3);
        assert_string_equal(order, "123");
        close_fd(fds[0]);
        close_fd(fds[1]);
}

static void a_child_that_ends_before_it_has_let_go_is_not_waited_for(void **state) {
        Handover *handover = *state;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        assert_int_equal(handover_await_child(handover), -ESRCH);
        assert_ended(pid, 0);
}

static void without_its_parent_a_child_does_not_go_on(void **state) {
        Handover *handover = *state;
        pid_t pid = fork();

        if (pid == 0)
                _exit(handover_by_child(handover) == -ESRCH ? 0 : 1);
        assert_int_equal(handover_await_child(handover), 0);
        /* As its end does. */
        handover_clear(handover);
        assert_ended(pid, 0);
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_child_lets_go_before_the_parent_and_goes_on_after_it),
                TEST(a_child_that_ends_before_it_has_let_go_is_not_waited_for),
                TEST(without_its_parent_a_child_does_not_go_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
