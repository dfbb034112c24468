/* The console beside a daemon that goes, comes back, changes and fails. */
#include "tests/unit/tui/screen.h"

static const FakeOptions some = {.n_vms = 5};

static void open_some(Screen *screen, const FakeOptions *options) {
        screen_daemon(screen, options);
        screen_open(screen, 80, 24, "");
        screen_expect(screen, "helper");
}

static void start_shows_its_stages_live(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "j j s");
        screen_expect(screen, "starting: boot");
        screen_expect(screen, "disk 40 ms · boot");
        screen_expect(screen, "so far");
        fake_tell(&screen->daemon, 'g');
        screen_expect(screen, "5/7 running");
        screen_expect(screen, "disk 40 ms · boot 40 ms");
}

static void failed_start_says_why_and_what_to_do(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "j j s");
        screen_expect(screen, "starting: boot");
        fake_tell(&screen->daemon, 'f');
        screen_expect(screen, "there is no /dev/kvm; run: banger doctor");
        screen_expect(screen, "4/7 running");
        screen_expect(screen, "Start 80 ms: there is no /dev/kvm");
}

static void stop_is_seen_when_it_is_done(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "G x");
        screen_expect(screen, "stopping: wait");
        fake_tell(&screen->daemon, 'g');
        screen_expect(screen, "3/7 running");
}

static void delete_of_a_stopped_vm_wants_a_yes(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "j j D");
        screen_expect(screen, "Delete vm \"vm-02\"");
        screen_type(screen, "Enter");
        screen_expect(screen, "nothing was changed");
        screen_type(screen, "D");
        screen_expect(screen, "Delete vm \"vm-02\"");
        screen_type(screen, "Right Enter");
        screen_wait(screen, " vm-02  ", false);
        screen_expect(screen, "4/6 running");
}

static void delete_of_a_running_vm_wants_its_name(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "G D");
        screen_expect(screen, "Type its name");
        screen_type(screen, "we Right Enter");
        screen_expect(screen, "nothing was changed");
        screen_type(screen, "D");
        screen_expect(screen, "Type its name");
        screen_type(screen, "web Enter");
        screen_expect(screen, "3/6 running");
}

static void new_vm_of_somebody_else_appears(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        fake_tell(&screen->daemon, 'n');
        screen_expect(screen, " new ");
        screen_expect(screen, "4/8 running");
}

static void lost_event_is_made_good(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        /* The first one that comes tells where the count is. */
        fake_tell(&screen->daemon, 'n');
        screen_expect(screen, " new ");
        fake_tell(&screen->daemon, 'l');
        screen_expect(screen, "zeta");
}

static void daemon_that_dies_leaves_its_data_marked(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        fake_stop(&screen->daemon);
        screen_expect(screen, "bangerd stopped");
        screen_expect(screen, "STALE");
        screen_expect(screen, "vm-05");
        screen_expect(screen, "bangerd.socket is not running");
        screen_type(screen, "s");
        screen_expect(screen, "bangerd is not there");
        screen_daemon(screen, &(FakeOptions) {.n_vms = 6});
        screen_expect(screen, "vm-06");
        screen_wait(screen, "STALE", false);
        /* Live again. */
        fake_tell(&screen->daemon, 'n');
        screen_expect(screen, " new ");
}

static void daemon_that_never_was_is_waited_for(void **state) {
        Screen *screen = *state;

        screen_open(screen, 80, 24, "");
        screen_expect(screen, "cannot reach bangerd: bangerd.socket is not running");
        screen_expect(screen, "run: sudo systemctl start bangerd.socket");
        screen_daemon(screen, &some);
        screen_expect(screen, "vm-05");
}

static void silent_daemon_is_said(void **state) {
        Screen *screen = *state;

        screen_daemon(screen, &(FakeOptions) {.mute = true});
        screen_open(screen, 80, 24, "");
        screen_expect(screen, "bangerd does not answer");
        screen_type(screen, "?");
        screen_expect(screen, "Start a VM");
        screen_type(screen, "q");
        screen_type(screen, "q");
        screen_wait_end(screen);
}

