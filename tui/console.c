#include "tui/console.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/strings.h"
#include "tui/checks.h"
#include "tui/feed.h"
#include "tui/shell.h"
#include "tui/terminal.h"
#include "tui/ui.h"

#define TICK_USEC (2 * USEC_PER_SEC)
#define TICK_BUSY_USEC (USEC_PER_SEC / 2) /* while something counts quicker than that */
#define FRAME_USEC (40 * USEC_PER_MSEC)   /* between two screens that no key asked for */
#define UNWELL_USEC (5 * USEC_PER_SEC)    /* until what was not well is looked at again */
#define POLLS_MAX (LINK_CALLS_MAX + 8)
#define HANGUP_STATUS (128 + SIGHUP)
#define INTERRUPT_STATUS (128 + SIGINT)

typedef struct Console {
        const ConsoleEnv *env;
        Model model;
        Ui ui;
        Feed feed;
        Checks checks;
        Canvas *canvas;
        int signal_fd;
        bool dirty, quit;
        bool urgent; /* a key waits for its screen */
        int status;
        uint64_t tick_usec, sample_usec, frame_usec, unwell_usec; /* when the next is due */
} Console;

static void on_changed(void *userdata) {
        Console *console = userdata;

        ui_update(&console->ui);
        console->dirty = true;
}

static void on_failed(const Error *error, void *userdata) {
        Console *console = userdata;
        Role role = error->kind == ERROR_CANCELED ? ROLE_BUSY : ROLE_BAD;

        ui_say(&console->ui, role, "%s%s%s", error->message ? error->message : "it failed",
               error->hint ? "; " : "", error->hint ? error->hint : "");
}

/* ---- what a key asked for ---- */

static void fill_parameters(const Intent *intent, void *parameters, Error *reterr) {
        const Schema *schema = intent->action->in;
        const Field *force = schema_find(schema, "force");

        schema_init(schema, parameters);
        for (size_t i = 0; i < schema->n_fields; i++)
                if (schema->fields[i].positional && intent->target[0]) {
                        (void) schema_set_word(schema, &schema->fields[i], parameters,
                                               intent->target, reterr);
                        break;
                }
        if (force && intent->force)
                (void) schema_set_word(schema, force, parameters, NULL, reterr);
}

static void do_call(Console *console, const Intent *intent) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ void *parameters = calloc(1, intent->action->in->size + 1);
        Span line;

        if (!parameters) {
                ui_say(&console->ui, ROLE_BAD, "out of memory");
                return;
        }
        fill_parameters(intent, parameters, &error);
        if (error.message)
                ui_say(&console->ui, ROLE_BAD, "%s", error.message);
        else {
                ui_command_line(intent, &line);
                ui_say(&console->ui, ROLE_FAINT, "%s", line.text);
                link_call(console->feed.link, intent->interface, intent->action, parameters,
                          intent->target);
        }
        schema_clear(intent->action->in, parameters);
}

static void start_checks(Console *console) {
        _cleanup_error_ Error error = ERROR_INIT;

        if (checks_start(&console->checks, console->env->banger, &error) < 0)
                error_move(&console->model.report_error, &error);
        if (console->model.link == LINK_UP)
                feed_ask(&console->feed, FEED_STATUS);
}

/* sudo banger system install --owner USER; NULL: out of memory. */
static char **make_arguments(const Console *console, const Action *action) {
        _cleanup_strv_ char **arguments = NULL;
        _cleanup_free_ char *words = strdup(action->words);
        char *left = NULL;
        int r = words ? 0 : -ENOMEM;

        if (r >= 0 && console->env->sudo && (action->flags & ACTION_ROOT))
                r = strv_append(&arguments, console->env->sudo);
        if (r >= 0)
                r = strv_append(&arguments, console->env->banger);
        for (char *word = words ? strtok_r(words, " ", &left) : NULL; word && r >= 0;
             word = strtok_r(NULL, " ", &left))
                r = strv_append(&arguments, word);
        if (r >= 0 && schema_find(action->in, "owner"))
                r = strv_append(&arguments, "--owner");
        if (r >= 0 && schema_find(action->in, "owner"))
                r = strv_append(&arguments, console->env->user);
        return r < 0 ? NULL : steal_ptr(arguments);
}

