/* What may go wrong around the console: never a crash, a hang or a broken terminal. */
#include "tests/unit/tui/pty.h"

static const FakeOptions some = {.n_vms = 5};

static Pty open_some(Screen *screen) {
        Pty pty;

        screen_daemon(screen, &some);
        pty = pty_open(screen, 80, 24, NULL, 0);
        pty_expect(&pty, 0, "vm-05");
        return pty;
}

static void ended_by(void **state, int number) {
        Pty pty = open_some(*state);
        int status;

        assert_int_equal(kill(pty.pid, number), 0);
        status = pty_wait(&pty, true);
        /* A sanitizer takes crashes for itself. */
        if (number != SIGSEGV && number != SIGABRT) {
                assert_true(WIFSIGNALED(status));
                assert_int_equal(WTERMSIG(status), number);
        }
        pty_assert_restored(&pty);
        pty_close(&pty);
}

static void sigterm_gives_the_terminal_back(void **state) {
        ended_by(state, SIGTERM);
}

static void sighup_gives_the_terminal_back(void **state) {
        ended_by(state, SIGHUP);
}

static void interrupt_gives_the_terminal_back(void **state) {
        ended_by(state, SIGINT);
}

static void crash_gives_the_terminal_back(void **state) {
        ended_by(state, SIGSEGV);
}

static void quit_gives_the_terminal_back(void **state) {
        Pty pty = open_some(*state);
        int status;

        pty_type(&pty, "q");
        status = pty_wait(&pty, true);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        pty_assert_restored(&pty);
        pty_close(&pty);
}

static void hung_up_terminal_ends_it(void **state) {
        Pty pty = open_some(*state);

        close(pty.fd);
        pty.fd = -1;
        (void) pty_wait(&pty, false);
        pty_close(&pty);
}

/* The line takes nothing any more, the console waits in a write: it ends all the same. */
static void stopped_output_does_not_keep_it(void **state) {
        Screen *screen = *state;
        Pty pty = open_some(screen);
        int status;

        for (int i = 0; i < 20; i++) {
                pty_type(&pty, "\014");
                (void) usleep(20000);
        }
        assert_int_equal(kill(pty.pid, SIGTERM), 0);
        status = pty_wait(&pty, false);
        assert_true(WIFSIGNALED(status));
        pty_close(&pty);
}

#define STOPPED "job: 148" /* 128 + SIGTSTP */

static Pty open_job(Screen *screen) {
        Pty pty;

        screen_daemon(screen, &some);
        pty = pty_open_job(screen, 80, 24);
        pty_expect(&pty, 0, "vm-05");
        return pty;
}

/* Takes the job up again; what it sends begins at the offset that this returns. */
static size_t go_on(Pty *pty) {
        size_t from = pty->size;

        pty_type(pty, "\n");
        return from;
}

static void suspended_it_leaves_the_terminal_and_comes_back(void **state) {
        Pty pty = open_job(*state);

        pty_type(&pty, "\032");
        pty_expect(&pty, 0, STOPPED);
        pty_assert_restored(&pty);
        pty_expect(&pty, go_on(&pty), "vm-05");
        pty_type(&pty, "q");
        pty_expect(&pty, 0, "job ended: 0");
        assert_int_equal(pty_wait(&pty, true), 0);
        pty_assert_restored(&pty);
        pty_close(&pty);
}

/* As by `ssh -t host banger-tui`: nobody could make it go on. */
static void without_a_shell_it_is_not_suspended(void **state) {
        Pty pty = open_some(*state);
        size_t from = pty.size;

        pty_type(&pty, "\032");
        pty_expect(&pty, from, "vm-05");
        pty_type(&pty, "q");
        assert_int_equal(pty_wait(&pty, true), 0);
        pty_assert_restored(&pty);
        pty_close(&pty);
}

/* Up to where `sudo` waits for a line. */
static void run_sudo(Screen *screen, Pty *pty, const char *script) {
        screen_write(screen, "sudo", script, 0755);
        pty_type(pty, "6");
        pty_expect(pty, 0, "degraded");
        pty_type(pty, "i");
        pty_expect(pty, 0, "which?");
}

static void end_sudo(Pty *pty) {
        pty_type(pty, "that\n");
        pty_expect(pty, 0, "it is that");
        pty_expect(pty, 0, "Press Enter");
        pty_type(pty, "\n");
        pty_expect(pty, 0, "banger system install: done");
        pty_type(pty, "q");
}