static void list_that_does_not_come_is_asked_for_again(void **state) {
        Screen *screen = *state;

        open_some(screen, &(FakeOptions) {.n_vms = 5, .bad_lists = 2});
        screen_type(screen, "2");
        screen_expect(screen, "bangerd does not tell everything: its store is ill; run: banger");
        screen_expect(screen, "alpine-3.20");
        screen_wait(screen, "its store is ill", false);
}

static void lines_wait_for_a_list_that_does_not_come_at_once(void **state) {
        Screen *screen = *state;

        screen_daemon(screen, &(FakeOptions) {.n_vms = 5, .bad_lists = 1});
        screen_open(screen, 100, 30, "CONSOLE_PLAIN=1");
        screen_expect(screen, "Images: 2");
}

static void other_version_is_said(void **state) {
        Screen *screen = *state;

        open_some(screen, &(FakeOptions) {.n_vms = 5, .version = "0.9.9"});
        screen_expect(screen, "bangerd other version");
        screen_expect(screen, "bangerd is version 0.9.9, this console is 0.1.0");
        screen_expect(screen, "vm-05");
}

static void helper_that_is_down_is_said(void **state) {
        Screen *screen = *state;

        open_some(screen, &(FakeOptions) {.n_vms = 5, .helper = "no answer; run: sudo banger x"});
        screen_expect(screen, "helper unreachable");
        screen_expect(screen, "helper: no answer; run: sudo banger x");
        screen_expect(screen, " vm-05 ");
        screen_wait(screen, "D delete", false);
        screen_type(screen, "s");
        screen_expect(screen, "cannot start old: the helper is unreachable: no answer; run: sudo");
}

static void host_keys_run_the_command_on_the_terminal(void **state) {
        Screen *screen = *state;
        char path[128];

        open_some(screen, &some);
        screen_type(screen, "6");
        screen_expect(screen, "degraded");
        screen_type(screen, "i");
        screen_expect(screen, "as root: banger system install --owner alice");
        screen_expect(screen, "Press Enter");
        screen_type(screen, "Enter");
        screen_expect(screen, "banger system install: done");
        screen_expect(screen, "bangerd.socket");
        screen_path(screen, "ran", path);
        assert_int_equal(access(path, F_OK), 0);
        screen_type(screen, "U");
        screen_expect(screen, "as root: banger system uninstall");
        screen_type(screen, "Enter");
        screen_expect(screen, "banger system uninstall: done");
}

static void run_sudo_that_ends_with(Screen *screen, const char *script) {
        screen_write(screen, "sudo", script, 0755);
        open_some(screen, &some);
        screen_type(screen, "6");
        screen_expect(screen, "degraded");
        screen_type(screen, "r");
        screen_expect(screen, "Press Enter");
        screen_type(screen, "Enter");
}

/* 1 is for a failure and for a "no" alike: which of them, was to be read on the terminal. */
static void command_that_ends_with_1_was_not_completed(void **state) {
        Screen *screen = *state;
        _cleanup_free_ char *text = NULL;

        run_sudo_that_ends_with(screen, "#!/bin/sh\nexit 1\n");
        screen_expect(screen, "banger system restart was not completed");
        text = screen_text(screen, "-e");
        assert_null(strstr(text, "\033[31mbanger"));
        assert_null(strstr(text, "\033[1m\033[31mbanger"));
}

static void interrupted_command_is_said_to_be(void **state) {
        run_sudo_that_ends_with(*state, "#!/bin/sh\nkill -INT $$\n");
        screen_expect(*state, "banger system restart was interrupted");
}

static void command_that_fails_otherwise_tells_its_status(void **state) {
        run_sudo_that_ends_with(*state, "#!/bin/sh\nexit 4\n");
        screen_expect(*state, "banger system restart ended with status 4");
}

static void filter_shows_what_matches(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "/ state:run Space !web Enter");
        screen_expect(screen, "state:run !web  2 of 3");
        screen_wait(screen, "vm-02", false);
        screen_type(screen, "Escape");
        screen_expect(screen, "vm-02");
}

