#include "tui/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <curses.h>
#include <term.h>

#include "common/strings.h"
#include "tui/key.h"

#define ESCAPE_DELAY_MS 50
#define RESTORE_MAX 128

/* Curses has one terminal, and so do the handlers of signals. */
static struct {
        SCREEN *screen;
        struct termios before;
        char restore[RESTORE_MAX]; /* what gives the terminal back, for a handler */
        size_t restore_size;
        volatile sig_atomic_t active;
        cchar_t *row;
        int row_width;
} terminal;

static const int fatal_signals[] = {
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS,
};

/* Everything in here may be called from a handler (signal-safety(7)). Output that is held back, by
 * ^S or a dead line, is dropped: the process must end all the same. */
static void on_fatal(int number) {
        if (terminal.active) {
                int flags = fcntl(STDOUT_FILENO, F_GETFL);

                terminal.active = 0;
                (void) tcflush(STDOUT_FILENO, TCOFLUSH);
                if (flags >= 0)
                        (void) fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
                if (write(STDOUT_FILENO, terminal.restore, terminal.restore_size) < 0) {
                        /* There is nobody left to tell. */
                }
                if (flags >= 0)
                        (void) fcntl(STDOUT_FILENO, F_SETFL, flags);
                (void) tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
        }
        /* The handler was for once: now it ends the process as if there had been none. */
        (void) raise(number);
}

static void watch_signals(void) {
        struct sigaction action = {.sa_handler = on_fatal,
                                   .sa_flags = (int) (SA_RESETHAND | SA_NODEFER)};

        for (size_t i = 0; i < ELEMENTSOF(fatal_signals); i++)
                (void) sigaction(fatal_signals[i], &action, NULL);
        action = (struct sigaction) {.sa_handler = SIG_IGN};
        (void) sigaction(SIGPIPE, &action, NULL);
}

/* ---- opening ---- */

static void keep_capability(const char *name) {
        char capability[16];
        const char *text;

        (void) snprintf(capability, sizeof(capability), "%s", name);
        text = tigetstr(capability);
        if (!text || strlen(text) >= sizeof(terminal.restore) - terminal.restore_size)
                return;
        memcpy(terminal.restore + terminal.restore_size, text, strlen(text));
        terminal.restore_size += strlen(text);
}

static int check_term(Error *reterr) {
        const char *name = getenv("TERM");
        char capability[] = "cup";
        const char *cup;
        int status = 0, r;

        if (setupterm(NULL, STDOUT_FILENO, &status) != OK)
                r = error_set(reterr, ERROR_UNAVAILABLE, ENOTTY,
                              "cannot draw on this terminal: TERM is \"%s\", which is not known "
                              "here",
                              name ? name : "");
        else {
                cup = tigetstr(capability);
                /* NULL: absent; -1: no string capability. */
                r = cup && (intptr_t) cup != -1 && *cup ? 0 : -ENOTTY;
                /* newterm() makes its own. */
                (void) del_curterm(cur_term);
                if (r == 0)
                        return 0;
                error_set(reterr, ERROR_UNAVAILABLE, ENOTTY,
                          "cannot draw on this terminal: TERM is \"%s\", which cannot place its "
                          "cursor",
                          name ? name : "");
        }
        return error_set_hint(reterr, r,
                              "run: TERM=xterm-256color banger-tui (or linux, vt100: what the "
                              "terminal is like), or: banger-tui --plain");
}

static void set_up_colours(void) {
        const char *no_color = getenv("NO_COLOR");
        static const short colours[] = {COLOR_RED, COLOR_GREEN, COLOR_YELLOW, COLOR_CYAN};

        if ((no_color && *no_color) || !has_colors() || start_color() != OK)
                return;
        /* On the user's own background, dark or light. */
        if (use_default_colors() != OK)
                return;
        for (size_t i = 0; i < ELEMENTSOF(colours); i++)
                (void) init_pair(colours[i], colours[i], -1);
}

static void set_up_modes(void) {
        (void) cbreak();
        (void) noecho();
        (void) nonl();
        (void) curs_set(0);
        (void) intrflush(stdscr, FALSE);
        (void) keypad(stdscr, TRUE);
        (void) nodelay(stdscr, TRUE);
        (void) set_escdelay(ESCAPE_DELAY_MS);
        /* Lines move by scrolling where that is shorter. */
        (void) idlok(stdscr, TRUE);
}

int terminal_open(Error *reterr) {
        struct sigaction stop;
        int r = check_term(reterr);

        if (r < 0)
                return r;
        if (tcgetattr(STDIN_FILENO, &terminal.before) < 0)
                return error_set_errno(reterr, errno, "cannot read the terminal's settings");
        use_env(TRUE);
        use_tioctl(TRUE);
        (void) sigaction(SIGTSTP, NULL, &stop);
        terminal.screen = newterm(NULL, stdout, stdin);
        /* Curses would stop us in a way of its own. */
        (void) sigaction(SIGTSTP, &stop, NULL);
        if (!terminal.screen)
                return error_set(reterr, ERROR_FAILED, ENOTTY, "cannot draw on this terminal");
        keep_capability("sgr0");
        keep_capability("rmkx");
        keep_capability("cnorm");
        keep_capability("rmcup");
        terminal.active = 1;
        watch_signals();
        set_up_colours();
        set_up_modes();
        return 0;
}

