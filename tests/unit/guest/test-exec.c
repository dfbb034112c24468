/* Real commands through io.banger.Guest on a socket pair: the session runs as a process, as in a
 * guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/api-guest.h"
#include "common/clock.h"
#include "common/exec-frame.h"
#include "common/varlink-poll.h"
#include "guest/session.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)
#define MIB (1u << 20)

enum {
        STATUS_STOPPED = 77,
};

typedef struct Guest {
        int fd;
        pid_t pid;
        ExecReader reader;
        uint8_t *output;
        size_t output_size;
        char errors[4096];
        size_t errors_size;
        size_t credit;
        int status; /* -1: the command runs */
} Guest;

/* What ends the guest ends the test's process instead. */
static void stop_fake(InitKind init, uint64_t timeout_usec) {
        _exit(init == INIT_SYSTEMD && timeout_usec == 3 * USEC_PER_SEC ? STATUS_STOPPED : 1);
}

static int setup(void **state) {
        static const SessionConfig config = {.init = INIT_SYSTEMD, .stop = stop_fake};
        Guest *guest = calloc(1, sizeof(*guest));
        /* The kernel makes it the least that it allows: output soon has to wait. */
        static const int send_buffer = 1;
        int pair[2];

        assert_non_null(guest);
        guest->output = malloc(MIB);
        assert_non_null(guest->output);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &send_buffer,
                                    sizeof(send_buffer)), 0);
        guest->pid = fork();
        assert_true(guest->pid >= 0);
        if (guest->pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                close_fd(pair[0]);
                _exit(session_serve(&config, pair[1]) < 0);
        }
        close_fd(pair[1]);
        guest->fd = pair[0];
        guest->credit = EXEC_STDIN_CREDIT;
        guest->status = -1;
        *state = guest;
        return 0;
}

static int teardown(void **state) {
        Guest *guest = *state;

        close_fd(guest->fd);
        if (guest->pid > 0) {
                (void) kill(guest->pid, SIGKILL);
                (void) waitpid(guest->pid, NULL, 0);
        }
        free(guest->output);
        free(guest);
        return 0;
}

static uint64_t patience(void) {
        return clock_monotonic_usec() + PATIENCE_USEC;
}

static int call(Guest *guest, const char *method, const void *in, void *out, Error *reterr) {
        VarlinkClient *client;
        void *rest;
        size_t rest_size, room;
        uint8_t *at;
        int r;

        assert_int_equal(varlink_client_new(guest->fd, &client), 0);
        r = varlink_client_call(client, &interface_guest, method, in, out, NULL, 0, NULL,
                                patience(), reterr);
        guest->fd = varlink_client_steal(client, &rest, &rest_size);
        assert_true(guest->fd >= 0);
        at = exec_reader_space(&guest->reader, &room);
        memcpy(at, rest, rest_size);
        exec_reader_add(&guest->reader, rest_size);
        free(rest);
        varlink_client_free(client);
        return r;
}

static void take(Guest *guest, const ExecFrame *frame) {
        uint32_t credit;

        switch (frame->type) {
        case EXEC_STDOUT:
                assert_true(frame->size <= MIB - guest->output_size);
                memcpy(guest->output + guest->output_size, frame->payload, frame->size);
                guest->output_size += frame->size;
                break;
        case EXEC_STDERR:
                assert_true(frame->size < sizeof(guest->errors) - guest->errors_size);
                memcpy(guest->errors + guest->errors_size, frame->payload, frame->size);
                guest->errors_size += frame->size;
                break;
        case EXEC_CREDIT:
                memcpy(&credit, frame->payload, sizeof(credit));
                guest->credit += le32toh(credit);
                break;
        case EXEC_EXIT:
                guest->status = frame->payload[0];
                break;
        case EXEC_STDIN:
        case EXEC_SIGNAL:
        case EXEC_RESIZE:
        default:
                fail_msg("a frame of type %d came", frame->type);
        }
}

static void take_all(Guest *guest) {
        ExecFrame frame;
        int r;

        while ((r = exec_reader_next(&guest->reader, &frame)) > 0)
                take(guest, &frame);
        assert_int_equal(r, 0);
}

static void start(Guest *guest, char *const *words, char *const *environment,
                  const char *directory) {
        GuestExec exec = {
                .command = (char **) (uintptr_t) words,
                .environment = (char **) (uintptr_t) environment,
                .directory = (char *) (uintptr_t) directory,
        };

        assert_int_equal(call(guest, "Exec", &exec, NULL, NULL), 0);
        /* What came with the reply: nothing may come after it that would wake a wait. */
        take_all(guest);
}

