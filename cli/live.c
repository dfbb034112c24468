#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/live.h"
#include "common/text.h"

#define WIDTH_UNKNOWN 80

Live live_start(const CommandContext *context) {
        int fd = fileno(context->err);

        return (Live) {
                .out = context->err,
                .on = !context->json && fd >= 0 && isatty(fd),
        };
}

size_t live_width(const Live *live) {
        struct winsize size;

        if (ioctl(fileno(live->out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return WIDTH_UNKNOWN;
        return size.ws_col;
}

void live_write(Live *live, const char *text) {
        _cleanup_free_ char *escaped = live->on ? text_escape(text, ESCAPE_TEXT) : NULL;
        /* In the last column the cursor may go on to the next line, where nothing erases ours. */
        _cleanup_free_ char *line = escaped ? text_cut(escaped, live_width(live) - 1) : NULL;

        if (!line)
                return;
        /* To the line's beginning, and erase it (ECMA-48 EL). */
        fprintf(live->out, "\r\033[K%s", line);
        fflush(live->out);
        live->written = true;
}

void live_keep(Live *live) {
        if (live->written)
                fputc('\n', live->out);
        live->written = false;
}

void live_wipe(Live *live) {
        if (live->written)
                fputs("\r\033[K", live->out);
        live->written = false;
}
