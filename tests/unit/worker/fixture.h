#pragma once
/* A directory of its own with an empty target, and tools that look into what was written. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "worker/job.h"

#define TEXT_MAX 65536

typedef struct Fixture {
        char dir[64];
        int dir_fd;
        int target_fd; /* "target" in it */
        Job job;
        Error error;
        char text[TEXT_MAX]; /* what the last tool wrote */
} Fixture;

/* A new file, read-write. */
static inline int fixture_create(const Fixture *fixture, const char *name) {
        int fd = openat(fixture->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        return fd;
}

static inline void fixture_mkdir(const Fixture *fixture, const char *name) {
        assert_int_equal(mkdirat(fixture->dir_fd, name, 0755), 0);
}

static inline void fixture_write(const Fixture *fixture, const char *name, const void *data,
                                 size_t size) {
        int fd = fixture_create(fixture, name);

        assert_int_equal(io_write_full(fd, data, size), 0);
        close_fd(fd);
}

static inline int fixture_setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        (void) snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->dir));
        fixture->dir_fd = open(fixture->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(fixture->dir_fd >= 0);
        fixture->target_fd = fixture_create(fixture, "target");
        fixture->job.client_fd = -1;
        fixture->error = ERROR_INIT;
        *state = fixture;
        return 0;
}

static inline int fixture_remove_one(const char *path, _unused_ const struct stat *st,
                                     _unused_ int type, _unused_ struct FTW *ftw) {
        return remove(path);
}

static inline int fixture_teardown(void **state) {
        Fixture *fixture = *state;

        close_fd(fixture->target_fd);
        close_fd(fixture->dir_fd);
        (void) nftw(fixture->dir, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        error_clear(&fixture->error);
        free(fixture);
        return 0;
}

/* Runs a line of sh in the directory; its output is in text. The exit status. */
static inline int fixture_run(Fixture *fixture, const char *format, ...) _printf_(2, 3);
static inline int fixture_run(Fixture *fixture, const char *format, ...) {
        char line[1024];
        size_t used;
        va_list arguments;
        FILE *pipe;
        int n = snprintf(line, sizeof(line), "cd %s && PATH=$PATH:/usr/sbin:/sbin LC_ALL=C; ",
                         fixture->dir);

        va_start(arguments, format);
        (void) vsnprintf(line + n, sizeof(line) - (size_t) n, format, arguments);
        va_end(arguments);
        pipe = popen(line, "re");
        assert_non_null(pipe);
        used = fread(fixture->text, 1, TEXT_MAX - 1, pipe);
        fixture->text[used] = '\0';
        return WEXITSTATUS(pclose(pipe));
}

/* The target is a file system without an error. */
static inline void expect_sound(Fixture *fixture) {
        if (fixture_run(fixture, "e2fsck -fn target 2>&1") != 0)
                fail_msg("%s", fixture->text);
}

/* What debugfs says to a command has each of the texts (up to NULL). */
static inline void expect_debugfs(Fixture *fixture, const char *command, ...) {
        const char *wanted;
        va_list texts;

        (void) fixture_run(fixture, "debugfs -R '%s' target 2>&1", command);
        va_start(texts, command);
        while ((wanted = va_arg(texts, const char *)))
                if (!strstr(fixture->text, wanted)) {
                        print_error("no \"%s\" in what %s says:\n%s\n", wanted, command,
                                    fixture->text);
                        fail();
                }
        va_end(texts);
}

/* A failure that says what and what to do, and leaves nothing. */
static inline void expect_refused(Fixture *fixture, int r, int wanted_r, const char *message) {
        struct stat st;

        if (r >= 0)
                fail_msg("it was taken");
        print_message("%s (%s)\n", fixture->error.message, fixture->error.hint);
        assert_int_equal(r, wanted_r);
        assert_non_null(strstr(fixture->error.message, message));
        assert_non_null(fixture->error.hint);
        assert_int_equal(fstat(fixture->target_fd, &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(st.st_blocks, 0);
}
