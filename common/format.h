#pragma once
/* Figures for people; each an allocated string, or NULL when out of memory. */
#include <stdint.h>

char *format_bytes(int64_t bytes);     /* "12.5 MiB" */
char *format_duration(int64_t time_us); /* "14 ms", "2.9 s" */
char *format_time(int64_t seconds);    /* since the epoch, in the local time zone */
