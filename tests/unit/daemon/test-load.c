#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/io.h"
#include "daemon/load.h"

typedef struct Slice {
        char directory[64];
        int fd;
} Slice;

static int setup(void **state) {
        Slice *slice = calloc(1, sizeof(*slice));

        assert_non_null(slice);
        (void) snprintf(slice->directory, sizeof(slice->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(slice->directory));
        slice->fd = open(slice->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(slice->fd >= 0);
        *state = slice;
        return 0;
}

static int teardown(void **state) {
        Slice *slice = *state;

        (void) unlinkat(slice->fd, "cpu.stat", 0);
        (void) unlinkat(slice->fd, "memory.current", 0);
        close_fd(slice->fd);
        (void) rmdir(slice->directory);
        free(slice);
        return 0;
}

static void write_slice(const Slice *slice, uint64_t cpu_usec, uint64_t memory_bytes) {
        char cpu[128], memory[32];

        (void) snprintf(cpu, sizeof(cpu), "usage_usec %lu\nuser_usec 7\n", cpu_usec);
        (void) snprintf(memory, sizeof(memory), "%lu\n", memory_bytes);
        assert_int_equal(io_write_file_atomic(slice->fd, "cpu.stat", cpu, strlen(cpu), 0600), 0);
        assert_int_equal(io_write_file_atomic(slice->fd, "memory.current", memory, strlen(memory),
                                              0600), 0);
}

static LoadNow look(Load *load, int fd, uint64_t now_usec) {
        LoadNow now;

        load_look(load, fd, now_usec, &now);
        return now;
}

static void the_share_is_of_all_processors_between_two_looks(void **state) {
        const Slice *slice = *state;
        uint64_t n = (uint64_t) sysconf(_SC_NPROCESSORS_ONLN);
        Load load = {};

        write_slice(slice, 5000000, 4096);
        assert_int_equal(look(&load, slice->fd, 10 * USEC_PER_SEC).cpu_percent, -1);
        write_slice(slice, 5000000 + n * USEC_PER_SEC, 8192);
        assert_int_equal(look(&load, slice->fd, 14 * USEC_PER_SEC).cpu_percent, 25);
        assert_int_equal(look(&load, slice->fd, 14 * USEC_PER_SEC).memory_bytes, 8192);
}

static void looks_that_are_too_close_share_one_answer(void **state) {
        const Slice *slice = *state;
        uint64_t n = (uint64_t) sysconf(_SC_NPROCESSORS_ONLN);
        Load load = {};

        write_slice(slice, 0, 0);
        (void) look(&load, slice->fd, 10 * USEC_PER_SEC);
        write_slice(slice, n * USEC_PER_SEC, 0);
        assert_int_equal(look(&load, slice->fd, 12 * USEC_PER_SEC).cpu_percent, 50);
        write_slice(slice, 3 * n * USEC_PER_SEC, 0);
        assert_int_equal(look(&load, slice->fd, 12 * USEC_PER_SEC + 1000).cpu_percent, 50);
}

static void a_slice_that_counts_anew_is_no_load(void **state) {
        const Slice *slice = *state;
        Load load = {};

        write_slice(slice, 9000000, 0);
        (void) look(&load, slice->fd, 10 * USEC_PER_SEC);
        write_slice(slice, 100, 0);
        assert_int_equal(look(&load, slice->fd, 12 * USEC_PER_SEC).cpu_percent, 0);
}

static void without_a_slice_nothing_is_used(_unused_ void **state) {
        Load load = {};
        LoadNow now = look(&load, -1, USEC_PER_SEC);

        assert_int_equal(now.memory_bytes, 0);
        assert_true(now.memory_total_bytes > 0);
        assert_int_equal(look(&load, -1, 3 * USEC_PER_SEC).cpu_percent, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_share_is_of_all_processors_between_two_looks,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(looks_that_are_too_close_share_one_answer, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_slice_that_counts_anew_is_no_load, setup,
                                                teardown),
                cmocka_unit_test(without_a_slice_nothing_is_used),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
