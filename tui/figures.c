#include "tui/figures.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/cleanup.h"

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

const char *figure_age(int64_t seconds, char text[FIGURE_MAX]) {
        if (seconds < 0)
                seconds = 0;
        if (seconds < MINUTE)
                (void) snprintf(text, FIGURE_MAX, "%" PRId64 "s", seconds);
        else if (seconds < HOUR)
                (void) snprintf(text, FIGURE_MAX, "%" PRId64 "m", seconds / MINUTE);
        else if (seconds < DAY)
                (void) snprintf(text, FIGURE_MAX, "%" PRId64 "h%02" PRId64 "m", seconds / HOUR,
                                seconds % HOUR / MINUTE);
        else
                (void) snprintf(text, FIGURE_MAX, "%" PRId64 "d%02" PRId64 "h", seconds / DAY,
                                seconds % DAY / HOUR);
        return text;
}

static const char units[] = {'K', 'M', 'G', 'T'};

static size_t unit_of(uint64_t bytes, double *ret_scale) {
        double scale = 1024;
        size_t unit = 0;

        while (unit + 1 < sizeof(units) && (double) bytes / scale >= 1000) {
                scale *= 1024;
                unit++;
        }
        *ret_scale = scale;
        return unit;
}

static void print_scaled(double value, const char *end, char *text, size_t size) {
        (void) snprintf(text, size, "%.*f%s", value < 10 && value > 0 ? 1 : 0, value, end);
}

const char *figure_bytes(uint64_t bytes, char text[FIGURE_MAX]) {
        double scale;
        const char end[] = {units[unit_of(bytes, &scale)], '\0'};

        print_scaled((double) bytes / scale, end, text, FIGURE_MAX);
        return text;
}

const char *figure_share(uint64_t used, uint64_t total, char text[FIGURE_MAX]) {
        double scale;
        const char end[] = {units[unit_of(total, &scale)], '\0'};
        char first[FIGURE_MAX / 2 - 1], second[FIGURE_MAX / 2 - 1];

        print_scaled((double) used / scale, "", first, sizeof(first));
        print_scaled((double) total / scale, end, second, sizeof(second));
        (void) snprintf(text, FIGURE_MAX, "%s/%s", first, second);
        return text;
}
