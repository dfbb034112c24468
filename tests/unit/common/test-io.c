#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/peer.h"
#include "common/strings.h"

/* Each test gets a directory of its own. */
typedef struct Dir {
        char path[32];
        int fd;
} Dir;

static int setup(void **state) {
        Dir *dir = calloc(1, sizeof(Dir));

        if (!dir)
                return -1;
        strcpy(dir->path, "/tmp/banger-test-XXXXXX");
        if (!mkdtemp(dir->path))
                return -1;
        dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = dir;
        return dir->fd < 0 ? -1 : 0;
}

static int teardown(void **state) {
        Dir *dir = *state;

        (void) unlinkat(dir->fd, "file", 0);
        (void) unlinkat(dir->fd, "target", 0);
        close_fd(dir->fd);
        if (rmdir(dir->path) < 0)
                return -1;
        free(dir);
        return 0;
}

static void a_file_written_atomically_has_its_content_and_mode(void **state) {
        const Dir *dir = *state;
        _cleanup_free_ char *text = NULL;
        struct stat status;
        size_t size;

        assert_int_equal(io_write_file_atomic(dir->fd, "file", "hello", 5, 0640), 0);
        assert_int_equal(io_read_file(dir->fd, "file", 100, &text, &size), 0);
        assert_int_equal(size, 5);
        assert_string_equal(text, "hello");
        assert_int_equal(fstatat(dir->fd, "file", &status, 0), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(faccessat(dir->fd, "file.new", F_OK, 0), -1);
}

static void an_atomic_write_replaces_a_link_and_not_its_target(void **state) {
        const Dir *dir = *state;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(io_write_file_atomic(dir->fd, "target", "old", 3, 0600), 0);
        assert_int_equal(symlinkat("target", dir->fd, "file"), 0);
        assert_int_equal(io_write_file_atomic(dir->fd, "file", "new", 3, 0600), 0);
        assert_int_equal(io_read_file(dir->fd, "target", 100, &text, NULL), 0);
        assert_string_equal(text, "old");
}

static void reading_stops_at_the_maximum(void **state) {
        const Dir *dir = *state;
        char *text = NULL;

        assert_int_equal(io_write_file_atomic(dir->fd, "file", "12345", 5, 0600), 0);
        assert_int_equal(io_read_file(dir->fd, "file", 4, &text, NULL), -EFBIG);
        assert_null(text);
        assert_int_equal(io_read_file(dir->fd, "file", 5, &text, NULL), 0);
        free(text);
}

static void reading_an_absent_file_says_so(void **state) {
        const Dir *dir = *state;
        char *text = NULL;

        assert_int_equal(io_read_file(dir->fd, "file", 4, &text, NULL), -ENOENT);
}

static void an_early_end_is_an_error(void **state _unused_) {
        char buffer[4];
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(io_write_full(pair[0], "abc", 3), 0);
        close_fd(pair[0]);
        assert_int_equal(io_read_full(pair[1], buffer, 4), -EIO);
        close_fd(pair[1]);
}

static void a_path_too_long_for_a_socket_is_refused(void **state _unused_) {
        char path[200];
        int fd = -1;

        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(io_connect_unix(path, UINT64_MAX, &fd), -ENAMETOOLONG);
        assert_int_equal(fd, -1);
}

/* Nobody accepts: the first fills what waits, the second has to wait for room. */
static void a_connect_to_a_full_listener_ends_at_the_deadline(void **state) {
        const Dir *dir = *state;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[2] = {-1, -1};

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/file", dir->path);
        assert_int_equal(bind(listen_fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listen_fd, 0), 0);
        (void) alarm(20);
        assert_int_equal(io_connect_unix(address.sun_path, UINT64_MAX, &fds[0]), 0);
        assert_int_equal(io_connect_unix(address.sun_path,
                                         clock_monotonic_usec() + 20 * USEC_PER_MSEC, &fds[1]),
                         -ETIMEDOUT);
        assert_int_equal(io_connect_unix(address.sun_path, 0, &fds[1]), -ETIMEDOUT);
        (void) alarm(0);
        assert_int_equal(fds[1], -1);
        close_fd(fds[0]);
        close_fd(listen_fd);
}

static void the_peer_of_a_socketpair_is_this_process(void **state _unused_) {
        Peer peer;
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(peer_read(pair[0], &peer), 0);
        assert_int_equal(peer.uid, getuid());
        assert_int_equal(peer.pid, getpid());
        close_fd(pair[0]);
        close_fd(pair[1]);
}

static void numbers_are_whole_decimal_and_bounded(void **state _unused_) {
        uint64_t value = 7;

        assert_int_equal(string_parse_u64("0", UINT64_MAX, &value), 0);
        assert_int_equal(value, 0);
        assert_int_equal(string_parse_u64("18446744073709551615", UINT64_MAX, &value), 0);
        assert_true(value == UINT64_MAX);
        assert_int_equal(string_parse_u64("18446744073709551616", UINT64_MAX, &value), -ERANGE);
        assert_int_equal(string_parse_u64("11", 10, &value), -ERANGE);
        assert_int_equal(string_parse_u64("", 10, &value), -EINVAL);
        assert_int_equal(string_parse_u64("+1", 10, &value), -EINVAL);
        assert_int_equal(string_parse_u64(" 1", 10, &value), -EINVAL);
        assert_int_equal(string_parse_u64("1x", 10, &value), -EINVAL);
        assert_true(value == UINT64_MAX);
}

static void string_lists_grow_and_copy(void **state _unused_) {
        _cleanup_strv_ char **list = NULL;
        _cleanup_strv_ char **copy = NULL;

        assert_int_equal(strv_length(list), 0);
        assert_int_equal(strv_append(&list, "a"), 0);
        assert_int_equal(strv_append(&list, "b"), 0);
        copy = strv_copy(list);
        assert_int_equal(strv_length(copy), 2);
        assert_string_equal(copy[1], "b");
        assert_null(copy[2]);
}

static void poll_timeouts_round_up_and_end_at_zero(void **state _unused_) {
        assert_int_equal(clock_poll_timeout(UINT64_MAX), -1);
        assert_int_equal(clock_poll_timeout(0), 0);
        assert_true(clock_poll_timeout(clock_monotonic_usec() + 100 * USEC_PER_SEC) > 90000);
        assert_int_equal(clock_poll_timeout(UINT64_MAX - 1), INT_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_file_written_atomically_has_its_content_and_mode,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(an_atomic_write_replaces_a_link_and_not_its_target,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(reading_stops_at_the_maximum, setup, teardown),
                cmocka_unit_test_setup_teardown(reading_an_absent_file_says_so, setup, teardown),
                cmocka_unit_test(an_early_end_is_an_error),
                cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
                cmocka_unit_test_setup_teardown(a_connect_to_a_full_listener_ends_at_the_deadline,
                                                setup, teardown),
                cmocka_unit_test(the_peer_of_a_socketpair_is_this_process),
                cmocka_unit_test(numbers_are_whole_decimal_and_bounded),
                cmocka_unit_test(string_lists_grow_and_copy),
                cmocka_unit_test(poll_timeouts_round_up_and_end_at_zero),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