static void suspended_below_sudo_both_go_on(void **state) {
        Screen *screen = *state;
        Pty pty = open_job(screen);

        run_sudo(screen, &pty,
                 "#!/bin/sh\ntrap 'echo once more' CONT\necho which?\nread line\n"
                 "until [ \"$line\" ]; do read line; done\necho it is $line\n");
        pty_type(&pty, "\032");
        pty_expect(&pty, 0, STOPPED);
        pty_expect(&pty, go_on(&pty), "once more");
        end_sudo(&pty);
        pty_expect(&pty, 0, "job ended: 0");
        assert_int_equal(pty_wait(&pty, true), 0);
        pty_close(&pty);
}

static void what_sudo_ignored_does_not_suspend_it_later(void **state) {
        Screen *screen = *state;
        Pty pty = open_job(screen);

        run_sudo(screen, &pty,
                 "#!/bin/sh\ntrap '' TSTP\necho which?\nread line\necho it is $line\n");
        pty_type(&pty, "\032");
        end_sudo(&pty);
        pty_expect(&pty, 0, "job: 0");
        pty_close(&pty);
}

/* While nothing of the child's is left but its last words. */
static void suspended_after_sudo_it_goes_on(void **state) {
        Screen *screen = *state;
        Pty pty = open_job(screen);

        run_sudo(screen, &pty, "#!/bin/sh\necho which?\nread line\necho it is $line\n");
        pty_type(&pty, "that\n");
        pty_expect(&pty, 0, "Press Enter");
        pty_type(&pty, "\032");
        pty_expect(&pty, 0, STOPPED);
        (void) go_on(&pty);
        pty_type(&pty, "\n");
        pty_expect(&pty, 0, "banger system install: done");
        pty_type(&pty, "q");
        pty_expect(&pty, 0, "job ended: 0");
        pty_close(&pty);
}

/* A child that stops by itself, and ^Z where nothing may stop, leave nobody waiting. */
static void without_a_shell_sudo_is_not_suspended(void **state) {
        Screen *screen = *state;
        Pty pty = open_some(screen);

        run_sudo(screen, &pty,
                 "#!/bin/sh\nkill -STOP $$\necho which?\nread line\necho it is $line\n");
        pty_type(&pty, "\032");
        end_sudo(&pty);
        assert_int_equal(pty_wait(&pty, true), 0);
        pty_close(&pty);
}

static void refused_term(void **state, const char *environment, const char *reason) {
        Pty pty = pty_open(*state, 80, 24, environment, 0);
        int status = pty_wait(&pty, true);

        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 4);
        assert_non_null(strstr(pty.output, reason));
        assert_non_null(strstr(pty.output, "run: TERM=xterm-256color banger-tui"));
        assert_non_null(strstr(pty.output, "--plain"));
        pty_close(&pty);
}

static void unknown_term_is_said(void **state) {
        refused_term(state, "TERM=nonesuch", "TERM is \"nonesuch\", which is not known here");
}

static void term_without_a_cursor_is_said(void **state) {
        refused_term(state, "TERM=dumb", "TERM is \"dumb\", which cannot place its cursor");
}

static void one_by_one_is_a_size(void **state) {
        Screen *screen = *state;
        struct winsize size = {.ws_row = 24, .ws_col = 80};
        int queued = 0;
        Pty pty;

        screen_daemon(screen, &some);
        pty = pty_open(screen, 1, 1, NULL, 0);
        pty_expect(&pty, 0, "\033[2J");
        for (int i = 0; i < 20; i++) {
                pty_type(&pty, "D\rj?/x\r6G2");
                (void) pty_read(&pty, 20);
        }
        /* Whatever is typed there is lost. */
        while (ioctl(pty.fd, TIOCOUTQ, &queued) == 0 && queued > 0)
                (void) pty_read(&pty, 20);
        (void) usleep(300000);
        assert_int_equal(ioctl(pty.fd, TIOCSWINSZ, &size), 0);
        pty_expect(&pty, 0, "vm-05");
        pty_type(&pty, "q");
        assert_int_equal(pty_wait(&pty, true), 0);
        pty_close(&pty);
}

