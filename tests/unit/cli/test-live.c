/* The line of progress on a terminal, seen from the other end of a pty. */
#include "tests/unit/cli/scripted-daemon.h"

#include <pty.h>
#include <sys/ioctl.h>

#include "cli/live.h"

#define SENT_MAX 4096 /* what a pty keeps for its reader */

typedef struct Terminal {
        int fd; /* the user's end */
        CommandContext context;
        char sent[SENT_MAX];
        size_t size;
} Terminal;

static void terminal_open(Terminal *terminal, unsigned short columns) {
        struct winsize size = {.ws_row = 24, .ws_col = columns};
        int program_fd;

        *terminal = (Terminal) {.fd = -1};
        assert_int_equal(openpty(&terminal->fd, &program_fd, NULL, NULL, &size), 0);
        terminal->context.err = fdopen(program_fd, "w");
        assert_non_null(terminal->context.err);
}

/* Closes the program's end; sent is then all that it wrote, the terminal's "\r\n" for "\n". */
static void terminal_end(Terminal *terminal) {
        ssize_t n;

        assert_int_equal(fclose(terminal->context.err), 0);
        while ((n = read(terminal->fd, terminal->sent + terminal->size,
                         SENT_MAX - 1 - terminal->size)) > 0)
                terminal->size += (size_t) n;
        terminal->sent[terminal->size] = '\0';
        close_fd(terminal->fd);
}

/* Shows what was sent on a screen of that width: rows of text, "\n" between them. */
static void show(const char *sent, size_t columns, char rows[SENT_MAX]) {
        static const char erase[] = "\033[K";
        size_t row = 0, column = 0, end = 0;

        memset(rows, 0, SENT_MAX);
        for (const char *p = sent; *p; p++) {
                assert_true(row + columns + 2 < SENT_MAX);
                if (*p == '\r')
                        column = 0;
                else if (strncmp(p, erase, sizeof(erase) - 1) == 0) {
                        memset(rows + row + column, 0, end - column);
                        end = column;
                        p += sizeof(erase) - 2;
                } else {
                        if (*p == '\n' || column == columns) {
                                rows[row + end] = '\n';
                                row += end + 1;
                                column = end = 0;
                        }
                        if (*p != '\n')
                                rows[row + column++] = *p;
                        end = column > end ? column : end;
                }
        }
}

static void a_line_takes_the_place_of_the_one_before(_unused_ void **state) {
        Terminal terminal;
        char rows[SENT_MAX];
        Live live;

        terminal_open(&terminal, 80);
        live = live_start(&terminal.context);
        live_write(&live, "a longer one");
        live_write(&live, "short");
        live_keep(&live);
        terminal_end(&terminal);
        assert_string_equal(terminal.sent, "\r\033[Ka longer one\r\033[Kshort\r\n");
        show(terminal.sent, 80, rows);
        assert_string_equal(rows, "short\n");
}

static void a_line_is_shown_at_once(_unused_ void **state) {
        struct pollfd sent = {.events = POLLIN};
        Terminal terminal;
        Live live;

        terminal_open(&terminal, 80);
        live = live_start(&terminal.context);
        live_write(&live, "disk");
        sent.fd = terminal.fd;
        assert_int_equal(poll(&sent, 1, 0), 1);
        terminal_end(&terminal);
}

static void a_wiped_line_leaves_nothing(_unused_ void **state) {
        Terminal terminal;
        char rows[SENT_MAX];
        Live live;

        terminal_open(&terminal, 80);
        live = live_start(&terminal.context);
        live_write(&live, "debian: 1 MiB");
        live_wipe(&live);
        live_wipe(&live);
        live_keep(&live);
        terminal_end(&terminal);
        show(terminal.sent, 80, rows);
        assert_string_equal(rows, "");
}

static void where_nothing_was_written_nothing_is_ended(_unused_ void **state) {
        Terminal terminal;
        Live live;

        terminal_open(&terminal, 80);
        live = live_start(&terminal.context);
        live_keep(&live);
        live_wipe(&live);
        terminal_end(&terminal);
        assert_string_equal(terminal.sent, "");
}

static void a_long_line_stays_on_one_row(_unused_ void **state) {
        Terminal terminal;
        char rows[SENT_MAX];
        Live live;

        terminal_open(&terminal, 20);
        live = live_start(&terminal.context);
        live_write(&live, "a name of more than twenty: 1 MiB");
        live_write(&live, "a name of more than twenty: 2 MiB");
        terminal_end(&terminal);
        show(terminal.sent, 20, rows);
        assert_string_equal(rows, "a name of more t...");
}

static void what_an_escape_adds_counts(_unused_ void **state) {
        Terminal terminal;
        char rows[SENT_MAX];
        Live live;

        terminal_open(&terminal, 20);
        live = live_start(&terminal.context);
        live_write(&live, "\033[2J\033[2J\033[2J\033[2J");
        terminal_end(&terminal);
        show(terminal.sent, 20, rows);
        assert_string_equal(rows, "\\x1b[2J\\x1b[2J\\x...");
}

