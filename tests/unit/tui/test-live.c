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
        screen_expect(screen, "Pane is dead");
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
                {"other_version_is_said", other_version_is_said},
                {"helper_that_is_down_is_said", helper_that_is_down_is_said},
                {"host_keys_run_the_command_on_the_terminal",
                 host_keys_run_the_command_on_the_terminal},
                {"filter_shows_what_matches", filter_shows_what_matches},
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
