#pragma once
/* Short figures for narrow columns. */
#include <stddef.h>
#include <stdint.h>

#define FIGURE_MAX 24

/* "7s", "3m", "2h05m", "4d01h": how long something has lasted. */
const char *figure_age(int64_t seconds, char text[FIGURE_MAX]);
/* "512M", "2.1G" */
const char *figure_bytes(uint64_t bytes, char text[FIGURE_MAX]);
/* "2.1/16G": both in the unit of the second. */
const char *figure_share(uint64_t used, uint64_t total, char text[FIGURE_MAX]);
