#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/vm-end.h"

#define SIZE 65536

typedef struct Serial {
        char bytes[SIZE];
        uint64_t written;
        Ring ring;
} Serial;

static int setup(void **state) {
        Serial *serial = calloc(1, sizeof(*serial));

        assert_non_null(serial);
        *state = serial;
        return 0;
}

static int teardown(void **state) {
        free(*state);
        return 0;
}

static void say(Serial *serial, const char *text) {
        memcpy(serial->bytes + serial->written, text, strlen(text));
        serial->written += strlen(text);
        ring_attach(&serial->ring, serial->bytes, SIZE, 8, &serial->written);
}

static void assert_end(const Serial *serial, GuestEnd expected, const char *reason) {
        const RootReaped reaped = {.state = ROOT_UNIT_ABSENT};
        _cleanup_free_ char *panic = NULL, *described = NULL;
        GuestEnd end = guest_end_read(&serial->ring, &panic);

        assert_int_equal(end, expected);
        described = vm_end_describe(end, panic, &reaped);
        assert_string_equal(described, reason);
        assert_int_equal(vm_end_starts_again(end, &reaped), expected == GUEST_END_REBOOT);
}

static void each_end_of_a_kernel_is_told_apart(void **state) {
        say(*state, "login: ");
        assert_end(*state, GUEST_END_NONE, "its VMM ended without a word of the guest");
        say(*state, "\r\n[    2.4] reboot: Restarting system\r\n");
        assert_end(*state, GUEST_END_REBOOT, "the guest rebooted");
}

static void a_halt_is_not_a_power_off(void **state) {
        say(*state, "[    2.9] reboot: System halted\r\n");
        assert_end(*state, GUEST_END_HALT, "the guest halted");
}

static void a_power_off_that_has_to_reboot_is_one(void **state) {
        say(*state, "banger-guest: reboot: Power down\r\n[    4.1] reboot: Restarting system\r\n");
        assert_end(*state, GUEST_END_POWER_OFF, "the guest powered off");
}

static void a_panic_is_found_before_its_stack(void **state) {
        say(*state, "[    2.8] Kernel panic - not syncing: sysrq triggered crash\r\n");
        for (int i = 0; i < 100; i++)
                say(*state, "[    2.8]  ? __rseq_handle_notify_resume+0xa9/0x480\r\n");
        say(*state, "[    2.8] Rebooting in 1 seconds..\r\n");
        assert_end(*state, GUEST_END_PANIC, "the guest's kernel panicked: sysrq triggered crash");
}

static void a_vmm_that_failed_comes_first(void **state) {
        char signaled[] = "signal", failed[] = "exit-code";
        const RootReaped killed = {.result = signaled, .exit_status = SIGKILL};
        const RootReaped exited = {.result = failed, .exit_status = 148};
        _cleanup_free_ char *by_signal = vm_end_describe(GUEST_END_REBOOT, NULL, &killed);
        _cleanup_free_ char *by_status = vm_end_describe(GUEST_END_NONE, NULL, &exited);

        (void) state;
        assert_string_equal(by_signal, "its VMM was killed by signal 9 (SIGKILL)");
        assert_string_equal(by_status, "its VMM failed: exit-code, status 148");
        assert_false(vm_end_starts_again(GUEST_END_REBOOT, &killed));
}

static void a_halt_is_heard_once_however_it_comes(void **state) {
        static const char words[] = "[    2.9] reboot: System halted";
        Serial *serial = *state;
        uint64_t heard = 0;

        for (int round = 0; round < 2; round++) {
                for (size_t i = 0; words[i + 1]; i++) {
                        say(serial, (const char[]) {words[i], '\0'});
                        assert_false(guest_end_halts(&serial->ring, &heard));
                }
                say(serial, "d");
                assert_true(guest_end_halts(&serial->ring, &heard));
                say(serial, "\r\n");
                assert_false(guest_end_halts(&serial->ring, &heard));
        }
}

static void a_reboot_is_no_halt(void **state) {
        Serial *serial = *state;
        uint64_t heard = 0;

        say(serial, "[    2.9] reboot: Restarting system\r\n");
        assert_false(guest_end_halts(&serial->ring, &heard));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_end_of_a_kernel_is_told_apart, setup, teardown),
                cmocka_unit_test_setup_teardown(a_halt_is_not_a_power_off, setup, teardown),
                cmocka_unit_test_setup_teardown(a_power_off_that_has_to_reboot_is_one, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_panic_is_found_before_its_stack, setup, teardown),
                cmocka_unit_test_setup_teardown(a_vmm_that_failed_comes_first, setup, teardown),
                cmocka_unit_test_setup_teardown(a_halt_is_heard_once_however_it_comes, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_reboot_is_no_halt, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
