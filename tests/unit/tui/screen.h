#pragma once
/* A console in a terminal of tmux's, beside a fake daemon: what a user would see. */
#include <dirent.h>

#include "common/io.h"
#include "tests/unit/tui/console-child.h"

#define SCREEN_PATIENCE_USEC (20 * USEC_PER_SEC)

typedef struct Screen {
        char dir[64];
        char program[256]; /* this one */
        FakeDaemon daemon;
        unsigned terminals; /* each of them has a tmux server of its own; 0: none yet */
} Screen;

static inline void screen_write(const Screen *screen, const char *name, const char *text,
                                mode_t mode) {
        int fd = open(screen->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(io_write_file_atomic(fd, name, text, strlen(text), mode), 0);
        close_fd(fd);
}

static const char screen_report[] =
        "{\"installed\": true, \"version\": \"0.1.0\", \"owner\": \"alice\", \"checks\": ["
        "{\"name\": \"/etc/banger/install.conf\", \"state\": \"ok\", "
        "\"evidence\": \"owner alice, version 0.1.0\"},"
        "{\"name\": \"bangerd.socket\", \"state\": \"ok\", "
        "\"evidence\": \"enabled, active (listening)\"},"
        "{\"name\": \"bangerd-root.socket\", \"state\": \"failed\", "
        "\"evidence\": \"enabled, inactive (dead)\", "
        "\"remedy\": \"run: sudo systemctl start bangerd-root.socket\"},"
        "{\"name\": \"/run/banger/bangerd.sock\", \"state\": \"degraded\", "
        "\"evidence\": \"uid 0, mode 0666; should be uid 1000, mode 0600\", "
        "\"remedy\": \"run: sudo systemctl restart bangerd.socket\"}]}\n";

static inline int screen_setup(void **state) {
        Screen *screen = calloc(1, sizeof(*screen));
        ssize_t n;

        assert_non_null(screen);
        (void) snprintf(screen->dir, sizeof(screen->dir), "/tmp/banger-tui-XXXXXX");
        assert_non_null(mkdtemp(screen->dir));
        n = readlink("/proc/self/exe", screen->program, sizeof(screen->program) - 1);
        assert_true(n > 0);
        screen_write(screen, "banger", "#!/bin/sh\ncat \"${0%/*}/report\"\n", 0755);
        screen_write(screen, "sudo", "#!/bin/sh\nshift\necho \"as root: banger $*\"\n"
                                     ">\"${0%/*}/ran\"\n", 0755);
        screen_write(screen, "report", screen_report, 0644);
        screen_write(screen, "install.conf", "owner = alice\nuid = 1000\ngid = 1000\n", 0644);
        *state = screen;
        return 0;
}

static inline void screen_path(const Screen *screen, const char *name, char path[128]) {
        (void) snprintf(path, 128, "%s/%s", screen->dir, name);
}

static inline void screen_daemon(Screen *screen, const FakeOptions *options) {
        char path[128];

        screen_path(screen, "bangerd.sock", path);
        fake_start(&screen->daemon, path, options);
}

/* Runs tmux, on a server of this screen's own; what it prints is to be freed. */
static inline char *screen_tmux(const Screen *screen, const char *command) {
        _cleanup_free_ char *line = string_format("tmux -S %s/tmux-%u -f /dev/null %s",
                                                  screen->dir, screen->terminals, command);
        char *text = NULL;
        size_t size = 0, n;
        char chunk[4096];
        FILE *out = open_memstream(&text, &size), *pipe = popen(line, "r");

        assert_non_null(out);
        assert_non_null(pipe);
        while ((n = fread(chunk, 1, sizeof(chunk), pipe)) > 0)
                fwrite(chunk, 1, n, out);
        assert_int_equal(fclose(out), 0);
        if (pclose(pipe) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static inline void screen_command(const Screen *screen, const char *command) {
        char *text = screen_tmux(screen, command);

        if (!text)
                fail_msg("tmux %s failed; is tmux there?", command);
        free(text);
}

/* environment: "LC_ALL=C NO_COLOR=1" or "". */
static inline void screen_open(Screen *screen, int width, int height, const char *environment) {
        _cleanup_free_ char *command = NULL;

        screen->terminals++;
        /* Kept from its begin: --plain ends soon. */
        command = string_format("-u start-server \\; set -g remain-on-exit on "
                                "\\; new-session -d -x %d -y %d "
                                "\"exec env LC_ALL=C.UTF-8 TZ=UTC %s %s --console %s\"",
                                width, height, environment, screen->program, screen->dir);
        screen_command(screen, command);
}

static inline void screen_type(const Screen *screen, const char *keys) {
        _cleanup_free_ char *command = string_format("send-keys %s", keys);

        screen_command(screen, command);
}

static inline char *screen_text(const Screen *screen, const char *options) {
        _cleanup_free_ char *command = string_format("capture-pane -p %s", options);
        char *text = screen_tmux(screen, command);

        assert_non_null(text);
        return text;
}

/* Waits until the text is (or is not) to be seen. */
static inline void screen_wait(const Screen *screen, const char *wanted, bool there) {
        uint64_t until = clock_monotonic_usec() + SCREEN_PATIENCE_USEC;

        for (;;) {
                _cleanup_free_ char *text = screen_text(screen, "");

                if ((strstr(text, wanted) != NULL) == there)
                        return;
                if (clock_monotonic_usec() > until)
                        fail_msg("\"%s\" is %s the screen:\n%s", wanted,
                                 there ? "not on" : "still on", text);
                (void) usleep(20000);
        }
}

/* Until the program has ended. tmux is asked, for it does not always write so on the screen. */
static inline void screen_wait_end(const Screen *screen) {
        uint64_t until = clock_monotonic_usec() + SCREEN_PATIENCE_USEC;

        for (;;) {
                _cleanup_free_ char *dead = screen_tmux(screen, "display-message -p '#{pane_dead}'");

                assert_non_null(dead);
                if (dead[0] == '1')
                        return;
                assert_true(clock_monotonic_usec() < until);
                (void) usleep(20000);
        }
}

static inline void screen_expect(const Screen *screen, const char *wanted) {
        screen_wait(screen, wanted, true);
}

/* The screen becomes that of tests/golden/tui/NAME; with GOLDEN_UPDATE set, that becomes the
 * screen, once `settled` is to be seen. */
static inline void screen_golden(const Screen *screen, const char *name, const char *settled) {
        _cleanup_free_ char *path = string_format("%s/tests/golden/tui/%s", TEST_SOURCE_DIR, name);
        _cleanup_free_ char *golden = NULL;
        uint64_t until = clock_monotonic_usec() + SCREEN_PATIENCE_USEC;

        screen_expect(screen, settled);
        if (getenv("GOLDEN_UPDATE")) {
                _cleanup_free_ char *text = NULL;

                (void) usleep(500000);
                text = screen_text(screen, "");
                assert_int_equal(io_write_file_atomic(AT_FDCWD, path, text, strlen(text), 0644), 0);
                return;
        }
        assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &golden, NULL), 0);
        for (;;) {
                _cleanup_free_ char *text = screen_text(screen, "");

                if (string_equal(text, golden))
                        return;
                if (clock_monotonic_usec() > until)
                        fail_msg("the screen is not that of %s:\n%s", path, text);
                (void) usleep(20000);
        }
}

static inline int screen_teardown(void **state) {
        Screen *screen = *state;
        struct dirent *entry;
        DIR *dir;

        if (screen->terminals > 0)
                free(screen_tmux(screen, "kill-server 2>/dev/null"));
        fake_stop(&screen->daemon);
        dir = opendir(screen->dir);
        while (dir && (entry = readdir(dir)))
                (void) unlinkat(dirfd(dir), entry->d_name, 0);
        if (dir)
                closedir(dir);
        (void) rmdir(screen->dir);
        free(screen);
        return 0;
}
