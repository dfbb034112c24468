/* The client's side of an exec against an agent that follows a script: what it must hear, and what
 * it says. The real agent is tested in tests/unit/guest/test-exec.c by the same frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cli/exec-session.h"
#include "common/exec-frame.h"
#include "common/io.h"

#define REPLY "{\"parameters\":{}}"

typedef enum StepKind {
        STEP_END,
        STEP_SAY,    /* type and payload */
        STEP_HEAR,   /* exactly this frame */
        STEP_HEAR_STDIN, /* data frames of `size` bytes in all */
        STEP_RAISE,  /* the signal payload[0], at the client */
} StepKind;

typedef struct Step {
        StepKind kind;
        ExecFrameType type;
        const void *payload;
        size_t size;
} Step;

typedef struct Fixture {
        int input, output, errors;
        int status;
        Error error;
} Fixture;

static int file_with(const void *bytes, size_t size) {
        int fd = memfd_create("stream", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(io_write_full(fd, bytes, size), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        fixture->input = file_with("", 0);
        fixture->output = file_with("", 0);
        fixture->errors = file_with("", 0);
        fixture->status = -1;
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        close_fd(fixture->input);
        close_fd(fixture->output);
        close_fd(fixture->errors);
        error_clear(&fixture->error);
        free(fixture);
        return 0;
}

/* In the agent's process a wrong turn is an exit status: 1 and up, the number of the step. */
static void agent_hear_call(int fd) {
        char byte;

        do {
                if (io_read_full(fd, &byte, 1) < 0)
                        _exit(100);
        } while (byte != '\0');
}

static size_t agent_hear(int fd, ExecFrameType type, uint8_t *payload, int step) {
        uint8_t header[EXEC_HEADER_SIZE];
        uint32_t size;

        if (io_read_full(fd, header, sizeof(header)) < 0 || header[0] != type)
                _exit(step);
        memcpy(&size, header + 4, sizeof(size));
        if (size > EXEC_PAYLOAD_MAX || io_read_full(fd, payload, size) < 0)
                _exit(step);
        return size;
}

static void agent_step(int fd, const Step *step, int number) {
        static uint8_t payload[EXEC_PAYLOAD_MAX];
        uint8_t header[EXEC_HEADER_SIZE];
        size_t heard = 0;

        switch (step->kind) {
        case STEP_SAY:
                exec_header_write(step->type, step->size, header);
                if (io_write_full(fd, header, sizeof(header)) < 0 ||
                    io_write_full(fd, step->payload, step->size) < 0)
                        _exit(number);
                break;
        case STEP_HEAR:
                if (agent_hear(fd, step->type, payload, number) != step->size ||
                    (step->size > 0 && memcmp(payload, step->payload, step->size) != 0))
                        _exit(number);
                break;
        case STEP_HEAR_STDIN:
                while (heard < step->size)
                        heard += agent_hear(fd, EXEC_STDIN, payload, number);
                if (heard != step->size)
                        _exit(number);
                break;
        case STEP_RAISE:
                (void) kill(getppid(), *(const uint8_t *) step->payload);
                break;
        case STEP_END:
        default:
                break;
        }
}

static _Noreturn void agent_main(int fd, const char *reply, const Step *steps) {
        int number = 1;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGPIPE, SIG_IGN);
        agent_hear_call(fd);
        if (io_write_full(fd, reply, strlen(reply) + 1) < 0)
                _exit(101);
        for (; steps->kind != STEP_END; steps++, number++)
                agent_step(fd, steps, number);
        _exit(0);
}

/* Runs both sides; the agent must have come to the end of its script. */
static int run_reply(Fixture *fixture, const char *reply, const Step *steps) {
        char name[] = "command";
        const GuestExec exec = {.command = (char *[]) {name, NULL}};
        const ExecStreams streams = {fixture->input, fixture->output, fixture->errors};
        int pair[2], agent_status, r;
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close_fd(pair[0]);
                agent_main(pair[1], reply, steps);
        }
        close_fd(pair[1]);
        r = exec_session_run_streams(pair[0], &exec, &streams, &fixture->status, &fixture->error);
        assert_int_equal(waitpid(pid, &agent_status, 0), pid);
        assert_int_equal(agent_status, 0);
        return r;
}

static int run(Fixture *fixture, const Step *steps) {
        return run_reply(fixture, REPLY, steps);
}

static void expect_written(int fd, const char *wanted) {
        char text[256];
        ssize_t n = pread(fd, text, sizeof(text), 0);

        assert_int_equal(n, strlen(wanted));
        assert_memory_equal(text, wanted, strlen(wanted));
}

static void streams_and_status_arrive(void **state) {
        static const uint8_t status = 42;
        static const Step steps[] = {
                {STEP_SAY, EXEC_STDOUT, "out", 3},
                {STEP_SAY, EXEC_STDERR, "err", 3},
                {STEP_SAY, EXEC_STDOUT, "put", 3},
                {STEP_SAY, EXEC_STDOUT, "", 0},
                {STEP_SAY, EXEC_STDERR, "", 0},
                {STEP_HEAR, EXEC_STDIN, "", 0},
                {STEP_SAY, EXEC_EXIT, &status, 1},
                {},
        };
        Fixture *fixture = *state;

        assert_int_equal(run(fixture, steps), 0);
        assert_int_equal(fixture->status, 42);
        expect_written(fixture->output, "output");
        expect_written(fixture->errors, "err");
}

