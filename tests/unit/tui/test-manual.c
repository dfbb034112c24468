#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

#include "common/io.h"
#include "common/strings.h"
#include "tui/panel.h"

static void the_manual_has_every_view_and_key(void **state) {
        _cleanup_free_ char *text = NULL;

        (void) state;
        assert_int_equal(io_read_file(AT_FDCWD, TEST_SOURCE_DIR "/doc/banger-tui.1", 1 << 20, &text,
                                      NULL),
                         0);
        for (size_t i = 0; i < n_panels; i++) {
                _cleanup_free_ char *heading = string_format(".SS %c %s\n", panels[i]->digit,
                                                             panels[i]->title);
                char *section = strstr(text, heading), *end;

                assert_non_null(section);
                section += strlen(heading);
                end = strstr(section, "\n.S");
                for (size_t j = 0; j < panels[i]->n_keys; j++) {
                        _cleanup_free_ char *key = string_format("\n.B %c\n",
                                                                 panels[i]->keys[j].key);
                        char *at = strstr(section, key);

                        if (!at || (end && at > end))
                                fail_msg("no key %c in %s", panels[i]->keys[j].key,
                                         panels[i]->title);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_manual_has_every_view_and_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