/* Sizes, keys and thousands of events at once. */
static void resized_while_drawing_it_goes_on(void **state) {
        Screen *screen = *state;
        static const struct winsize sizes[] = {
                {.ws_row = 24, .ws_col = 80}, {.ws_row = 1, .ws_col = 200},
                {.ws_row = 50, .ws_col = 1},  {.ws_row = 8, .ws_col = 40},
                {.ws_row = 60, .ws_col = 300}, {.ws_row = 9, .ws_col = 41},
        };
        static const char *const keys[] = {"\r", "j", "G", "?", "k", "2",
                                           "D", "\033", "6", "1", "]", "/"};
        Pty pty = open_some(screen);
        uint64_t until;
        size_t from;

        for (size_t i = 0; i < 200; i++) {
                assert_int_equal(ioctl(pty.fd, TIOCSWINSZ, &sizes[i % ELEMENTSOF(sizes)]), 0);
                pty_type(&pty, keys[i % ELEMENTSOF(keys)]);
                if (i % 50 == 0)
                        fake_tell(&screen->daemon, 'e');
                assert_true(pty_read(&pty, 3));
        }
        assert_int_equal(ioctl(pty.fd, TIOCSWINSZ, &sizes[0]), 0);
        until = clock_monotonic_usec() + SCREEN_PATIENCE_USEC;
        /* Out of whatever is open, a filter, a dialog, help; then all of it is there. */
        from = pty.size;
        while (!memmem(pty.output + from, pty.size - from, "vm-05", 5)) {
                assert_true(clock_monotonic_usec() < until);
                pty_type(&pty, "\033\0331\014");
                for (int i = 0; i < 10; i++)
                        assert_true(pty_read(&pty, 20));
        }
        pty_type(&pty, "\033\033q");
        assert_int_equal(pty_wait(&pty, true), 0);
        pty_assert_restored(&pty);
        pty_close(&pty);
}

static void guests_text_does_not_steer_the_terminal(void **state) {
        Screen *screen = *state;
        Pty pty = open_some(screen);

        pty_type(&pty, "G");
        fake_tell(&screen->daemon, 'b');
        pty_expect(&pty, 0, "\\x1b[31mred");
        assert_null(memchr(pty.output, '\007', pty.size));
        pty_close(&pty);
}

static void what_was_typed_before_the_question_does_not_answer_it(void **state) {
        Screen *screen = *state;
        Pty pty = open_some(screen);

        /* vm-02 is stopped: no name is wanted, a right arrow and Enter would agree. */
        pty_type(&pty, "jjD\033[C\r");
        pty_expect(&pty, 0, "Cancel");
        (void) usleep(300000);
        fake_tell(&screen->daemon, 'n');
        pty_expect(&pty, 0, "new");
        assert_null(memmem(pty.output, pty.size, "vm delete", 9));
        pty_close(&pty);
}

static void another_user_is_told_whose_it_is(void **state) {
        Screen *screen = *state;
        char path[128];
        Pty pty;

        screen_daemon(screen, &some);
        screen_path(screen, "bangerd.sock", path);
        /* Nobody may; root would all the same. */
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(chmod(screen->dir, 0711), 0);
        pty = pty_open(screen, 80, 24, NULL, geteuid() == 0 ? 65534 : 0);
        pty_expect(&pty, 0, "not yours");
        pty_expect(&pty, 0, "another user");
        pty_type(&pty, "q");
        assert_int_equal(pty_wait(&pty, true), 0);
        pty_close(&pty);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(sigterm_gives_the_terminal_back, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(sighup_gives_the_terminal_back, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(interrupt_gives_the_terminal_back, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(crash_gives_the_terminal_back, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(quit_gives_the_terminal_back, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(hung_up_terminal_ends_it, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(stopped_output_does_not_keep_it, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(suspended_it_leaves_the_terminal_and_comes_back,
                                                screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(without_a_shell_it_is_not_suspended, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(suspended_below_sudo_both_go_on, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(what_sudo_ignored_does_not_suspend_it_later,
                                                screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(suspended_after_sudo_it_goes_on, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(without_a_shell_sudo_is_not_suspended,
                                                screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(unknown_term_is_said, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(term_without_a_cursor_is_said, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(one_by_one_is_a_size, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(resized_while_drawing_it_goes_on, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(guests_text_does_not_steer_the_terminal,
                                                screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(
                        what_was_typed_before_the_question_does_not_answer_it, screen_setup,
                        screen_teardown),
                cmocka_unit_test_setup_teardown(another_user_is_told_whose_it_is, screen_setup,
                                                screen_teardown),
        };

        child_main(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
