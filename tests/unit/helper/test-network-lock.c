/* The lock of the network, between processes. */
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "helper/network.h"
#include "tests/unit/helper/fixture.h"

#define OWNER 60578

static void the_lock_makes_others_wait(void **state) {
        Fixture *fixture = *state;
        const Host *host = &fixture->host;
        _cleanup_close_ int lock = -1;
        int status = 0;
        pid_t child;

        fixture_mkdir(fixture, "state/jails");
        assert_int_equal(network_lock(host, OWNER, &lock, NULL), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                int second = -1;

                (void) alarm(1); /* the second never gets it: SIGALRM ends this process */
                (void) network_lock(host, 0, &second, NULL);
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static pid_t fork_and_lock(const Host *host, uid_t peer, int ready) {
        pid_t child = fork();
        int lock = -1;

        assert_true(child >= 0);
        if (child > 0)
                return child;
        (void) alarm(20);
        if (network_lock(host, peer, &lock, NULL) < 0 || write(ready, "", 1) != 1)
                _exit(1);
        (void) pause();
        _exit(0);
}

/* Many calls of the owner's wait: one of them for the lock, the rest for their turn. */
static void of_the_owners_calls_one_at_a_time_waits_for_the_lock(void **state) {
        Fixture *fixture = *state;
        const Host *host = &fixture->host;
        _cleanup_close_ int turn = -1, again = -1, lock = -1;
        pid_t owner, root;
        int ready[2];
        char byte;

        fixture_mkdir(fixture, "state/jails");
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        /* One that has the turn, and waits for what nobody has. */
        turn = host_open_lock(host->state_fd, ".network-turn");
        assert_true(turn >= 0);
        assert_int_equal(flock(turn, LOCK_EX), 0);
        owner = fork_and_lock(host, OWNER, ready[1]);
        root = fork_and_lock(host, 0, ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_int_equal(kill(root, SIGKILL), 0);
        assert_int_equal(waitpid(root, NULL, 0), root);
        /* It was root who had it: nobody has it now, and still the owner's other call does not take it. */
        assert_int_equal(poll(&(struct pollfd) {.fd = ready[0], .events = POLLIN}, 1, 200), 0);
        assert_int_equal(flock(turn, LOCK_UN), 0); /* the children have copies */
        assert_int_equal(read(ready[0], &byte, 1), 1);
        /* Its turn ended when it had the lock. */
        again = host_open_lock(host->state_fd, ".network-turn");
        assert_int_equal(flock(again, LOCK_EX | LOCK_NB), 0);
        assert_int_equal(kill(owner, SIGKILL), 0);
        assert_int_equal(waitpid(owner, NULL, 0), owner);
        assert_int_equal(network_lock(host, 0, &lock, NULL), 0);
        close_fd(ready[0]);
        close_fd(ready[1]);
}

static void without_a_directory_of_jails_there_is_no_lock(void **state) {
        Fixture *fixture = *state;
        int lock = -1;

        assert_int_equal(network_lock(&fixture->host, OWNER, &lock, NULL), -ENOENT);
        assert_int_equal(lock, -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_lock_makes_others_wait),
                TEST(of_the_owners_calls_one_at_a_time_waits_for_the_lock),
                TEST(without_a_directory_of_jails_there_is_no_lock),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
