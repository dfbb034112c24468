#include "common/clock.h"

#include <limits.h>
#include <time.h>

static uint64_t clock_usec(clockid_t clock) {
        struct timespec now;

        /* Cannot fail: the clocks are constants that every kernel has. */
        (void) clock_gettime(clock, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

uint64_t clock_monotonic_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_usec(void) {
        return clock_usec(CLOCK_REALTIME);
}

int clock_poll_timeout(uint64_t deadline_usec) {
        uint64_t now, left;

        if (deadline_usec == UINT64_MAX)
                return -1;
        now = clock_monotonic_usec();
        if (now >= deadline_usec)
                return 0;
        left = (deadline_usec - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
        return left > INT_MAX ? INT_MAX : (int) left;
}