void terminal_leave(void) {
        (void) curs_set(1);
        (void) endwin();
        terminal.active = 0;
}

void terminal_enter(void) {
        terminal.active = 1;
        (void) reset_prog_mode();
        (void) curs_set(0);
        terminal_forget();
        terminal_resize();
}

void terminal_close(void) {
        if (!terminal.screen)
                return;
        if (terminal.active)
                terminal_leave();
        delscreen(terminal.screen);
        terminal.screen = NULL;
        free(terminal.row);
        terminal.row = NULL;
        terminal.row_width = 0;
}

/* ---- size ---- */

bool terminal_utf8(void) {
        return string_equal(nl_langinfo(CODESET), "UTF-8");
}

void terminal_size(int *ret_height, int *ret_width) {
        *ret_height = getmaxy(stdscr);
        *ret_width = getmaxx(stdscr);
}

void terminal_resize(void) {
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
                return;
        if (size.ws_row != getmaxy(stdscr) || size.ws_col != getmaxx(stdscr))
                (void) resizeterm(size.ws_row, size.ws_col);
}

/* ---- output ---- */

bool terminal_ready(void) {
        struct pollfd item = {.fd = STDOUT_FILENO, .events = POLLOUT};

        return poll(&item, 1, 0) != 0;
}

static attr_t role_attributes(Role role, short *ret_pair) {
        static const struct {
                attr_t attributes;
                short pair;
        } looks[] = {
                [ROLE_TEXT] = {A_NORMAL, 0},
                [ROLE_STRONG] = {A_BOLD, 0},
                [ROLE_FAINT] = {A_DIM, 0},
                [ROLE_TITLE] = {A_BOLD | A_UNDERLINE, 0},
                [ROLE_SELECTED] = {A_REVERSE, 0},
                [ROLE_KEY] = {A_BOLD, COLOR_CYAN},
                [ROLE_GOOD] = {A_NORMAL, COLOR_GREEN},
                [ROLE_BUSY] = {A_BOLD, COLOR_YELLOW},
                [ROLE_BAD] = {A_BOLD, COLOR_RED},
        };

        *ret_pair = looks[role].pair;
        return looks[role].attributes;
}

static int make_row(const Canvas *canvas, int y, int width) {
        int n = 0;

        for (int x = 0; x < width; x++) {
                const Cell *cell = canvas_cell(canvas, y, x);
                wchar_t text[2] = {(wchar_t) cell->code, L'\0'};
                short pair;
                attr_t attributes = role_attributes(cell->role, &pair);

                if (cell->code == 0)
                        continue;
                (void) setcchar(&terminal.row[n++], text, attributes, pair, NULL);
        }
        return n;
}

void terminal_show(const Canvas *canvas) {
        int height, width;

        terminal_size(&height, &width);
        if (canvas->height < height)
                height = canvas->height;
        if (canvas->width < width)
                width = canvas->width;
        if (width > terminal.row_width) {
                cchar_t *row = reallocarray(terminal.row, (size_t) width, sizeof(*row));

                if (!row)
                        return;
                terminal.row = row;
                terminal.row_width = width;
        }
        for (int y = 0; y < height; y++)
                (void) mvadd_wchnstr(y, 0, terminal.row, make_row(canvas, y, width));
        if (canvas->cursor_y >= 0 && canvas->cursor_y < height && canvas->cursor_x < width) {
                (void) move(canvas->cursor_y, canvas->cursor_x);
                (void) curs_set(1);
        } else
                (void) curs_set(0);
        (void) refresh();
}

void terminal_forget(void) {
        (void) clearok(curscr, TRUE);
}

/* ---- input ---- */

static int special_key(wint_t code) {
        switch (code) {
        case KEY_UP:
                return KEY_ARROW_UP;
        case KEY_DOWN:
                return KEY_ARROW_DOWN;
        case KEY_LEFT:
                return KEY_ARROW_LEFT;
        case KEY_RIGHT:
                return KEY_ARROW_RIGHT;
        case KEY_PPAGE:
                return KEY_PAGE_UP;
        case KEY_NPAGE:
                return KEY_PAGE_DOWN;
        case KEY_HOME:
                return KEY_FIRST;
        case KEY_END:
                return KEY_LAST;
        case KEY_ENTER:
                return KEY_RETURN;
        case KEY_BACKSPACE:
        case KEY_DC:
                return KEY_ERASE;
        default:
                return KEY_OTHER;
        }
}

int terminal_key(void) {
        wint_t code = 0;

        switch (get_wch(&code)) {
        case KEY_CODE_YES:
                return special_key(code);
        case OK:
                break;
        default:
                return TERMINAL_NO_KEY;
        }
        switch (code) {
        case '\n':
                return KEY_RETURN;
        case '\t':
                return KEY_TAB;
        case '\b':
                return KEY_ERASE;
        default:
                return (int) code;
        }
}

void terminal_drop_input(void) {
        (void) flushinp();
}
