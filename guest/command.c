#include "guest/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/io.h"
#include "common/strings.h"

typedef struct Pipe {
        int reader, writer;
} Pipe;

#define PIPE_INIT ((Pipe) {.reader = -1, .writer = -1})
#define _cleanup_pipe_ _cleanup_(pipe_close)

static const char *const defaults[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "USER=root",
        "LOGNAME=root",
        "TERM=xterm",
        "LANG=C.UTF-8",
};

static void pipe_close(Pipe *pipe) {
        close_fd(pipe->reader);
        close_fd(pipe->writer);
        *pipe = PIPE_INIT;
}

static int pipe_open(Pipe *ret) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        *ret = (Pipe) {.reader = ends[0], .writer = ends[1]};
        return 0;
}

static bool same_key(const char *a, const char *b) {
        size_t length = strcspn(a, "=");

        return strcspn(b, "=") == length && strncmp(a, b, length) == 0;
}

static int environment_set(char ***environment, const char *assignment) {
        for (char **at = *environment; at && *at; at++) {
                char *copy;

                if (!same_key(*at, assignment))
                        continue;
                copy = strdup(assignment);
                if (!copy)
                        return -ENOMEM;
                free(*at);
                *at = copy;
                return 0;
        }
        return strv_append(environment, assignment);
}

char **command_environment(char *const *wanted) {
        _cleanup_strv_ char **environment = NULL;

        for (size_t i = 0; i < ELEMENTSOF(defaults); i++)
                if (strv_append(&environment, defaults[i]) < 0)
                        return NULL;
        for (size_t i = 0; wanted && wanted[i]; i++)
                if (environment_set(&environment, wanted[i]) < 0)
                        return NULL;
        return steal_ptr(environment);
}

static const char *environment_get(char *const *environment, const char *key) {
        for (size_t i = 0; environment[i]; i++)
                if (same_key(environment[i], key))
                        return environment[i] + strlen(key) + 1;
        return NULL;
}

/* What the shell does: a directory that has it not is passed over, one that has it but may not run
 * it is remembered. Returns the errno of the failure. */
static int execute_in_path(char *const *command, char *const *environment) {
        const char *path = environment_get(environment, "PATH");
        int failure = ENOENT;

        if (strchr(command[0], '/')) {
                (void) execve(command[0], command, environment);
                return errno;
        }
        while (path && *path) {
                size_t length = strcspn(path, ":");
                _cleanup_free_ char *file = string_format("%.*s/%s", (int) length,
                                                          length > 0 ? path : ".", command[0]);

                if (!file)
                        return ENOMEM;
                (void) execve(file, command, environment);
                if (errno == EACCES)
                        failure = EACCES;
                else if (errno != ENOENT && errno != ENOTDIR)
                        return errno;
                path += length;
                path += *path == ':';
        }
        return failure;
}

static void reset_signals(void) {
        sigset_t none;

        for (int number = 1; number < NSIG; number++)
                (void) signal(number, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static int enter_directory(const GuestExec *exec) {
        if (exec->directory)
                return chdir(exec->directory) < 0 ? -errno : 0;
        return chdir("/root") < 0 && chdir("/") < 0 ? -errno : 0;
}

static _Noreturn void command_main(const GuestExec *exec, int input, int output, int errors) {
        _cleanup_strv_ char **environment = command_environment(exec->environment);
        int failure, r;

        /* Its own session: signals of the host go to all that it starts, and to nothing else. */
        (void) setsid();
        reset_signals();
        if (!environment || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
            dup2(errors, STDERR_FILENO) < 0)
                _exit(COMMAND_NOT_EXECUTABLE);
        r = enter_directory(exec);
        if (r < 0) {
                dprintf(STDERR_FILENO, "banger: cannot enter \"%s\": %s\n",
                        exec->directory ? exec->directory : "/", strerror(-r));
                _exit(COMMAND_NOT_EXECUTABLE);
        }
        failure = execute_in_path(exec->command, environment);
        dprintf(STDERR_FILENO, "banger: cannot run \"%s\": %s\n", exec->command[0],
                strerror(failure));
        _exit(failure == ENOENT || failure == ENOTDIR ? COMMAND_NOT_FOUND
                                                      : COMMAND_NOT_EXECUTABLE);
}

/* Until the child has called execve(2), or has ended: what is sent to its group from then on
 * arrives there. */
static void wait_begun(Pipe *begun) {
        char byte;

        begun->writer = close_fd(begun->writer);
        while (read(begun->reader, &byte, 1) < 0 && errno == EINTR)
                continue;
}

int command_start(const GuestExec *exec, Command *ret) {
        _cleanup_pipe_ Pipe input = PIPE_INIT, output = PIPE_INIT, errors = PIPE_INIT,
                            begun = PIPE_INIT;
        Command command = COMMAND_INIT;
        int r;

        r = pipe_open(&input);
        if (r >= 0)
                r = pipe_open(&output);
        if (r >= 0)
                r = pipe_open(&errors);
        if (r >= 0)
                r = pipe_open(&begun);
        if (r >= 0)
                r = io_set_nonblock(input.writer);
        if (r >= 0)
                r = io_set_nonblock(output.reader);
        if (r >= 0)
                r = io_set_nonblock(errors.reader);
        if (r < 0)
                return r;
        command.pid = fork();
        if (command.pid < 0)
                return -errno;
        if (command.pid == 0)
                command_main(exec, input.reader, output.writer, errors.writer);
        wait_begun(&begun);
        command.pidfd = pidfd_open(command.pid, 0);
        if (command.pidfd < 0) {
                r = -errno;
                command_signal(&command, SIGKILL);
                (void) waitpid(command.pid, NULL, 0);
                return r;
        }
        command.input = steal_fd(&input.writer);
        command.output = steal_fd(&output.reader);
        command.errors = steal_fd(&errors.reader);
        *ret = command;
        return 0;
}

int command_reap(Command *command) {
        int status = 0;
        pid_t pid;

        do {
                pid = waitpid(command->pid, &status, 0);
        } while (pid < 0 && errno == EINTR);
        command->pid = -1;
        command->pidfd = close_fd(command->pidfd);
        if (pid < 0)
                return COMMAND_NOT_EXECUTABLE;
        return WIFSIGNALED(status) ? COMMAND_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

void command_signal(const Command *command, int signal_number) {
        if (command->pid > 0)
                (void) kill(-command->pid, signal_number);
}

void command_close(Command *command) {
        close_fd(command->pidfd);
        close_fd(command->input);
        close_fd(command->output);
        close_fd(command->errors);
        *command = COMMAND_INIT;
}
