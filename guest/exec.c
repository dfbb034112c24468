#include "guest/exec.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/exec-frame.h"
#include "guest/command.h"

#define HANGUP_USEC (2 * USEC_PER_SEC) /* from SIGHUP to SIGKILL */
#define GOODBYE_USEC (5 * USEC_PER_SEC)
#define DATA_FRAME (EXEC_HEADER_SIZE + EXEC_PAYLOAD_MAX)
/* Credit is told in pieces of this, or when there is nothing left to write. */
#define CREDIT_STEP (EXEC_STDIN_CREDIT / 4)
/* Room that data leaves for what must always fit: credit, two ends of file, the exit status. */
#define CONTROL_ROOM 128

enum {
        POLL_CONNECTION,
        POLL_PROCESS,
        POLL_INPUT,
        POLL_OUTPUT,
        POLL_ERRORS,
        _POLL_MAX,
};

/* One of the command's two outputs. */
typedef struct Source {
        int *fd;
        ExecFrameType type;
        size_t left; /* once the command has ended: what was in the pipe then */
} Source;

typedef struct Pump {
        int fd;
        Command command;
        ExecReader reader;
        uint8_t input[EXEC_STDIN_CREDIT]; /* for the command */
        size_t input_size;
        bool input_ended;
        size_t window; /* bytes of stdin that the client may still send */
        size_t credit; /* bytes that were used up and not yet told */
        uint8_t output[2 * DATA_FRAME + CONTROL_ROOM]; /* for the client */
        size_t output_size;
        Source sources[2];
        bool ended; /* the command */
        int status;
} Pump;

static void put_frame(Pump *pump, ExecFrameType type, const void *payload, size_t size) {
        exec_header_write(type, size, pump->output + pump->output_size);
        if (size > 0)
                memcpy(pump->output + pump->output_size + EXEC_HEADER_SIZE, payload, size);
        pump->output_size += EXEC_HEADER_SIZE + size;
}

static bool has_data_room(const Pump *pump) {
        return sizeof(pump->output) - pump->output_size >= DATA_FRAME + CONTROL_ROOM;
}

static void give_credit(Pump *pump) {
        uint32_t credit = htole32((uint32_t) pump->credit);

        if (pump->credit == 0 || (pump->credit < CREDIT_STEP && pump->input_size > 0))
                return;
        /* Only a client that reads nothing gets here with a full buffer; it waits then. */
        if (sizeof(pump->output) - pump->output_size < CONTROL_ROOM)
                return;
        put_frame(pump, EXEC_CREDIT, &credit, sizeof(credit));
        pump->window += pump->credit;
        pump->credit = 0;
}

static void use_input(Pump *pump, size_t size) {
        memmove(pump->input, pump->input + size, pump->input_size - size);
        pump->input_size -= size;
        pump->credit += size;
}

/* What the command will not read is dropped, or the client would wait for it. */
static void close_input(Pump *pump) {
        pump->command.input = close_fd(pump->command.input);
        use_input(pump, pump->input_size);
}

static void write_input(Pump *pump) {
        ssize_t n;

        while (pump->command.input >= 0 && pump->input_size > 0) {
                n = write(pump->command.input, pump->input, pump->input_size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0)
                        close_input(pump);
                else
                        use_input(pump, (size_t) n);
        }
        if (pump->command.input >= 0 && pump->input_ended && pump->input_size == 0)
                close_input(pump);
        give_credit(pump);
}

static int take_stdin(Pump *pump, const ExecFrame *frame) {
        if (pump->input_ended || frame->size > pump->window)
                return -EPROTO;
        pump->window -= frame->size;
        if (frame->size == 0) {
                pump->input_ended = true;
        } else if (pump->command.input < 0) {
                pump->credit += frame->size;
        } else {
                memcpy(pump->input + pump->input_size, frame->payload, frame->size);
                pump->input_size += frame->size;
        }
        return 0;
}