static void say_status(Console *console, const char *words, int status) {
        if (status == 0)
                ui_say(&console->ui, ROLE_GOOD, "banger %s: done", words);
        else if (status == INTERRUPT_STATUS)
                ui_say(&console->ui, ROLE_TEXT, "banger %s was interrupted", words);
        else if (status == 1)
                /* So ends a failure, and a "no" to its question or to sudo's: it has said which. */
                ui_say(&console->ui, ROLE_TEXT, "banger %s was not completed", words);
        else
                ui_say(&console->ui, ROLE_BAD, "banger %s ended with status %d", words, status);
}

/* The command shows its plan and asks; sudo asks for its password. */
static void do_shell(Console *console, const Intent *intent) {
        _cleanup_strv_ char **arguments = make_arguments(console, intent->action);
        _cleanup_error_ Error error = ERROR_INIT;
        int status = 0, r = -ENOMEM;

        if (!arguments) {
                ui_say(&console->ui, ROLE_BAD, "out of memory");
                return;
        }
        terminal_leave();
        r = shell_run(arguments, &status, &error);
        terminal_enter();
        terminal_drop_input();
        if (r < 0)
                ui_say(&console->ui, ROLE_BAD, "%s", error.message ? error.message : "it failed");
        else
                say_status(console, intent->action->words, status);
        link_hurry(console->feed.link);
        checks_stop(&console->checks);
        start_checks(console);
}

static void draw(Console *console);

static void carry_out(Console *console, const Intent *intent) {
        switch (intent->kind) {
        case INTENT_NONE:
                break;
        case INTENT_QUIT:
                console->quit = true;
                break;
        case INTENT_REPAINT:
                terminal_forget();
                break;
        case INTENT_CALL:
                do_call(console, intent);
                break;
        case INTENT_SHELL:
                do_shell(console, intent);
                break;
        case INTENT_CHECK:
                start_checks(console);
                break;
        case INTENT_ASK:
                draw(console);
                terminal_drop_input();
                break;
        }
}

static void take_keys(Console *console) {
        int key;

        while (!console->quit && (key = terminal_key()) != TERMINAL_NO_KEY) {
                Intent intent;

                ui_key(&console->ui, key, &intent);
                console->dirty = console->urgent = true;
                carry_out(console, &intent);
        }
}

/* ---- the screen and the clock ---- */

static void draw(Console *console) {
        int height, width;

        terminal_size(&height, &width);
        if (!console->canvas || console->canvas->height != height ||
            console->canvas->width != width) {
                console->canvas = canvas_free(console->canvas);
                if (canvas_new(height, width, !terminal_utf8(), &console->canvas) < 0)
                        return;
        }
        ui_draw(&console->ui, console->canvas);
        terminal_show(console->canvas);
        console->dirty = console->urgent = false;
        console->frame_usec = clock_monotonic_usec() + FRAME_USEC;
}

/* Is something on the way that is told in less than the time between two samples? */
static bool counts_quickly(const Model *model) {
        for (size_t i = 0; i < model->n_works; i++)
                if (!model->works[i].ended)
                        return true;
        return model_stale(model);
}

/* Nobody tells when the helper is well again: that alone is asked for, while it is not. */
static void ask_again_while_unwell(Console *console, uint64_t now) {
        const ComponentStatus *helper = model_component(&console->model, "bangerd-root");

        if (now < console->unwell_usec)
                return;
        console->unwell_usec = now + UNWELL_USEC;
        if (console->model.link == LINK_UP && helper && helper->state != COMPONENT_OK)
                feed_ask(&console->feed, FEED_STATUS);
}

static void tick(Console *console, uint64_t now) {
        if (now >= console->sample_usec) {
                console->env->sample(console->env->host->root_fd, &console->model.sample);
                console->sample_usec = now + TICK_USEC;
        }
        if (now < console->tick_usec)
                return;
        ask_again_while_unwell(console, now);
        console->tick_usec = now + (counts_quickly(&console->model) ? TICK_BUSY_USEC : TICK_USEC);
        console->dirty = true;
}

static void set_clock(Console *console) {
        console->model.now_usec = clock_monotonic_usec();
        console->model.now_s = console->env->now_s();
        console->model.asked_usec = link_waits_since(console->feed.link);
}

