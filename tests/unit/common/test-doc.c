/* doc/interfaces.md is what the programs say of themselves. With BANGER_UPDATE_DOC set it is written
 * anew instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/action.h"
#include "common/api-guest.h"
#include "common/api-root.h"
#include "common/api-system.h"
#include "common/api-worker.h"
#include "common/io.h"
#include "common/strings.h"

#define DOCUMENT TEST_SOURCE_DIR "/doc/interfaces.md"

typedef struct Section {
        const char *title;
        const Interface *const *interfaces;
} Section;

static const Interface *const root_interfaces[] = {&interface_root, NULL};
static const Interface *const worker_interfaces[] = {&interface_worker, NULL};
static const Interface *const guest_interfaces[] = {&interface_guest, NULL};
static const Interface *const host_interfaces[] = {&interface_host, NULL};

static char *make_document(void) {
        const Section sections[] = {
                {"bangerd, `/run/banger/bangerd.sock`", action_interfaces},
                {"bangerd-root, `/run/banger-root/bangerd-root.sock`", root_interfaces},
                {"banger-worker, `/run/banger/worker.sock`", worker_interfaces},
                {"banger-guest, vsock port 1024 of the guest", guest_interfaces},
                {"bangerd for its guests, vsock port 1024 of the host", host_interfaces},
        };
        char *text = string_format(
                "# Interfaces\n\n"
                "What each daemon answers to `org.varlink.service.GetInterfaceDescription`. Try it with\n"
                "`banger api METHOD [JSON]` or any Varlink client. Made from the action table by\n"
                "`tests/unit/common/test-doc`, with BANGER_UPDATE_DOC=1; do not edit.\n");

        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                _cleanup_free_ char *before = text;

                text = string_format("%s\n## %s\n", before, sections[i].title);
                assert_non_null(text);
                for (const Interface *const *interface = sections[i].interfaces; *interface; interface++) {
                        _cleanup_free_ char *so_far = text, *description = NULL;

                        assert_int_equal(interface_describe(*interface, &description), 0);
                        text = string_format("%s\n```\n%s```\n", so_far, description);
                        assert_non_null(text);
                }
        }
        return text;
}

static void the_document_has_every_interface_as_described(void **state _unused_) {
        _cleanup_free_ char *wanted = make_document(), *found = NULL;

        if (getenv("BANGER_UPDATE_DOC")) {
                assert_int_equal(io_write_file_atomic(AT_FDCWD, DOCUMENT, wanted, strlen(wanted), 0644), 0);
                return;
        }
        assert_int_equal(io_read_file(AT_FDCWD, DOCUMENT, 1 << 20, &found, NULL), 0);
        assert_string_equal(found, wanted);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_document_has_every_interface_as_described),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