static int take_signal(const Pump *pump, const ExecFrame *frame) {
        int number = frame->payload[0];

        if (number < 1 || number >= NSIG)
                return -EPROTO;
        command_signal(&pump->command, number);
        return 0;
}

static int take_frames(Pump *pump) {
        ExecFrame frame;
        int r;

        while ((r = exec_reader_next(&pump->reader, &frame)) > 0) {
                switch (frame.type) {
                case EXEC_STDIN:
                        r = take_stdin(pump, &frame);
                        break;
                case EXEC_SIGNAL:
                        r = take_signal(pump, &frame);
                        break;
                case EXEC_RESIZE: /* there is no terminal */
                case EXEC_CREDIT:
                case EXEC_STDOUT:
                case EXEC_STDERR:
                case EXEC_EXIT:
                default:
                        r = -EPROTO;
                        break;
                }
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                write_input(pump);
        return r;
}

/* -ECONNRESET: the client has left. */
static int receive(Pump *pump) {
        size_t room;
        uint8_t *at = exec_reader_space(&pump->reader, &room);
        ssize_t n = recv(pump->fd, at, room, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0)
                return -errno;
        if (n == 0)
                return -ECONNRESET;
        exec_reader_add(&pump->reader, (size_t) n);
        return take_frames(pump);
}

static int send_output(Pump *pump) {
        while (pump->output_size > 0) {
                ssize_t n = send(pump->fd, pump->output, pump->output_size,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0)
                        return -errno;
                memmove(pump->output, pump->output + n, pump->output_size - (size_t) n);
                pump->output_size -= (size_t) n;
        }
        give_credit(pump);
        return 0;
}

static void source_end(Pump *pump, Source *source) {
        *source->fd = close_fd(*source->fd);
        source->left = 0;
        put_frame(pump, source->type, NULL, 0);
}

static void read_source(Pump *pump, Source *source) {
        uint8_t *payload = pump->output + pump->output_size + EXEC_HEADER_SIZE;
        size_t wanted = EXEC_PAYLOAD_MAX;
        ssize_t n;

        if (pump->ended && source->left < wanted)
                wanted = source->left;
        n = read(*source->fd, payload, wanted);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                source_end(pump, source);
                return;
        }
        exec_header_write(source->type, (size_t) n, payload - EXEC_HEADER_SIZE);
        pump->output_size += EXEC_HEADER_SIZE + (size_t) n;
        if (pump->ended)
                source->left -= (size_t) n;
}

/* The command has ended. What it wrote is in the pipes; what others, that it left behind, write
 * from now on is not waited for. */
static void command_ended(Pump *pump) {
        pump->status = command_reap(&pump->command);
        pump->ended = true;
        for (size_t i = 0; i < ELEMENTSOF(pump->sources); i++) {
                Source *source = &pump->sources[i];
                int size = 0;

                if (*source->fd >= 0 && ioctl(*source->fd, FIONREAD, &size) >= 0 && size > 0)
                        source->left = (size_t) size;
        }
}

/* True when all of it is in the output. */
static bool drain(Pump *pump) {
        for (size_t i = 0; i < ELEMENTSOF(pump->sources); i++) {
                Source *source = &pump->sources[i];

                while (*source->fd >= 0 && source->left > 0 && has_data_room(pump))
                        read_source(pump, source);
                if (*source->fd >= 0 && source->left > 0)
                        return false;
                if (*source->fd >= 0)
                        source_end(pump, source);
        }
        return true;
}

