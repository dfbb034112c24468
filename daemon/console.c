#include "daemon/console.h"

#include <errno.h>
#include <sys/epoll.h>

#include "common/io.h"

/* Of reads at one go: a guest that never stops talking must not stop the loop. */
#define DRAIN_READS_MAX 64

struct Console {
        ConsoleConfig config;
        int pty_fd, log_fd;
        sd_event_source *pty_source, *log_source;
        Rings rings;
};

/* 1 for more, 0 for the end of the stream. */
static int take(int fd, Ring *ring) {
        ssize_t n = ring_read(ring, fd);

        if (n == -EAGAIN || n == -EINTR)
                return 1;
        /* A pty whose far end is closed says EIO. */
        return n > 0;
}

static int on_serial(sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        Console *console = userdata;

        if (take(fd, &console->rings.serial) == 0)
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        console->config.said(console->config.userdata);
        return 0;
}

/* May free the console. */
static int on_log(sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        Console *console = userdata;

        if (take(fd, &console->rings.log) > 0)
                return 0;
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        console->config.ended(console->config.userdata);
        return 0;
}

static int console_watch(Console *console, sd_event *event) {
        int r;

        r = io_set_nonblock(console->pty_fd);
        if (r >= 0)
                r = io_set_nonblock(console->log_fd);
        if (r >= 0)
                r = sd_event_add_io(event, &console->pty_source, console->pty_fd, EPOLLIN,
                                    on_serial, console);
        if (r >= 0)
                r = sd_event_add_io(event, &console->log_source, console->log_fd, EPOLLIN, on_log,
                                    console);
        /* What the guest said last is read before its end is told. */
        if (r >= 0)
                r = sd_event_source_set_priority(console->log_source, SD_EVENT_PRIORITY_IDLE);
        return r;
}

int console_new(sd_event *event, int pty_fd, int log_fd, Rings *rings, const ConsoleConfig *config,
                Console **ret) {
        Console *console = calloc(1, sizeof(*console));
        int r;

        if (!console) {
                close_fd(pty_fd);
                close_fd(log_fd);
                rings_close(rings);
                return -ENOMEM;
        }
        console->config = *config;
        console->pty_fd = pty_fd;
        console->log_fd = log_fd;
        console->rings = steal_struct(*rings, RINGS_INIT);
        r = console_watch(console, event);
        if (r < 0) {
                console_free(console);
                return r;
        }
        *ret = console;
        return 0;
}

Console *console_free(Console *console) {
        if (!console)
                return NULL;
        sd_event_source_disable_unref(console->pty_source);
        sd_event_source_disable_unref(console->log_source);
        close_fd(console->pty_fd);
        close_fd(console->log_fd);
        rings_close(&console->rings);
        free(console);
        return NULL;
}

void console_drain(Console *console) {
        for (size_t i = 0; i < DRAIN_READS_MAX; i++)
                if (ring_read(&console->rings.serial, console->pty_fd) <= 0)
                        break;
        for (size_t i = 0; i < DRAIN_READS_MAX; i++)
                if (ring_read(&console->rings.log, console->log_fd) <= 0)
                        break;
}

const Ring *console_serial(const Console *console) {
        return &console->rings.serial;
}

const Ring *console_log(const Console *console) {
        return &console->rings.log;
}
