#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/format.h"
#include "common/strings.h"

#define BYTES_PER_UNIT 1024.0

char *format_bytes(int64_t bytes) {
        static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
        double value = (double) bytes / BYTES_PER_UNIT;
        size_t unit = 0;

        if (bytes < (int64_t) BYTES_PER_UNIT)
                return string_format("%" PRId64 " B", bytes);
        for (; value >= BYTES_PER_UNIT && unit + 1 < ELEMENTSOF(units); unit++)
                value /= BYTES_PER_UNIT;
        return string_format("%.*f %s", value < 100 ? 1 : 0, value, units[unit]);
}

char *format_duration(int64_t time_us) {
        if (time_us < (int64_t) USEC_PER_SEC)
                return string_format("%" PRId64 " ms", time_us / (int64_t) USEC_PER_MSEC);
        return string_format("%.1f s", (double) time_us / (double) USEC_PER_SEC);
}

char *format_time(int64_t seconds) {
        time_t when = (time_t) seconds;
        struct tm local;
        char text[32];

        if (!localtime_r(&when, &local) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &local) == 0)
                return strdup("?");
        return strdup(text);
}