static int pump_round(Pump *pump) {
        bool room = has_data_room(pump);
        struct pollfd items[_POLL_MAX] = {
                [POLL_CONNECTION] = {.fd = pump->fd, .events = POLLIN},
                [POLL_PROCESS] = {.fd = pump->command.pidfd, .events = POLLIN},
                [POLL_INPUT] = {.fd = pump->input_size > 0 ? pump->command.input : -1,
                                .events = POLLOUT},
                [POLL_OUTPUT] = {.fd = room ? pump->command.output : -1, .events = POLLIN},
                [POLL_ERRORS] = {.fd = room ? pump->command.errors : -1, .events = POLLIN},
        };
        int r = 0;

        if (pump->output_size > 0)
                items[POLL_CONNECTION].events |= POLLOUT;
        if (poll(items, _POLL_MAX, -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (items[POLL_CONNECTION].revents & ~POLLOUT)
                r = receive(pump);
        if (r < 0)
                return r;
        if (items[POLL_INPUT].revents)
                write_input(pump);
        for (size_t i = 0; i < ELEMENTSOF(pump->sources); i++)
                if (items[POLL_OUTPUT + i].revents && has_data_room(pump))
                        read_source(pump, &pump->sources[i]);
        if (items[POLL_PROCESS].revents)
                command_ended(pump);
        return send_output(pump);
}

/* While the last output goes out, a client may still send: nothing of that matters any more. */
static int finish_round(Pump *pump) {
        struct pollfd item = {.fd = pump->fd, .events = POLLIN | POLLOUT};

        if (poll(&item, 1, -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (item.revents & ~POLLOUT) {
                int r = receive(pump);

                if (r < 0)
                        return r;
        }
        return send_output(pump);
}

static int pump_run(Pump *pump) {
        uint8_t status;
        int r = 0;

        while (r >= 0 && !pump->ended)
                r = pump_round(pump);
        while (r >= 0 && !drain(pump))
                r = finish_round(pump);
        if (r < 0)
                return r;
        status = (uint8_t) pump->status;
        put_frame(pump, EXEC_EXIT, &status, sizeof(status));
        while (r >= 0 && pump->output_size > 0)
                r = finish_round(pump);
        return r;
}

/* Closing at once could take back what the client has not read: it closes first, or time is up. */
static void say_goodbye(int fd) {
        uint64_t deadline = clock_monotonic_usec() + GOODBYE_USEC;
        struct pollfd item = {.fd = fd, .events = POLLIN};
        uint8_t ignored[4096];

        (void) shutdown(fd, SHUT_WR);
        while (poll(&item, 1, clock_poll_timeout(deadline)) > 0)
                if (recv(fd, ignored, sizeof(ignored), MSG_DONTWAIT) <= 0 && errno != EAGAIN)
                        return;
}

static void hang_up(Command *command) {
        struct pollfd item = {.fd = command->pidfd, .events = POLLIN};

        command_signal(command, SIGHUP);
        command_signal(command, SIGCONT);
        (void) poll(&item, 1, (int) (HANGUP_USEC / USEC_PER_MSEC));
        command_signal(command, SIGKILL);
        (void) command_reap(command);
}

int exec_serve(int fd_taken, const void *rest, size_t rest_size, const GuestExec *exec) {
        _cleanup_close_ int fd = fd_taken;
        _cleanup_free_ Pump *pump = NULL;
        size_t room;
        uint8_t *at;
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        pump = calloc(1, sizeof(*pump));
        if (!pump)
                return -ENOMEM;
        pump->fd = fd;
        pump->window = EXEC_STDIN_CREDIT;
        at = exec_reader_space(&pump->reader, &room);
        if (rest_size > room)
                return -EPROTO;
        if (rest_size > 0)
                memcpy(at, rest, rest_size);
        exec_reader_add(&pump->reader, rest_size);

        pump->command = COMMAND_INIT;
        r = command_start(exec, &pump->command);
        if (r < 0)
                return r;
        pump->sources[0] = (Source) {.fd = &pump->command.output, .type = EXEC_STDOUT};
        pump->sources[1] = (Source) {.fd = &pump->command.errors, .type = EXEC_STDERR};
        r = take_frames(pump);
        if (r >= 0)
                r = pump_run(pump);
        if (!pump->ended)
                hang_up(&pump->command);
        command_close(&pump->command);
        if (r >= 0)
                say_goodbye(fd);
        return r == -ECONNRESET || r == -EPIPE ? 0 : r;
}
