#include "tui/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_NOT_FOUND 127

/* A child begins with the signals of a fresh process. */
static void reset_signals(void) {
        const struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int number = 1; number < NSIG; number++)
                (void) sigaction(number, &action, NULL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(char *const *argv) {
        reset_signals();
        (void) execvp(argv[0], argv);
        (void) dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerrordesc_np(errno));
        _exit(STATUS_NOT_FOUND);
}

static void wait_for_return(void) {
        char byte = 0;

        (void) dprintf(STDOUT_FILENO, "\nPress Enter to go back to the console. ");
        while (byte != '\n') {
                ssize_t n = read(STDIN_FILENO, &byte, 1);

                if (n == 0 || (n < 0 && errno != EINTR))
                        return;
        }
}

static void mask_stop(int how) {
        sigset_t stop;

        (void) sigemptyset(&stop);
        (void) sigaddset(&stop, SIGTSTP);
        (void) sigprocmask(how, &stop, NULL);
}

void shell_stop(void) {
        (void) kill(getpid(), SIGTSTP);
        /* Comes here, together with one that waited; what would wait still goes with SIGCONT. */
        mask_stop(SIG_UNBLOCK);
        mask_stop(SIG_BLOCK);
}

/* A stop that nobody looks at any more. */
static void forget_stop(void) {
        const struct sigaction ignore = {.sa_handler = SIG_IGN};
        struct sigaction before;

        (void) sigaction(SIGTSTP, &ignore, &before);
        (void) sigaction(SIGTSTP, &before, NULL);
}

/* To its end: the status of waitpid(). A child that stops, by ^Z or by itself, stops its job, which
 * is us: whoever makes us go on wants it to go on. */
static int wait_for_child(pid_t pid) {
        int status = 0;

        for (;;) {
                if (waitpid(pid, &status, WUNTRACED) < 0) {
                        if (errno != EINTR)
                                return status;
                } else if (!WIFSTOPPED(status))
                        return status;
                else {
                        shell_stop();
                        /* Allowed for any process of the session: credentials(7), kill(2). */
                        (void) kill(pid, SIGCONT);
                }
        }
}

int shell_run(char *const *argv, int *ret_status, Error *reterr) {
        const struct sigaction ignore = {.sa_handler = SIG_IGN};
        struct sigaction interrupt, quit;
        int status = 0;
        pid_t pid;

        if (!argv[0])
                return error_set(reterr, ERROR_FAILED, EINVAL, "there is no command");
        (void) dprintf(STDOUT_FILENO, "$");
        for (size_t i = 0; argv[i]; i++)
                (void) dprintf(STDOUT_FILENO, " %s", argv[i]);
        (void) dprintf(STDOUT_FILENO, "\n");
        /* As system(3): what is typed against the command is not for us. */
        (void) sigaction(SIGINT, &ignore, &interrupt);
        (void) sigaction(SIGQUIT, &ignore, &quit);
        pid = fork();
        if (pid == 0)
                run_child(argv);
        if (pid < 0)
                error_set_errno(reterr, errno, "cannot run %s", argv[0]);
        if (pid > 0) {
                status = wait_for_child(pid);
                /* It may have answered the ^Z that came to both of us. */
                forget_stop();
                mask_stop(SIG_UNBLOCK);
                wait_for_return();
                mask_stop(SIG_BLOCK);
        }
        (void) sigaction(SIGINT, &interrupt, NULL);
        (void) sigaction(SIGQUIT, &quit, NULL);
        if (pid < 0)
                return -EAGAIN;
        *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        return 0;
}

int shell_start(char *const *argv, pid_t *ret_pid, int *ret_fd, Error *reterr) {
        _cleanup_close_ int in = -1, out = -1;
        int null, fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(reterr, errno, "cannot run %s", argv[0]);
        in = fds[0];
        out = fds[1];
        if (fcntl(in, F_SETFL, O_NONBLOCK) < 0)
                return error_set_errno(reterr, errno, "cannot run %s", argv[0]);
        pid = fork();
        if (pid < 0)
                return error_set_errno(reterr, errno, "cannot run %s", argv[0]);
        if (pid == 0) {
                /* Not on our terminal: neither what it says nor what it asks. */
                null = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
                    dup2(null, STDERR_FILENO) < 0)
                        _exit(STATUS_NOT_FOUND);
                run_child(argv);
        }
        *ret_pid = pid;
        *ret_fd = steal_fd(&in);
        return 0;
}