static void frozen_screen_stays_until_a_key(void **state) {
        Screen *screen = *state;
        _cleanup_free_ char *before = NULL, *after = NULL;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "z");
        screen_expect(screen, "frozen; any key goes on");
        before = screen_text(screen, "");
        fake_tell(&screen->daemon, 'n');
        (void) usleep(500000);
        after = screen_text(screen, "");
        assert_string_equal(before, after);
        screen_type(screen, "q");
        screen_expect(screen, " new ");
        screen_expect(screen, "4/8 running");
}

/* The one that vm-02 gives its place to is not stopped by the key that was meant for vm-02. */
static void key_for_what_has_just_gone_does_nothing(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "j j D");
        screen_expect(screen, "Delete vm \"vm-02\"");
        screen_type(screen, "Right Enter");
        screen_expect(screen, "vm-02 is gone");
        screen_type(screen, "x");
        screen_expect(screen, "vm-02 is not selected any more");
        screen_type(screen, "j x");
        screen_expect(screen, "stopping: wait");
        fake_tell(&screen->daemon, 'g');
        screen_expect(screen, "3/6 running");
}

static void commands_are_shown_on_request(void **state) {
        Screen *screen = *state;

        open_some(screen, &some);
        screen_expect(screen, "vm-05");
        screen_type(screen, "G Y");
        screen_expect(screen, "banger vm stop web; banger vm delete --force web");
}

static void lines_for_pipes_and_screen_readers(void **state) {
        Screen *screen = *state;

        screen_daemon(screen, &some);
        screen_open(screen, 100, 30, "CONSOLE_PLAIN=1");
        screen_expect(screen, "VMs: 7");
        screen_expect(screen, "NAME web, STATE running, CPUS 2, MEM 512M, UP 2h05m, IP 172.30.0.8");
        screen_expect(screen, "Images: 2");
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                CMUnitTestFunction function;
        } all[] = {
                {"start_shows_its_stages_live", start_shows_its_stages_live},
                {"failed_start_says_why_and_what_to_do", failed_start_says_why_and_what_to_do},
                {"stop_is_seen_when_it_is_done", stop_is_seen_when_it_is_done},
                {"delete_of_a_stopped_vm_wants_a_yes", delete_of_a_stopped_vm_wants_a_yes},
                {"delete_of_a_running_vm_wants_its_name", delete_of_a_running_vm_wants_its_name},
                {"new_vm_of_somebody_else_appears", new_vm_of_somebody_else_appears},
                {"lost_event_is_made_good", lost_event_is_made_good},
                {"daemon_that_dies_leaves_its_data_marked",
                 daemon_that_dies_leaves_its_data_marked},
                {"daemon_that_never_was_is_waited_for", daemon_that_never_was_is_waited_for},
                {"silent_daemon_is_said", silent_daemon_is_said},
                {"list_that_does_not_come_is_asked_for_again",
                 list_that_does_not_come_is_asked_for_again},
                {"lines_wait_for_a_list_that_does_not_come_at_once",
                 lines_wait_for_a_list_that_does_not_come_at_once},
                {"other_version_is_said", other_version_is_said},
                {"helper_that_is_down_is_said", helper_that_is_down_is_said},
                {"host_keys_run_the_command_on_the_terminal",
                 host_keys_run_the_command_on_the_terminal},
                {"command_that_ends_with_1_was_not_completed",
                 command_that_ends_with_1_was_not_completed},
                {"interrupted_command_is_said_to_be", interrupted_command_is_said_to_be},
                {"command_that_fails_otherwise_tells_its_status",
                 command_that_fails_otherwise_tells_its_status},
                {"filter_shows_what_matches", filter_shows_what_matches},
                {"frozen_screen_stays_until_a_key", frozen_screen_stays_until_a_key},
                {"key_for_what_has_just_gone_does_nothing",
                 key_for_what_has_just_gone_does_nothing},
                {"commands_are_shown_on_request", commands_are_shown_on_request},
                {"lines_for_pipes_and_screen_readers", lines_for_pipes_and_screen_readers},
        };
        struct CMUnitTest tests[ELEMENTSOF(all)];

        child_main(argc, argv);
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                tests[i] = (struct CMUnitTest) {all[i].name, all[i].function, screen_setup,
                                                screen_teardown, NULL};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