static void input_ends_with_an_empty_frame(void **state) {
        static const uint8_t status = 0;
        static const Step steps[] = {
                {STEP_HEAR, EXEC_STDIN, "hello", 5},
                {STEP_HEAR, EXEC_STDIN, "", 0},
                {STEP_SAY, EXEC_EXIT, &status, 1},
                {},
        };
        Fixture *fixture = *state;

        close_fd(fixture->input);
        fixture->input = file_with("hello", 5);
        assert_int_equal(run(fixture, steps), 0);
        assert_int_equal(fixture->status, 0);
}

/* With the window used up the next frame that comes is the signal, not input. */
static void input_waits_for_credit_and_a_signal_does_not(void **state) {
        static const uint8_t data[EXEC_STDIN_CREDIT + 1000], number = SIGUSR1, status = 138;
        static const uint8_t credit[] = {0xe8, 0x03, 0, 0};
        static const Step steps[] = {
                {STEP_HEAR_STDIN, EXEC_STDIN, NULL, EXEC_STDIN_CREDIT},
                {STEP_RAISE, EXEC_SIGNAL, &number, 1},
                {STEP_HEAR, EXEC_SIGNAL, &number, 1},
                {STEP_SAY, EXEC_CREDIT, credit, sizeof(credit)},
                {STEP_HEAR_STDIN, EXEC_STDIN, NULL, 1000},
                {STEP_SAY, EXEC_EXIT, &status, 1},
                {},
        };
        Fixture *fixture = *state;

        close_fd(fixture->input);
        fixture->input = file_with(data, sizeof(data));
        assert_int_equal(run(fixture, steps), 0);
        assert_int_equal(fixture->status, 138);
}

static void signals_are_this_processs_again_afterwards(void **state) {
        static const uint8_t status = 0;
        static const Step steps[] = {{STEP_SAY, EXEC_EXIT, &status, 1}, {}};
        sigset_t before, after;

        assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &before), 0);
        assert_int_equal(run(*state, steps), 0);
        assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
        assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}

static void a_guest_that_goes_away_is_an_error(void **state) {
        static const Step steps[] = {{STEP_SAY, EXEC_STDOUT, "half", 4}, {}};
        Fixture *fixture = *state;

        assert_int_equal(run(fixture, steps), -ECONNRESET);
        assert_int_equal(fixture->error.kind, ERROR_UNREACHABLE);
        assert_int_equal(fixture->status, -1);
        expect_written(fixture->output, "half");
}

static void a_reader_that_left_ends_it_as_pipe_would(void **state) {
        static const Step steps[] = {{STEP_SAY, EXEC_STDOUT, "more", 4}, {}};
        Fixture *fixture = *state;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        close_fd(fds[0]);
        close_fd(fixture->output);
        fixture->output = fds[1];
        assert_ptr_not_equal(signal(SIGPIPE, SIG_IGN), SIG_ERR);
        assert_int_equal(run(fixture, steps), 0);
        (void) signal(SIGPIPE, SIG_DFL);
        assert_int_equal(fixture->status, 128 + SIGPIPE);
}

static void a_frame_of_the_wrong_direction_is_refused(void **state) {
        static const Step steps[] = {{STEP_SAY, EXEC_STDIN, "x", 1}, {}};
        Fixture *fixture = *state;

        assert_int_equal(run(fixture, steps), -EPROTO);
        assert_int_equal(fixture->error.kind, ERROR_PROTOCOL);
}

static void more_credit_than_the_window_is_refused(void **state) {
        static const uint8_t credit[] = {1, 0, 0, 0};
        static const Step steps[] = {{STEP_SAY, EXEC_CREDIT, credit, sizeof(credit)}, {}};

        assert_int_equal(run(*state, steps), -EPROTO);
}

static void an_error_of_the_agent_is_passed_on(void **state) {
        static const Step steps[] = {{}};
        Fixture *fixture = *state;

        assert_int_equal(run_reply(fixture,
                                   "{\"error\":\"io.banger.Guest.Busy\",\"parameters\":"
                                   "{\"message\":\"too many sessions\"}}", steps),
                         -EBUSY);
        assert_int_equal(fixture->error.kind, ERROR_BUSY);
        assert_string_equal(fixture->error.message, "too many sessions");
}

static void output_that_cannot_be_written_is_an_error(void **state) {
        static const Step steps[] = {{STEP_SAY, EXEC_STDOUT, "x", 1}, {}};
        Fixture *fixture = *state;

        close_fd(fixture->output);
        fixture->output = open("/dev/full", O_WRONLY | O_CLOEXEC);
        assert_true(fixture->output >= 0);
        assert_int_equal(run(fixture, steps), -ENOSPC);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(streams_and_status_arrive),
                TEST(input_ends_with_an_empty_frame),
                TEST(input_waits_for_credit_and_a_signal_does_not),
                TEST(signals_are_this_processs_again_afterwards),
                TEST(a_guest_that_goes_away_is_an_error),
                TEST(a_reader_that_left_ends_it_as_pipe_would),
                TEST(a_frame_of_the_wrong_direction_is_refused),
                TEST(more_credit_than_the_window_is_refused),
                TEST(an_error_of_the_agent_is_passed_on),
                TEST(output_that_cannot_be_written_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
