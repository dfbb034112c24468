#include "cli/exec-session.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/exec-frame.h"
#include "common/io.h"
#include "common/varlink-poll.h"

/* The agent answers before it starts the command: only a guest that hangs takes that long. */
#define REPLY_USEC (30 * USEC_PER_SEC)
#define CONTROL_ROOM 1024
#define STATUS_SIGNALED 128

static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

enum {
        POLL_CONNECTION,
        POLL_SIGNALS,
        POLL_INPUT,
        POLL_OUTPUT, /* whichever stream has something to be written */
        _POLL_MAX,
};

typedef struct ExecSession {
        int fd;
        int signal_fd;
        ExecStreams streams; /* input is -1 once it has ended */
        ExecReader reader;
        uint8_t output[EXEC_HEADER_SIZE + EXEC_PAYLOAD_MAX + CONTROL_ROOM]; /* for the agent */
        size_t output_size;
        size_t credit;        /* bytes of stdin that the agent takes */
        int target;           /* where the current frame's data goes; -1: there is none */
        const uint8_t *data;  /* of that frame, in the reader */
        size_t data_size;
        bool exited;
        int status;
} ExecSession;

static uint8_t *frame_begin(ExecSession *session) {
        return session->output + session->output_size + EXEC_HEADER_SIZE;
}

static void frame_end(ExecSession *session, ExecFrameType type, size_t size) {
        exec_header_write(type, size, session->output + session->output_size);
        session->output_size += EXEC_HEADER_SIZE + size;
}

static int session_send(ExecSession *session) {
        while (session->output_size > 0) {
                ssize_t n = send(session->fd, session->output, session->output_size,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                /* What it sent last, its exit status may be among it, is still to be read. */
                if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
                        session->output_size = 0;
                        return 0;
                }
                if (n < 0)
                        return -errno;
                memmove(session->output, session->output + n, session->output_size - (size_t) n);
                session->output_size -= (size_t) n;
        }
        return 0;
}

static void session_read_input(ExecSession *session) {
        size_t wanted = session->credit < EXEC_PAYLOAD_MAX ? session->credit : EXEC_PAYLOAD_MAX;
        ssize_t n = read(session->streams.input, frame_begin(session), wanted);

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n <= 0) {
                session->streams.input = -1;
                n = 0;
        }
        session->credit -= (size_t) n;
        frame_end(session, EXEC_STDIN, (size_t) n);
}

static void session_read_signals(ExecSession *session) {
        struct signalfd_siginfo info;

        while (sizeof(session->output) - session->output_size >= EXEC_HEADER_SIZE + 1 &&
               read(session->signal_fd, &info, sizeof(info)) == sizeof(info)) {
                *frame_begin(session) = (uint8_t) info.ssi_signo;
                frame_end(session, EXEC_SIGNAL, 1);
        }
}

static int bad_frame(Error *reterr) {
        return error_set(reterr, ERROR_PROTOCOL, EPROTO, "the guest does not speak as agreed");
}

static int take_credit(ExecSession *session, const ExecFrame *frame, Error *reterr) {
        uint32_t credit;

        memcpy(&credit, frame->payload, sizeof(credit));
        credit = le32toh(credit);
        if (credit > EXEC_STDIN_CREDIT - session->credit)
                return bad_frame(reterr);
        session->credit += credit;
        return 0;
}

static int take_frame(ExecSession *session, const ExecFrame *frame, Error *reterr) {
        switch (frame->type) {
        case EXEC_STDOUT:
        case EXEC_STDERR:
                if (frame->size == 0)
                        return 0;
                session->target = frame->type == EXEC_STDOUT ? session->streams.output
                                                             : session->streams.errors;
                session->data = frame->payload;
                session->data_size = frame->size;
                return 0;
        case EXEC_CREDIT:
                return take_credit(session, frame, reterr);
        case EXEC_EXIT:
                session->exited = true;
                session->status = frame->payload[0];
                return 0;
        case EXEC_STDIN:
        case EXEC_SIGNAL:
        case EXEC_RESIZE:
        default:
                return bad_frame(reterr);
        }
}

