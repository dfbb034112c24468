#include "guest/stop.h"

#include <signal.h>
#include <time.h>

#include "common/api-guest.h"
#include "common/clock.h"
#include "guest/command.h"
#include "guest/console.h"

/* systemd(1): starts reboot.target. */
#define SYSTEMD_REBOOT (SIGRTMIN + 5)

/* Whatever init it is, its reboot(8) knows how to ask it. */
static void run_reboot(void) {
        char name[] = "reboot";
        char *words[] = {name, NULL};
        const GuestExec exec = {.command = words};
        Command command;

        if (command_start(&exec, &command) < 0) {
                (void) kill(1, SIGTERM);
                return;
        }
        if (command_reap(&command) == COMMAND_NOT_FOUND)
                (void) kill(1, SIGTERM);
        command_close(&command);
}

_Noreturn void stop_guest(InitKind init, uint64_t timeout_usec) {
        const struct timespec second = {.tv_sec = 1};
        uint64_t deadline = clock_monotonic_usec() + timeout_usec;

        if (init == INIT_OTHER && timeout_usec > 0)
                run_reboot();
        while (clock_monotonic_usec() < deadline) {
                /* Again each second: process 1 ignores signals until it has set up its own. */
                if (init == INIT_SYSTEMD)
                        (void) kill(1, SYSTEMD_REBOOT);
                else if (init == INIT_SELF)
                        (void) kill(1, SIGTERM);
                (void) nanosleep(&second, NULL);
        }
        console_print("process 1 does not end the guest in time; freezing the root");
        init_freeze_and_reboot();
}