static void a_terminal_that_shrinks_is_asked_again(_unused_ void **state) {
        const struct winsize smaller = {.ws_row = 24, .ws_col = 10};
        Terminal terminal;
        char rows[SENT_MAX];
        Live live;

        terminal_open(&terminal, 80);
        live = live_start(&terminal.context);
        live_write(&live, "disk 14 ms");
        assert_int_equal(ioctl(terminal.fd, TIOCSWINSZ, &smaller), 0);
        live_write(&live, "disk 14 ms - tap 3 ms");
        terminal_end(&terminal);
        show(strrchr(terminal.sent, '\r'), 10, rows);
        assert_string_equal(rows, "disk 1...");
}

static void a_terminal_without_a_size_has_80_columns(_unused_ void **state) {
        Terminal terminal;
        Live live;

        terminal_open(&terminal, 0);
        live = live_start(&terminal.context);
        assert_int_equal(live_width(&live), 80);
        terminal_end(&terminal);
}

static void a_pipe_gets_nothing(_unused_ void **state) {
        CommandContext context = {.err = NULL};
        int fds[2];
        char byte;
        Live live;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        context.err = fdopen(fds[1], "w");
        assert_non_null(context.err);
        live = live_start(&context);
        assert_false(live.on);
        live_write(&live, "disk");
        live_keep(&live);
        live_wipe(&live);
        assert_int_equal(fclose(context.err), 0);
        assert_int_equal(read(fds[0], &byte, 1), 0);
        close_fd(fds[0]);
}

static void json_gets_nothing_on_a_terminal_either(_unused_ void **state) {
        Terminal terminal;
        Live live;

        terminal_open(&terminal, 80);
        terminal.context.json = true;
        live = live_start(&terminal.context);
        live_write(&live, "disk");
        live_keep(&live);
        terminal_end(&terminal);
        assert_string_equal(terminal.sent, "");
}

/* ---- `vm start`, whose script is one stage: begun, then done after 14 ms ---- */

static int start_vm(TempRoot *root, Terminal *terminal, const ScriptStep *steps) {
        char vm[] = "vm", start[] = "start", web[] = "web";
        char *const words[] = {vm, start, web};
        Capture out;
        pid_t pid;
        int status;

        capture_open(&out);
        terminal->context.host = &root->host;
        terminal->context.in = stdin;
        terminal->context.out = out.out;
        pid = scripted_start(root, steps);
        status = command_main(&terminal->context, words, ELEMENTSOF(words));
        scripted_end(pid);
        capture_close(&out);
        return status;
}

static void a_start_shows_each_stage_as_it_goes_on(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Start"}, {}};
        Terminal terminal;
        char rows[SENT_MAX];

        terminal_open(&terminal, 80);
        assert_int_equal(start_vm(*state, &terminal, steps), 0);
        terminal_end(&terminal);
        assert_non_null(strstr(terminal.sent, "\r\033[Kdisk\r\033[Kdisk 14 ms"));
        show(terminal.sent, 80, rows);
        assert_string_equal(rows, "disk 14 ms\n");
}

static void a_start_on_a_narrow_terminal_stays_on_one_row(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Start"}, {}};
        Terminal terminal;
        char rows[SENT_MAX];

        terminal_open(&terminal, 8);
        assert_int_equal(start_vm(*state, &terminal, steps), 0);
        terminal_end(&terminal);
        show(terminal.sent, 8, rows);
        assert_string_equal(rows, "disk...\n");
}

static void a_failed_start_keeps_its_line_above_the_reason(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Start", .error = "no /dev/kvm"}, {}};
        Terminal terminal;
        char rows[SENT_MAX];

        terminal_open(&terminal, 80);
        assert_int_equal(start_vm(*state, &terminal, steps), 4);
        terminal_end(&terminal);
        show(terminal.sent, 80, rows);
        assert_string_equal(rows, "tap 3 ms\nbanger: no /dev/kvm\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_takes_the_place_of_the_one_before),
                cmocka_unit_test(a_line_is_shown_at_once),
                cmocka_unit_test(a_wiped_line_leaves_nothing),
                cmocka_unit_test(where_nothing_was_written_nothing_is_ended),
                cmocka_unit_test(a_long_line_stays_on_one_row),
                cmocka_unit_test(what_an_escape_adds_counts),
                cmocka_unit_test(a_terminal_that_shrinks_is_asked_again),
                cmocka_unit_test(a_terminal_without_a_size_has_80_columns),
                cmocka_unit_test(a_pipe_gets_nothing),
                cmocka_unit_test(json_gets_nothing_on_a_terminal_either),
                in_root("a_start_shows_each_stage_as_it_goes_on",
                        a_start_shows_each_stage_as_it_goes_on),
                in_root("a_start_on_a_narrow_terminal_stays_on_one_row",
                        a_start_on_a_narrow_terminal_stays_on_one_row),
                in_root("a_failed_start_keeps_its_line_above_the_reason",
                        a_failed_start_keeps_its_line_above_the_reason),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
