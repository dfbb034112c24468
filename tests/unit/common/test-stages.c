#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/format.h"
#include "common/stages.h"
#include "common/strings.h"

static void add(Stages *stages, const char *name, int64_t elapsed_us, int64_t usual_us) {
        char copy[32], operation[] = "0123456789";
        const VmProgress progress = {
                .operation = operation,
                .stage = copy,
                .finished = elapsed_us >= 0,
                .elapsed_us = elapsed_us,
                .usual_us = usual_us,
        };

        (void) snprintf(copy, sizeof(copy), "%s", name);
        assert_int_equal(stages_add(stages, &progress), 0);
}

static void assert_line(const Stages *stages, size_t width, const char *line) {
        _cleanup_free_ char *text = stages_format(stages, width);

        assert_string_equal(text, line);
}

static void stages_show_their_times_and_what_is_under_way(void **state) {
        _cleanup_stages_ Stages stages = {.n_items = 0};

        (void) state;
        add(&stages, "disk", -1, 0);
        assert_line(&stages, 80, "disk");
        add(&stages, "disk", 14000, 0);
        add(&stages, "boot", -1, 0);
        assert_line(&stages, 80, "disk 14 ms - boot");
        add(&stages, "boot", 2900000, 0);
        assert_line(&stages, 80, "disk 14 ms - boot 2.9 s");
}

static void a_narrow_terminal_gets_the_last_stages(void **state) {
        _cleanup_stages_ Stages stages = {.n_items = 0};

        (void) state;
        add(&stages, "disk", 14000, 0);
        add(&stages, "tap", 3000, 0);
        add(&stages, "jail", 5000, 0);
        assert_line(&stages, 22, "tap 3 ms - jail 5 ms");
        assert_line(&stages, 4, "jail 5 ms");
}

static void a_stage_that_is_slow_for_its_image_says_so(void **state) {
        _cleanup_stages_ Stages stages = {.n_items = 0};

        (void) state;
        add(&stages, "disk", 9000, 1000);
        add(&stages, "boot", 6000000, 2000000);
        assert_line(&stages, 80, "disk 9 ms - boot 6.0 s (usually 2.0 s)");
}

static void the_operation_is_remembered_for_cancelling(void **state) {
        _cleanup_stages_ Stages stages = {.n_items = 0};

        (void) state;
        add(&stages, "disk", -1, 0);
        assert_string_equal(stages.operation, "0123456789");
}

static void figures_read_well(void **state) {
        static const struct {
                int64_t bytes;
                const char *text;
        } cases[] = {
                {0, "0 B"},           {1023, "1023 B"},          {1024, "1.0 KiB"},
                {1536 << 10, "1.5 MiB"}, {INT64_C(200) << 20, "200 MiB"},
                {INT64_C(3) << 30, "3.0 GiB"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = format_bytes(cases[i].bytes);

                assert_string_equal(text, cases[i].text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stages_show_their_times_and_what_is_under_way),
                cmocka_unit_test(a_narrow_terminal_gets_the_last_stages),
                cmocka_unit_test(a_stage_that_is_slow_for_its_image_says_so),
                cmocka_unit_test(the_operation_is_remembered_for_cancelling),
                cmocka_unit_test(figures_read_well),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
