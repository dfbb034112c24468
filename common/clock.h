#pragma once
#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

uint64_t clock_monotonic_usec(void);
uint64_t clock_realtime_usec(void);
/* Milliseconds left for poll(2): 0 when past, -1 when deadline_usec is UINT64_MAX. Rounds up. */
int clock_poll_timeout(uint64_t deadline_usec);
