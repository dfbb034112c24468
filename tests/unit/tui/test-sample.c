#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "tui/sample.h"

typedef struct Root {
        char path[32];
        int fd;
} Root;

static int setup(void **state) {
        Root *root = calloc(1, sizeof(*root));

        assert_non_null(root);
        (void) strcpy(root->path, "/tmp/banger-tui-XXXXXX");
        assert_non_null(mkdtemp(root->path));
        root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(root->fd >= 0);
        assert_int_equal(mkdirat(root->fd, "proc", 0755), 0);
        *state = root;
        return 0;
}

static int teardown(void **state) {
        Root *root = *state;

        (void) unlinkat(root->fd, "proc/stat", 0);
        (void) unlinkat(root->fd, "proc/meminfo", 0);
        (void) unlinkat(root->fd, "proc", AT_REMOVEDIR);
        close_fd(root->fd);
        assert_int_equal(rmdir(root->path), 0);
        free(root);
        return 0;
}

static void put(const Root *root, const char *name, const char *text) {
        assert_int_equal(io_write_file_atomic(root->fd, name, text, strlen(text), 0644), 0);
}

static void cpu_is_what_was_busy_since_the_sample_before(void **state) {
        HostSample sample = {.cpu_percent = -1};

        put(*state, "proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n");
        sample_read(((Root *) *state)->fd, &sample);
        assert_int_equal(sample.cpu_percent, -1);
        /* 100 ticks: 20 user, 5 steal; waiting for a disk is not busy. */
        put(*state, "proc/stat", "cpu  120 0 100 750 125 0 0 5 0 0\n");
        sample_read(((Root *) *state)->fd, &sample);
        assert_int_equal(sample.cpu_percent, 25);
}

static void memory_is_what_is_not_available(void **state) {
        HostSample sample = {.cpu_percent = -1};

        put(*state, "proc/meminfo", "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n");
        sample_read(((Root *) *state)->fd, &sample);
        assert_int_equal(sample.memory_total, 1000 * 1024);
        assert_int_equal(sample.memory_used, 600 * 1024);
}

static void what_cannot_be_read_is_not_known(void **state) {
        HostSample sample = {.cpu_percent = 50, .memory_total = 1, .disk_total = 1};

        put(*state, "proc/stat", "nonsense\n");
        sample_read(((Root *) *state)->fd, &sample);
        assert_int_equal(sample.cpu_percent, -1);
        assert_int_equal(sample.memory_total, 0);
        assert_int_equal(sample.disk_total, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(cpu_is_what_was_busy_since_the_sample_before, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(memory_is_what_is_not_available, setup, teardown),
                cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_known, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