/* Up to the next frame whose data has to be written, or the last. */
static int session_take_frames(ExecSession *session, Error *reterr) {
        while (session->data_size == 0 && !session->exited) {
                ExecFrame frame;
                int r = exec_reader_next(&session->reader, &frame);

                if (r == 0)
                        return 0;
                r = r < 0 ? bad_frame(reterr) : take_frame(session, &frame, reterr);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int session_receive(ExecSession *session, Error *reterr) {
        size_t room;
        uint8_t *at = exec_reader_space(&session->reader, &room);
        ssize_t n = recv(session->fd, at, room, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                return error_set(reterr, ERROR_UNREACHABLE, ECONNRESET,
                                 "the guest went away before the command ended");
        exec_reader_add(&session->reader, (size_t) n);
        return session_take_frames(session, reterr);
}

/* No more at once than a pipe takes without blocking (pipe(7)): signals must get through. */
static int session_write(ExecSession *session, Error *reterr) {
        size_t size = session->data_size < PIPE_BUF ? session->data_size : PIPE_BUF;
        ssize_t n = write(session->target, session->data, size);

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        /* Nobody reads it any more, as in `… | head -n 1`: the end, as PIPE would be. */
        if (n < 0 && errno == EPIPE) {
                session->exited = true;
                session->status = STATUS_SIGNALED + SIGPIPE;
                session->data_size = 0;
                return 0;
        }
        if (n < 0)
                return error_set_errno(reterr, errno, "cannot write the command's output");
        session->data += n;
        session->data_size -= (size_t) n;
        return session_take_frames(session, reterr);
}

static int session_round(ExecSession *session, Error *reterr) {
        bool reads_input = session->credit > 0 && session->output_size == 0;
        bool reads_frames = session->data_size == 0;
        struct pollfd items[_POLL_MAX] = {
                [POLL_CONNECTION] = {.fd = session->fd, .events = reads_frames ? POLLIN : 0},
                [POLL_SIGNALS] = {.fd = session->signal_fd, .events = POLLIN},
                [POLL_INPUT] = {.fd = reads_input ? session->streams.input : -1, .events = POLLIN},
                [POLL_OUTPUT] = {.fd = reads_frames ? -1 : session->target, .events = POLLOUT},
        };
        int r = 0;

        if (session->output_size > 0)
                items[POLL_CONNECTION].events |= POLLOUT;
        /* A connection that broke would be told again and again while there is output to write. */
        if (items[POLL_CONNECTION].events == 0)
                items[POLL_CONNECTION].fd = -1;
        if (poll(items, _POLL_MAX, -1) < 0)
                return errno == EINTR ? 0 : error_set_errno(reterr, errno, "cannot wait");
        if (items[POLL_SIGNALS].revents)
                session_read_signals(session);
        if (items[POLL_INPUT].revents)
                session_read_input(session);
        if (items[POLL_OUTPUT].revents)
                r = session_write(session, reterr);
        else if (reads_frames && items[POLL_CONNECTION].revents & ~POLLOUT)
                r = session_receive(session, reterr);
        if (r < 0)
                return r;
        r = session_send(session);
        return r < 0 ? error_set_errno(reterr, -r, "cannot send to the guest") : 0;
}

/* The socket of a connection that has left Varlink, with what came after the reply. */
static int session_begin(ExecSession *session, int fd, const GuestExec *exec, Error *reterr) {
        VarlinkClient *client = NULL;
        _cleanup_free_ void *rest = NULL;
        size_t rest_size = 0, room;
        uint8_t *at;
        int r;

        r = varlink_client_new(fd, &client);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot run the command");
        r = varlink_client_call(client, &interface_guest, "Exec", exec, NULL, NULL, 0, NULL,
                                clock_monotonic_usec() + REPLY_USEC, reterr);
        if (r >= 0) {
                r = varlink_client_steal(client, &rest, &rest_size);
                if (r < 0)
                        error_set_errno(reterr, -r, "cannot run the command");
        }
        varlink_client_free(client);
        if (r < 0)
                return r;
        session->fd = r;
        at = exec_reader_space(&session->reader, &room);
        if (rest_size > room)
                return bad_frame(reterr);
        if (rest_size > 0)
                memcpy(at, rest, rest_size);
        exec_reader_add(&session->reader, rest_size);
        return session_take_frames(session, reterr);
}

static int session_run(ExecSession *session, int fd, const GuestExec *exec, Error *reterr) {
        int r = session_begin(session, fd, exec, reterr);

        while (r >= 0 && (!session->exited || session->data_size > 0))
                r = session_round(session, reterr);
        return r;
}

static void fill_signals(sigset_t *ret) {
        (void) sigemptyset(ret);
        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++)
                (void) sigaddset(ret, forwarded[i]);
}

int exec_session_run_streams(int fd, const GuestExec *exec, const ExecStreams *streams,
                             int *ret_status, Error *reterr) {
        _cleanup_free_ ExecSession *session = calloc(1, sizeof(*session));
        sigset_t signals, before;
        int r;

        fill_signals(&signals);
        if (!session || sigprocmask(SIG_BLOCK, &signals, &before) < 0) {
                r = error_set_errno(reterr, session ? errno : ENOMEM, "cannot run the command");
                close_fd(fd);
                return r;
        }
        session->fd = -1;
        session->streams = *streams;
        session->credit = EXEC_STDIN_CREDIT;
        session->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        if (session->signal_fd < 0) {
                r = error_set_errno(reterr, errno, "cannot wait for signals");
                close_fd(fd);
        } else {
                r = session_run(session, fd, exec, reterr);
        }
        if (r >= 0)
                *ret_status = session->status;
        close_fd(session->signal_fd);
        close_fd(session->fd);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return r < 0 ? r : 0;
}

int exec_session_run(int fd, const GuestExec *exec, int *ret_status, Error *reterr) {
        static const ExecStreams streams = {
                .input = STDIN_FILENO,
                .output = STDOUT_FILENO,
                .errors = STDERR_FILENO,
        };

        return exec_session_run_streams(fd, exec, &streams, ret_status, reterr);
}
