/* Golden screens. To write them anew: GOLDEN_UPDATE=1 tests/unit/tui/test-screens. */
#include "tests/unit/tui/screen.h"

static const struct {
        int width, height;
} sizes[] = {{40, 10}, {80, 24}, {120, 30}};

static const FakeOptions some = {.n_vms = 5};

/* Each size, with a console of its own that is brought to where it is to be looked at. */
static void each_size(Screen *screen, const char *name, const FakeOptions *options,
                      const char *first, const char *keys, const char *settled) {
        screen_daemon(screen, options);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                char file[64];

                screen_open(screen, sizes[i].width, sizes[i].height, "");
                screen_expect(screen, first);
                if (keys)
                        screen_type(screen, keys);
                (void) snprintf(file, sizeof(file), "%s-%dx%d", name, sizes[i].width,
                                sizes[i].height);
                screen_golden(screen, file, settled);
                screen_command(screen, "kill-server");
        }
}

static void vms(void **state) {
        each_size(*state, "vms", &some, "4/7 running", NULL, "vm-02");
}

static void vms_scrolled_to_the_end(void **state) {
        static const FakeOptions many = {.n_vms = 40};

        each_size(*state, "vms-scrolled", &many, "running", "G", "web");
}

static void no_vm_yet(void **state) {
        static const FakeOptions none = {.n_vms = SIZE_MAX};

        each_size(*state, "vms-none", &none, "0/0", NULL, "vm run");
}

static void images(void **state) {
        each_size(*state, "images", &some, "4/7 running", "2 j", "alpine");
}

static void host(void **state) {
        each_size(*state, "host", &some, "4/7 running", "6 G", "degraded");
}

static void help(void **state) {
        each_size(*state, "help", &some, "4/7 running", "?", "Start a VM");
}

static void confirmation_of_a_running_vm(void **state) {
        each_size(*state, "delete", &some, "4/7 running", "G D", "Cancel");
}

static void details_full_screen(void **state) {
        each_size(*state, "detail", &some, "4/7 running", "G Enter", "Overview");
}

static void not_installed(void **state) {
        Screen *screen = *state;
        char conf[128];

        screen_path(screen, "install.conf", conf);
        assert_int_equal(unlink(conf), 0);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                char file[64];

                screen_open(screen, sizes[i].width, sizes[i].height, "");
                (void) snprintf(file, sizeof(file), "not-installed-%dx%d", sizes[i].width,
                                sizes[i].height);
                screen_golden(screen, file, "system install");
                screen_command(screen, "kill-server");
        }
}

static void ascii_without_utf8(void **state) {
        Screen *screen = *state;

        screen_daemon(screen, &some);
        screen_open(screen, 80, 24, "LC_ALL=C");
        screen_golden(screen, "ascii-80x24", "4/7 running");
}

/* The meaning is in the text and in reverse video: colour comes on top. */
static void no_color_is_respected(void **state) {
        Screen *screen = *state;
        _cleanup_free_ char *text = NULL;

        screen_daemon(screen, &some);
        screen_open(screen, 80, 24, "NO_COLOR=1");
        screen_expect(screen, "4/7 running");
        text = screen_text(screen, "-e");
        for (char colour = '1'; colour <= '7'; colour++) {
                const char sequence[] = {'\033', '[', '3', colour, '\0'};

                assert_null(strstr(text, sequence));
        }
        assert_non_null(strstr(text, "\033[7m"));
}

static void colour_is_there_where_it_is_wanted(void **state) {
        Screen *screen = *state;
        _cleanup_free_ char *text = NULL;

        screen_daemon(screen, &some);
        screen_open(screen, 80, 24, "NO_COLOR=");
        screen_expect(screen, "4/7 running");
        text = screen_text(screen, "-e");
        assert_non_null(strstr(text, "\033[32mrunning"));
}

static void smaller_than_40_by_8_is_a_line(void **state) {
        Screen *screen = *state;

        screen_daemon(screen, &some);
        screen_open(screen, 39, 7, "");
        screen_expect(screen, "bgr 4/7 cpu31 mem2.2/16G 1!");
        screen_command(screen, "resize-window -x 80 -y 24");
        screen_golden(screen, "vms-80x24", "4/7 running");
        screen_command(screen, "resize-window -x 40 -y 7");
        screen_expect(screen, "bgr 4/7");
        screen_command(screen, "resize-window -x 40 -y 10");
        screen_golden(screen, "vms-40x10", "NAME");
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(vms, screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(vms_scrolled_to_the_end, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(no_vm_yet, screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(images, screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(host, screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(help, screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(confirmation_of_a_running_vm, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(details_full_screen, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(not_installed, screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(ascii_without_utf8, screen_setup, screen_teardown),
                cmocka_unit_test_setup_teardown(no_color_is_respected, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(colour_is_there_where_it_is_wanted, screen_setup,
                                                screen_teardown),
                cmocka_unit_test_setup_teardown(smaller_than_40_by_8_is_a_line, screen_setup,
                                                screen_teardown),
        };

        child_main(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
