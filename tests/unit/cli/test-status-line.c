#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/status-line.h"
#include "common/cleanup.h"

static const SystemSummary busy = {
        .vms_running = 3,
        .vms_total = 5,
        .vms_broken = 1,
        .cpu_percent = 31,
        .memory_bytes = INT64_C(2254857830), /* 2.1 GiB */
        .memory_total_bytes = INT64_C(16) << 30,
};

static void expect_line(const SystemSummary *summary, size_t max_width, const char *wanted) {
        _cleanup_free_ char *line = status_line_format(summary, max_width);

        assert_string_equal(line, wanted);
}

static void expect_motd(const SystemSummary *summary, const char *wanted) {
        _cleanup_free_ char *text = status_motd_format(summary);

        assert_string_equal(text, wanted);
}

static void all_of_it_fits_without_a_limit(_unused_ void **state) {
        expect_line(&busy, SIZE_MAX, "bgr 3/5 cpu31 mem2.1/16G 1!");
        expect_line(&busy, 27, "bgr 3/5 cpu31 mem2.1/16G 1!");
}

static void the_least_important_goes_first_and_whole(_unused_ void **state) {
        expect_line(&busy, 26, "bgr 3/5 cpu31 1!");
        expect_line(&busy, 16, "bgr 3/5 cpu31 1!");
        expect_line(&busy, 15, "bgr 3/5 1!");
        expect_line(&busy, 9, "3/5 1!");
        expect_line(&busy, 5, "3/5");
        expect_line(&busy, 2, "");
}

static void without_an_earlier_look_there_is_no_share(_unused_ void **state) {
        SystemSummary first = busy;

        first.cpu_percent = -1;
        first.vms_broken = 0;
        expect_line(&first, SIZE_MAX, "bgr 3/5 mem2.1/16G");
}

static void much_memory_needs_no_decimals(_unused_ void **state) {
        SystemSummary large = busy;

        large.memory_bytes = INT64_C(100) << 30;
        large.memory_total_bytes = INT64_C(512) << 30;
        expect_line(&large, SIZE_MAX, "bgr 3/5 cpu31 mem100/512G 1!");
}

static void a_login_is_told_what_runs_and_what_is_broken(_unused_ void **state) {
        expect_motd(&busy, "banger: 3 of 5 VMs run, with 31% of the processors, 2.1 of 16.0 GiB\n"
                           "banger: 1 VM is broken; run: banger vm list\n");
}

static void a_login_is_told_nothing_when_nothing_runs(_unused_ void **state) {
        expect_motd(&(SystemSummary) {.vms_total = 5, .cpu_percent = 0}, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_of_it_fits_without_a_limit),
                cmocka_unit_test(the_least_important_goes_first_and_whole),
                cmocka_unit_test(without_an_earlier_look_there_is_no_share),
                cmocka_unit_test(much_memory_needs_no_decimals),
                cmocka_unit_test(a_login_is_told_what_runs_and_what_is_broken),
                cmocka_unit_test(a_login_is_told_nothing_when_nothing_runs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
