#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/apart.h"
#include "common/clock.h"
#include "common/io.h"

/* One write, which a pipe takes whole. */
typedef struct Verdict {
        int r;
        ErrorKind kind;
        char message[1024], hint[256];
} Verdict;
_Static_assert(sizeof(Verdict) <= PIPE_BUF, "a pipe takes it at once");

/* Or whoever reads what we print would wait for the end of the child too. */
static void leave_terminal(void) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int i = STDIN_FILENO; fd >= 0 && i <= STDERR_FILENO; i++)
                (void) dup2(fd, i);
}

static void work_apart(ApartWork work, void *argument, int pipe_fd) {
        _cleanup_error_ Error error = ERROR_INIT;
        Verdict verdict = {.r = 0};

        leave_terminal();
        verdict.r = work(argument, &error);
        verdict.kind = error.kind;
        (void) snprintf(verdict.message, sizeof(verdict.message), "%s",
                        error.message ? error.message : "");
        (void) snprintf(verdict.hint, sizeof(verdict.hint), "%s", error.hint ? error.hint : "");
        (void) io_write_full(pipe_fd, &verdict, sizeof(verdict));
}

static int await_verdict(int pipe_fd, uint64_t deadline_usec, Verdict *ret) {
        struct pollfd item = {.fd = pipe_fd, .events = POLLIN};
        int r;

        do {
                r = poll(&item, 1, clock_poll_timeout(deadline_usec));
        } while (r < 0 && errno == EINTR);
        if (r <= 0)
                return r < 0 ? -errno : -ETIMEDOUT;
        return io_read_full(pipe_fd, ret, sizeof(*ret));
}

int apart_run(ApartWork work, void *argument, uint64_t deadline_usec, Error *reterr) {
        _cleanup_close_ int reader = -1, writer = -1;
        Verdict verdict = {.r = 0};
        int fds[2], r;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(reterr, errno, "cannot make a pipe");
        reader = fds[0];
        writer = fds[1];
        pid = fork();
        if (pid < 0)
                return error_set_errno(reterr, errno, "cannot make a process");
        if (pid == 0) {
                work_apart(work, argument, writer);
                _exit(EXIT_SUCCESS);
        }
        close_fd(steal_fd(&writer));
        r = await_verdict(reader, deadline_usec, &verdict);
        if (r < 0) {
                (void) kill(pid, SIGKILL);
                return error_set_errno(reterr, -r, "it does not come to an end");
        }
        (void) waitpid(pid, NULL, 0);
        if (verdict.r < 0 && verdict.message[0] != '\0')
                (void) error_set(reterr, verdict.kind, -verdict.r, "%s", verdict.message);
        return verdict.hint[0] == '\0' ? verdict.r
                                       : error_set_hint(reterr, verdict.r, "%s", verdict.hint);
}