/* ---- the loop ---- */

static void stop_and_go_on(Console *console) {
        terminal_leave();
        shell_stop();
        terminal_enter();
        console->dirty = console->urgent = true;
}

static void take_signals(Console *console) {
        struct signalfd_siginfo info;

        while (read(console->signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info)) {
                if (info.ssi_signo == SIGTSTP)
                        stop_and_go_on(console);
                else
                        terminal_resize();
                console->dirty = console->urgent = true;
        }
}

static void take_checks(Console *console) {
        _cleanup_error_ Error error = ERROR_INIT;
        SystemReport report = {.installed = false};
        int r = checks_read(&console->checks, &report, &error);

        if (r == 0)
                return;
        if (r > 0)
                model_set_report(&console->model, &report);
        else
                error_move(&console->model.report_error, &error);
        on_changed(console);
}

/* What is frozen is drawn for a key or another size only. */
static bool wants_screen(const Console *console) {
        return console->dirty && (console->urgent || !console->ui.frozen);
}

/* When the loop has to wake without anything coming in. */
static uint64_t next_deadline(const Console *console, uint64_t link_deadline, bool blocked) {
        uint64_t deadline = link_deadline;

        if (console->tick_usec < deadline)
                deadline = console->tick_usec;
        if (wants_screen(console) && !blocked && console->frame_usec < deadline)
                deadline = console->frame_usec;
        return deadline;
}

static void step(Console *console) {
        bool blocked = wants_screen(console) && !terminal_ready();
        struct pollfd polls[POLLS_MAX] = {
                {.fd = STDIN_FILENO, .events = POLLIN},
                {.fd = console->signal_fd, .events = POLLIN},
                {.fd = console->checks.fd, .events = POLLIN},
                {.fd = blocked ? STDOUT_FILENO : -1, .events = POLLOUT},
        };
        uint64_t link_deadline, now;
        size_t n = 4;

        n += feed_polls(&console->feed, &polls[n], POLLS_MAX - n, &link_deadline);
        link_deadline = next_deadline(console, link_deadline, blocked);
        if (poll(polls, n, clock_poll_timeout(link_deadline)) < 0 && errno != EINTR) {
                console->quit = true;
                console->status = 1;
                return;
        }
        set_clock(console);
        now = console->model.now_usec;
        take_signals(console);
        take_keys(console);
        if (!console->quit && (polls[0].revents & (POLLHUP | POLLERR | POLLNVAL))) {
                /* The terminal is gone; where there is a SIGHUP, it is as that. */
                console->quit = true;
                console->status = HANGUP_STATUS;
        }
        if (console->checks.pid > 0 && polls[2].revents)
                take_checks(console);
        feed_process(&console->feed, now);
        tick(console, now);
        if (wants_screen(console) && (console->urgent || now >= console->frame_usec) &&
            terminal_ready())
                draw(console);
}

static int open_signals(void) {
        sigset_t signals;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGWINCH);
        (void) sigaddset(&signals, SIGTSTP);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int fail(const Error *error) {
        fprintf(stderr, "banger-tui: %s%s%s\n", error->message ? error->message : "it failed",
                error->hint ? "; " : "", error->hint ? error->hint : "");
        return error_kind_exit_status(error->kind);
}

int console_run(const ConsoleEnv *env) {
        _cleanup_error_ Error error = ERROR_INIT;
        Console console = {.env = env, .checks = CHECKS_NONE, .signal_fd = open_signals()};
        const FeedHandler handler = {on_changed, on_failed, &console};

        if (terminal_open(&error) < 0)
                return fail(&error);
        model_init(&console.model, env->version);
        ui_init(&console.ui, &console.model);
        if (feed_init(&console.feed, env->host, &console.model, &handler) < 0) {
                terminal_close();
                return 1;
        }
        set_clock(&console);
        env->sample(env->host->root_fd, &console.model.sample);
        /* Before anything is asked: what comes fills in. */
        draw(&console);
        while (!console.quit)
                step(&console);
        terminal_close();
        feed_clear(&console.feed);
        checks_stop(&console.checks);
        ui_clear(&console.ui);
        model_clear(&console.model);
        canvas_free(console.canvas);
        close_fd(console.signal_fd);
        return console.status;
}
