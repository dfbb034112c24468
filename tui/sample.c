#include "tui/sample.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/install.h"
#include "common/io.h"

#define PROC_MAX ((size_t) 256 * 1024) /* /proc/stat of a machine with very many CPUs */
#define CPU_FIELDS 8            /* user nice system idle iowait irq softirq steal: proc(5) */
#define CPU_IDLE 3
#define CPU_IOWAIT 4

static void read_cpu(int root_fd, HostSample *sample) {
        _cleanup_free_ char *text = NULL;
        uint64_t ticks[CPU_FIELDS], all = 0, busy;
        char *at;
        uint64_t all_before = sample->cpu_all, busy_before = sample->cpu_busy;

        sample->cpu_percent = -1;
        if (io_read_file(root_fd, "proc/stat", PROC_MAX, &text, NULL) < 0)
                return;
        if (strncmp(text, "cpu ", 4) != 0)
                return;
        at = text + 4;
        for (size_t i = 0; i < CPU_FIELDS; i++)
                all += ticks[i] = strtoull(at, &at, 10);
        busy = all - ticks[CPU_IDLE] - ticks[CPU_IOWAIT];
        if (all_before > 0 && all > all_before && busy >= busy_before)
                sample->cpu_percent = (int) (100 * (busy - busy_before) / (all - all_before));
        sample->cpu_all = all;
        sample->cpu_busy = busy;
}

static uint64_t meminfo_field(const char *text, const char *name) {
        const char *at = strstr(text, name);

        return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_memory(int root_fd, HostSample *sample) {
        _cleanup_free_ char *text = NULL;
        uint64_t available;

        sample->memory_total = 0;
        if (io_read_file(root_fd, "proc/meminfo", PROC_MAX, &text, NULL) < 0)
                return;
        available = meminfo_field(text, "MemAvailable:");
        sample->memory_total = meminfo_field(text, "MemTotal:");
        if (available > sample->memory_total)
                available = sample->memory_total;
        sample->memory_used = sample->memory_total - available;
}

static void read_disk(int root_fd, HostSample *sample) {
        _cleanup_close_ int fd = -1;
        struct statvfs st;

        sample->disk_total = 0;
        fd = openat(root_fd, &BANGER_STATE_DIR[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstatvfs(fd, &st) < 0)
                return;
        /* As df: what is kept for root counts as used. */
        sample->disk_total = (uint64_t) st.f_blocks * st.f_frsize;
        sample->disk_used = (uint64_t) (st.f_blocks - st.f_bavail) * st.f_frsize;
}

void sample_read(int root_fd, HostSample *sample) {
        read_cpu(root_fd, sample);
        read_memory(root_fd, sample);
        read_disk(root_fd, sample);
}
