#pragma once
/* The console on a bare pty: what it sends, how it leaves the terminal, how it ends. */
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "tests/unit/tui/screen.h"

#define PTY_OUTPUT_MAX (8u << 20)

typedef struct Pty {
        pid_t pid;
        int fd;
        struct termios before;
        char *output;
        size_t size;
} Pty;

/* In script, "$@" is the console. */
static inline Pty pty_open_below(const Screen *screen, unsigned short width, unsigned short height,
                                 const char *environment, uid_t uid, const char *script) {
        struct winsize size = {.ws_row = height, .ws_col = width};
        Pty pty = {.output = calloc(1, PTY_OUTPUT_MAX)};
        int ready[2];
        char byte = 0;

        assert_non_null(pty.output);
        assert_int_equal(pipe(ready), 0);
        pty.pid = forkpty(&pty.fd, NULL, NULL, &size);
        assert_true(pty.pid >= 0);
        if (pty.pid == 0) {
                const char *value = environment ? strchr(environment, '=') : NULL;
                /* Opened here, for uid may have no way to where the build is. */
                int program = open(screen->program, O_PATH | O_CLOEXEC);
                char *const arguments[] = {strdup(screen->program), strdup("--console"),
                                           strdup(screen->dir), NULL};

                (void) setenv("TERM", "xterm-256color", 1);
                (void) setenv("LC_ALL", "C.UTF-8", 1);
                if (value)
                        (void) putenv(strdup(environment));
                /* Not before the terminal's settings were looked at. */
                if (read(ready[0], &byte, 1) != 1)
                        _exit(90);
                close(ready[0]);
                close(ready[1]);
                if (uid != 0 && setuid(uid) < 0)
                        _exit(91);
                if (script)
                        (void) execlp("bash", "bash", "-mc", script, "bash", screen->program,
                                      "--console", screen->dir, (char *) NULL);
                else
                        (void) fexecve(program, arguments, environ);
                _exit(92);
        }
        assert_int_equal(tcgetattr(pty.fd, &pty.before), 0);
        assert_int_equal(write(ready[1], &byte, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pty;
}

/* The session's first process: nobody could make it go on after a stop. environment: "NAME=VALUE",
 * or NULL. */
static inline Pty pty_open(const Screen *screen, unsigned short width, unsigned short height,
                           const char *environment, uid_t uid) {
        return pty_open_below(screen, width, height, environment, uid, NULL);
}

/* A job of a shell's, which says when it stops and ends, and takes it up again after a line. */
static inline Pty pty_open_job(const Screen *screen, unsigned short width, unsigned short height) {
        return pty_open_below(screen, width, height, NULL, 0,
                              "\"$@\"; echo \"job: $?\"; read -r line; "
                              "fg >/dev/null; echo \"job ended: $?\"");
}

static inline void pty_close(Pty *pty) {
        if (pty->pid > 0) {
                (void) kill(pty->pid, SIGKILL);
                (void) waitpid(pty->pid, NULL, 0);
        }
        close_fd(pty->fd);
        free(pty->output);
}

/* Takes what comes within that time; false at the end of it all. */
static inline bool pty_read(Pty *pty, int timeout_ms) {
        struct pollfd item = {.fd = pty->fd, .events = POLLIN};
        ssize_t n;

        if (poll(&item, 1, timeout_ms) <= 0)
                return true;
        assert_true(pty->size < PTY_OUTPUT_MAX - 1);
        n = read(pty->fd, pty->output + pty->size, PTY_OUTPUT_MAX - 1 - pty->size);
        if (n <= 0)
                return false;
        pty->size += (size_t) n;
        return true;
}

/* Waits for a word in what was sent from `from` on. */
static inline void pty_expect(Pty *pty, size_t from, const char *wanted) {
        uint64_t until = clock_monotonic_usec() + SCREEN_PATIENCE_USEC;

        while (!memmem(pty->output + from, pty->size - from, wanted, strlen(wanted))) {
                if (!pty_read(pty, 100) || clock_monotonic_usec() > until)
                        fail_msg("never sent: %s; but:\n%s", wanted, pty->output + from);
        }
}

static inline void pty_type(const Pty *pty, const char *keys) {
        assert_int_equal(write(pty->fd, keys, strlen(keys)), strlen(keys));
}

/* Waits for its end, reading on; the status of waitpid(). */
static inline int pty_wait(Pty *pty, bool reading) {
        uint64_t until = clock_monotonic_usec() + SCREEN_PATIENCE_USEC;
        int status;

        while (waitpid(pty->pid, &status, WNOHANG) == 0) {
                if (clock_monotonic_usec() > until)
                        fail_msg("it does not end");
                if (reading)
                        (void) pty_read(pty, 20);
                else
                        (void) usleep(10000);
        }
        pty->pid = 0;
        while (reading && pty_read(pty, 0) && poll(&(struct pollfd) {pty->fd, POLLIN, 0}, 1, 0) > 0)
                continue;
        return status;
}

/* As it was before: the settings, the cursor, the screen. */
static inline void pty_assert_restored(const Pty *pty) {
        struct termios after;

        assert_int_equal(tcgetattr(pty->fd, &after), 0);
        assert_int_equal(after.c_lflag, pty->before.c_lflag);
        assert_int_equal(after.c_iflag, pty->before.c_iflag);
        assert_int_equal(after.c_oflag, pty->before.c_oflag);
        assert_non_null(memmem(pty->output, pty->size, "\033[?1049l", 8));
}