static void start_shell(Guest *guest, const char *script) {
        char sh[] = "sh", option[] = "-c";
        char *words[] = {sh, option, (char *) (uintptr_t) script, NULL};

        start(guest, words, NULL, NULL);
}

static void send_frame(const Guest *guest, ExecFrameType type, const void *payload, size_t size) {
        uint8_t header[EXEC_HEADER_SIZE];

        exec_header_write(type, size, header);
        assert_int_equal(send(guest->fd, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
        if (size > 0)
                assert_int_equal(send(guest->fd, payload, size, MSG_NOSIGNAL), size);
}

static void send_signal(const Guest *guest, int number) {
        const uint8_t payload = (uint8_t) number;

        send_frame(guest, EXEC_SIGNAL, &payload, 1);
}

/* One receive; false when nothing can come any more. */
static bool hear(Guest *guest) {
        struct pollfd item = {.fd = guest->fd, .events = POLLIN};
        size_t room;
        uint8_t *at;
        ssize_t n;

        take_all(guest);
        if (guest->status >= 0)
                return false;
        assert_int_equal(poll(&item, 1, (int) (PATIENCE_USEC / USEC_PER_MSEC)), 1);
        at = exec_reader_space(&guest->reader, &room);
        n = recv(guest->fd, at, room, 0);
        if (n <= 0)
                return false;
        exec_reader_add(&guest->reader, (size_t) n);
        take_all(guest);
        return true;
}

static void finish(Guest *guest) {
        while (hear(guest))
                continue;
}

/* The first line that the command wrote, as a number. */
static pid_t hear_pid(Guest *guest) {
        while (!memchr(guest->output, '\n', guest->output_size))
                assert_true(hear(guest));
        return (pid_t) strtol((const char *) guest->output, NULL, 10);
}

static void expect_gone(pid_t pid) {
        uint64_t deadline = patience();

        assert_true(pid > 1);
        while (kill(pid, 0) == 0 && clock_monotonic_usec() < deadline)
                (void) sched_yield();
        assert_int_equal(kill(pid, 0), -1);
}

static void the_exit_status_is_passed_on(void **state) {
        start_shell(*state, "exit 42");
        finish(*state);
        assert_int_equal(((Guest *) *state)->status, 42);
}

static void a_command_ended_by_a_signal_gives_128_and_its_number(void **state) {
        start_shell(*state, "kill -KILL $$");
        finish(*state);
        assert_int_equal(((Guest *) *state)->status, 128 + SIGKILL);
}

static void output_and_errors_are_kept_apart(void **state) {
        Guest *guest = *state;

        start_shell(guest, "echo out; echo err >&2");
        finish(guest);
        assert_int_equal(guest->status, 0);
        assert_int_equal(guest->output_size, 4);
        assert_memory_equal(guest->output, "out\n", 4);
        assert_string_equal(guest->errors, "err\n");
}

static void a_command_that_does_not_exist_is_127_and_says_so(void **state) {
        Guest *guest = *state;
        char name[] = "no-such-command";

        start(guest, (char *[]) {name, NULL}, NULL, NULL);
        finish(guest);
        assert_int_equal(guest->status, 127);
        assert_non_null(strstr(guest->errors, "\"no-such-command\": No such file"));
}

static void a_file_that_is_no_program_is_126_and_says_so(void **state) {
        Guest *guest = *state;
        char name[] = "/etc/passwd";

        start(guest, (char *[]) {name, NULL}, NULL, NULL);
        finish(guest);
        assert_int_equal(guest->status, 126);
        assert_non_null(strstr(guest->errors, "Permission denied"));
}

static void a_directory_that_does_not_exist_is_126_and_says_so(void **state) {
        Guest *guest = *state;
        char name[] = "true";

        start(guest, (char *[]) {name, NULL}, NULL, "/no/such/directory");
        finish(guest);
        assert_int_equal(guest->status, 126);
        assert_non_null(strstr(guest->errors, "/no/such/directory"));
}

static void the_callers_environment_goes_over_the_defaults(void **state) {
        Guest *guest = *state;
        char sh[] = "sh", option[] = "-c", script[] = "echo $HOME $LANG $COLOUR; pwd",
             home[] = "HOME=/tmp", colour[] = "COLOUR=blue";

        start(guest, (char *[]) {sh, option, script, NULL}, (char *[]) {home, colour, NULL},
              "/usr");
        finish(guest);
        assert_int_equal(guest->output_size, 23);
        assert_memory_equal(guest->output, "/tmp C.UTF-8 blue\n/usr\n", 23);
}

/* Sends as credit allows, and reads meanwhile. */
static void send_input(Guest *guest, const uint8_t *input, size_t size) {
        for (size_t sent = 0; sent < size;) {
                size_t n = size - sent;

                while (guest->credit == 0)
                        assert_true(hear(guest));
                n = n < guest->credit ? n : guest->credit;
                n = n < 4096 ? n : 4096;
                send_frame(guest, EXEC_STDIN, input + sent, n);
                guest->credit -= n;
                sent += n;
        }
        send_frame(guest, EXEC_STDIN, NULL, 0);
}

static void a_mebibyte_of_binary_data_comes_back_from_cat(void **state) {
        Guest *guest = *state;
        _cleanup_free_ uint8_t *input = malloc(MIB);
        uint32_t random = 1;

        assert_non_null(input);
        for (size_t i = 0; i < MIB; i++) {
                random = random * 1664525 + 1013904223;
                input[i] = (uint8_t) (random >> 24);
        }
        start_shell(guest, "cat");
        send_input(guest, input, MIB);
        finish(guest);
        assert_int_equal(guest->status, 0);
        assert_int_equal(guest->output_size, MIB);
        assert_memory_equal(guest->output, input, MIB);
}

static void a_signal_gets_through_to_a_command_that_does_not_read(void **state) {
        static const uint8_t input[4096];
        Guest *guest = *state;

        start_shell(guest, "echo $$; exec sleep 1000");
        (void) hear_pid(guest);
        for (size_t sent = 0; sent < EXEC_STDIN_CREDIT; sent += sizeof(input))
                send_frame(guest, EXEC_STDIN, input, sizeof(input));
        send_signal(guest, SIGTERM);
        finish(guest);
        assert_int_equal(guest->status, 128 + SIGTERM);
}

static void a_signal_goes_to_the_whole_group(void **state) {
        Guest *guest = *state;
        pid_t child;

        start_shell(guest, "sleep 1000 & echo $!; trap 'exit 9' INT; wait");
        child = hear_pid(guest);
        send_signal(guest, SIGTERM);
        finish(guest);
        assert_int_equal(guest->status, 128 + SIGTERM);
        expect_gone(child);
}

static void input_that_nobody_reads_is_credited_still(void **state) {
        static const uint8_t input[MIB];
        Guest *guest = *state;

        start_shell(guest, "exec <&-; echo $$; exec sleep 1000");
        (void) hear_pid(guest);
        send_input(guest, input, sizeof(input));
        send_signal(guest, SIGKILL);
        finish(guest);
        assert_int_equal(guest->status, 128 + SIGKILL);
}

static void all_output_comes_before_the_exit_status(void **state) {
        Guest *guest = *state;

        start_shell(guest, "head -c 300000 /dev/zero; head -c 1000 /dev/zero >&2; exit 3");
        finish(guest);
        assert_int_equal(guest->status, 3);
        assert_int_equal(guest->output_size, 300000);
        assert_int_equal(guest->errors_size, 1000);
}

/* The client reads nothing until the command has ended, so that some of it waits in the pipe. */
static void output_that_waits_when_the_command_ends_is_not_lost(void **state) {
        uint64_t deadline = patience();
        Guest *guest = *state;
        pid_t pid;

        start_shell(guest, "echo $$; exec head -c 120000 /dev/zero");
        pid = hear_pid(guest);
        while (kill(pid, 0) == 0 && clock_monotonic_usec() < deadline)
                (void) sched_yield();
        finish(guest);
        assert_int_equal(guest->status, 0);
        assert_int_equal(guest->output_size - strcspn((const char *) guest->output, "\n") - 1,
                         120000);
}

static void a_child_left_behind_does_not_hold_up_the_exit_status(void **state) {
        Guest *guest = *state;
        pid_t child;

        start_shell(guest, "sleep 1000 & echo $!; exit 5");
        finish(guest);
        child = hear_pid(guest);
        assert_int_equal(kill(child, 0), 0);
        (void) kill(child, SIGKILL);
        assert_int_equal(guest->status, 5);
}

static void a_client_that_leaves_hangs_the_command_up(void **state) {
        Guest *guest = *state;
        char path[] = "/tmp/banger-test-XXXXXX", script[128];
        int fd = mkstemp(path);
        pid_t pid;

        assert_true(fd >= 0);
        close_fd(fd);
        (void) snprintf(script, sizeof(script),
                        "trap 'rm %s; exit' HUP; echo $$; sleep 1000 & wait", path);
        start_shell(guest, script);
        pid = hear_pid(guest);
        guest->fd = close_fd(guest->fd);
        expect_gone(pid);
        assert_int_equal(unlink(path), -1);
}

static void a_command_that_ignores_the_hangup_is_killed(void **state) {
        Guest *guest = *state;
        pid_t pid;

        start_shell(guest, "trap '' HUP; echo $$; exec sleep 1000");
        pid = hear_pid(guest);
        guest->fd = close_fd(guest->fd);
        expect_gone(pid);
}

static void input_beyond_the_credit_ends_the_session(void **state) {
        static const uint8_t input[4096];
        Guest *guest = *state;
        pid_t pid;

        start_shell(guest, "echo $$; exec sleep 1000");
        pid = hear_pid(guest);
        for (size_t sent = 0; sent <= EXEC_STDIN_CREDIT; sent += sizeof(input))
                send_frame(guest, EXEC_STDIN, input, sizeof(input));
        /* What the pipe took is given back: more than one window may go before that. */
        while (guest->status < 0) {
                uint8_t header[EXEC_HEADER_SIZE];

                exec_header_write(EXEC_STDIN, sizeof(input), header);
                if (send(guest->fd, header, sizeof(header), MSG_NOSIGNAL) < 0 ||
                    send(guest->fd, input, sizeof(input), MSG_NOSIGNAL) < 0)
                        break;
        }
        assert_int_equal(guest->status, -1);
        expect_gone(pid);
}

static void an_impossible_signal_ends_the_session(void **state) {
        Guest *guest = *state;

        start_shell(guest, "exec sleep 1000");
        send_signal(guest, 0);
        finish(guest);
        assert_int_equal(guest->status, -1);
}

static void an_environment_without_values_is_refused(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        char bad[] = "NOVALUE", name[] = "true";
        GuestExec exec = {
                .command = (char *[]) {name, NULL},
                .environment = (char *[]) {bad, NULL},
        };
        VarlinkClient *client;
        Guest *guest = *state;

        /* Not even sent: the tables are the same on both sides. */
        assert_int_equal(varlink_client_new(steal_fd(&guest->fd), &client), 0);
        assert_int_equal(varlink_client_call(client, &interface_guest, "Exec", &exec, NULL, NULL, 0,
                                             NULL, patience(), &error), -EINVAL);
        varlink_client_free(client);
}

static void info_names_kernel_and_version(void **state) {
        GuestInfo info;

        assert_int_equal(call(*state, "Info", NULL, &info, NULL), 0);
        assert_true(strlen(info.kernel) > 0);
        assert_true(strlen(info.version) > 0);
        assert_false(info.is_init);
        schema_clear(&guest_info_schema, &info);
}

static void stop_is_answered_before_it_begins(void **state) {
        const GuestStop stop = {.timeout_ms = 3000};
        Guest *guest = *state;
        int status;

        assert_int_equal(call(guest, "Stop", &stop, NULL, NULL), 0);
        assert_int_equal(waitpid(guest->pid, &status, 0), guest->pid);
        guest->pid = -1;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), STATUS_STOPPED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_exit_status_is_passed_on),
                TEST(a_command_ended_by_a_signal_gives_128_and_its_number),
                TEST(output_and_errors_are_kept_apart),
                TEST(a_command_that_does_not_exist_is_127_and_says_so),
                TEST(a_file_that_is_no_program_is_126_and_says_so),
                TEST(a_directory_that_does_not_exist_is_126_and_says_so),
                TEST(the_callers_environment_goes_over_the_defaults),
                TEST(a_mebibyte_of_binary_data_comes_back_from_cat),
                TEST(a_signal_gets_through_to_a_command_that_does_not_read),
                TEST(a_signal_goes_to_the_whole_group),
                TEST(input_that_nobody_reads_is_credited_still),
                TEST(all_output_comes_before_the_exit_status),
                TEST(output_that_waits_when_the_command_ends_is_not_lost),
                TEST(a_child_left_behind_does_not_hold_up_the_exit_status),
                TEST(a_client_that_leaves_hangs_the_command_up),
                TEST(a_command_that_ignores_the_hangup_is_killed),
                TEST(input_beyond_the_credit_ends_the_session),
                TEST(an_impossible_signal_ends_the_session),
                TEST(an_environment_without_values_is_refused),
                TEST(info_names_kernel_and_version),
                TEST(stop_is_answered_before_it_begins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
