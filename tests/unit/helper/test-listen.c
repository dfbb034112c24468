#include <sys/socket.h>
#include <sys/un.h>

#include "helper/listen.h"
#include "tests/unit/helper/fixture.h"

static int make_listener(const Fixture *fixture, bool listening) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        fixture_path(fixture, "sock", address.sun_path, sizeof(address.sun_path));
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        if (listening)
                assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void one_listening_unix_socket_is_taken_and_does_not_block(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = make_listener(fixture, true);
        int taken = -1;

        assert_int_equal(listen_take(fd, 1, &taken, &fixture->error), 0);
        assert_int_equal(taken, fd);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void no_socket_is_an_error_that_says_how_to_start(void **state) {
        Fixture *fixture = *state;
        int taken = -1;

        assert_int_equal(listen_take(3, 0, &taken, &fixture->error), -EINVAL);
        assert_non_null(strstr(fixture->error.hint, "bangerd-root.socket"));
        assert_int_equal(taken, -1);
}

static void two_sockets_are_one_too_many(void **state) {
        Fixture *fixture = *state;
        int taken = -1;

        assert_int_equal(listen_take(3, 2, &taken, &fixture->error), -EINVAL);
        assert_non_null(strstr(fixture->error.message, "got 2 sockets"));
}

static void a_socket_that_does_not_listen_is_refused(void **state) {
        Fixture *fixture = *state;
        _cleanup_close_ int fd = make_listener(fixture, false);
        int taken = -1;

        assert_int_equal(listen_take(fd, 1, &taken, &fixture->error), -EINVAL);
}

static void a_pipe_is_refused(void **state) {
        Fixture *fixture = *state;
        int fds[2], taken = -1;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(listen_take(fds[0], 1, &taken, &fixture->error), -EINVAL);
        close_fd(fds[0]);
        close_fd(fds[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(one_listening_unix_socket_is_taken_and_does_not_block),
                TEST(no_socket_is_an_error_that_says_how_to_start),
                TEST(two_sockets_are_one_too_many),
                TEST(a_socket_that_does_not_listen_is_refused),
                TEST(a_pipe_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
