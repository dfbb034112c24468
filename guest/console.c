#include "guest/console.h"

#include <fcntl.h>
#include <stdarg.h>

static int open_first(const char *path, int flags) {
        int fd = open(path, flags | O_CLOEXEC | O_NOCTTY);

        return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void set_streams(int input, int output) {
        if (input >= 0)
                (void) dup2(input, STDIN_FILENO);
        if (output >= 0) {
                (void) dup2(output, STDOUT_FILENO);
                (void) dup2(output, STDERR_FILENO);
        }
        if (input > STDERR_FILENO)
                close_fd(input);
        if (output > STDERR_FILENO && output != input)
                close_fd(output);
}

void console_open(void) {
        int fd = open_first("/dev/console", O_RDWR);

        set_streams(fd, fd);
}

void console_open_log(void) {
        set_streams(open_first("/dev/null", O_RDWR), open_first("/dev/kmsg", O_WRONLY));
}

void console_print(const char *format, ...) {
        char line[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(line, sizeof(line), format, arguments);
        va_end(arguments);
        /* One write a line: the kernel's log makes a record of each. */
        (void) dprintf(STDERR_FILENO, "banger-guest: %s\n", line);
}

void console_error(const char *context, const Error *error) {
        console_print("%s: %s", context, error->message ? error->message : "failed");
}
