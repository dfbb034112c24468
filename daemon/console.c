#include "daemon/console.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/io.h"

#define SERIAL_SIZE 65536
#define LOG_SIZE 16384
#define READ_SIZE 4096

struct Console {
        ConsoleConfig config;
        int pty_fd, log_fd;
        sd_event_source *pty_source, *log_source;
        Ring serial, log;
};

int ring_new(size_t size, Ring *ret) {
        char *bytes = malloc(size);

        if (!bytes)
                return -ENOMEM;
        *ret = (Ring) {.bytes = bytes, .size = size};
        return 0;
}

void ring_clear(Ring *ring) {
        free(ring->bytes);
        *ring = (Ring) {};
}

void ring_add(Ring *ring, const char *bytes, size_t size) {
        if (size > ring->size) {
                bytes += size - ring->size;
                size = ring->size;
        }
        for (size_t i = 0; i < size; i++) {
                ring->bytes[(ring->start + ring->used) % ring->size] = bytes[i];
                if (ring->used < ring->size)
                        ring->used++;
                else
                        ring->start = (ring->start + 1) % ring->size;
        }
}

static char ring_at(const Ring *ring, size_t i) {
        return ring->bytes[(ring->start + i) % ring->size];
}

/* Where the last n_lines begin; white space at the end does not count. */
static size_t tail_begin(const Ring *ring, size_t n_lines, size_t end) {
        size_t i = end;

        while (i > 0) {
                if (ring_at(ring, i - 1) == '\n' && --n_lines == 0)
                        break;
                i--;
        }
        return i;
}

char *ring_tail(const Ring *ring, size_t n_lines, size_t max) {
        char *text = malloc(ring->used * 3 + 1);
        size_t end = ring->used, length = 0;

        if (!text)
                return NULL;
        while (end > 0 && strchr("\r\n ", ring_at(ring, end - 1)))
                end--;
        for (size_t i = tail_begin(ring, n_lines, end); i < end; i++) {
                char c = ring_at(ring, i);

                if (c == '\n') {
                        memcpy(text + length, " | ", 3);
                        length += 3;
                } else if (c >= ' ' && c < 0x7f)
                        text[length++] = c;
        }
        text[length] = '\0';
        if (length > max)
                memmove(text, text + (length - max), max + 1);
        return text;
}

/* 1 for more, 0 for the end of the stream. */
static int drain(int fd, Ring *ring) {
        char buffer[READ_SIZE];
        ssize_t n = read(fd, buffer, sizeof(buffer));

        if (n > 0)
                ring_add(ring, buffer, (size_t) n);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 1;
        /* A pty whose far end is closed says EIO. */
        return n > 0;
}

static int on_serial(sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        Console *console = userdata;

        return drain(fd, &console->serial) > 0
                       ? 0
                       : sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* May free the console. */
static int on_log(sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        Console *console = userdata;

        if (drain(fd, &console->log) > 0)
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
                r = ring_new(SERIAL_SIZE, &console->serial);
        if (r >= 0)
                r = ring_new(LOG_SIZE, &console->log);
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

int console_new(sd_event *event, int pty_fd, int log_fd, const ConsoleConfig *config,
                Console **ret) {
        Console *console = calloc(1, sizeof(*console));
        int r;

        if (!console) {
                close_fd(pty_fd);
                close_fd(log_fd);
                return -ENOMEM;
        }
        console->config = *config;
        console->pty_fd = pty_fd;
        console->log_fd = log_fd;
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
        ring_clear(&console->serial);
        ring_clear(&console->log);
        free(console);
        return NULL;
}

const Ring *console_serial(const Console *console) {
        return &console->serial;
}

const Ring *console_log(const Console *console) {
        return &console->log;
}
