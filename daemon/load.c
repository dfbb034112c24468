#include "daemon/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/io.h"
#include "common/strings.h"

#define FILE_MAX 8192

/* The number behind `key` in "key value" lines, or the whole file's where key is NULL. */
static uint64_t read_number(int dir_fd, const char *file, const char *key) {
        _cleanup_free_ char *text = NULL;
        const char *at;
        char *end;
        uint64_t number;

        if (dir_fd < 0 || io_read_file(dir_fd, file, FILE_MAX, &text, NULL) < 0)
                return 0;
        at = key ? strstr(text, key) : text;
        if (!at)
                return 0;
        at += key ? strlen(key) : 0;
        number = strtoull(at, &end, 10);
        return end > at ? number : 0;
}

static int64_t share(uint64_t cpu_usec, uint64_t passed_usec) {
        long n_processors = sysconf(_SC_NPROCESSORS_ONLN);
        uint64_t whole_usec = passed_usec * (uint64_t) (n_processors > 0 ? n_processors : 1);
        uint64_t percent = (cpu_usec * 100 + whole_usec / 2) / whole_usec;

        return percent > 100 ? 100 : (int64_t) percent;
}

void load_look(Load *load, int cgroup_fd, uint64_t now_usec, LoadNow *ret) {
        uint64_t cpu_usec = read_number(cgroup_fd, "cpu.stat", "usage_usec ");
        long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);

        if (load->looked_usec == 0)
                load->cpu_percent = -1;
        if (load->looked_usec == 0 || now_usec - load->looked_usec >= USEC_PER_SEC) {
                /* A slice that went away and came back counts from 0. */
                if (load->looked_usec != 0)
                        load->cpu_percent = cpu_usec < load->cpu_usec
                                                    ? 0
                                                    : share(cpu_usec - load->cpu_usec,
                                                            now_usec - load->looked_usec);
                load->looked_usec = now_usec;
                load->cpu_usec = cpu_usec;
        }
        *ret = (LoadNow) {
                .cpu_percent = load->cpu_percent,
                .memory_bytes = (int64_t) read_number(cgroup_fd, "memory.current", NULL),
                .memory_total_bytes = (int64_t) pages * page_bytes,
        };
}
