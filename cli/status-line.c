#include "cli/status-line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/strings.h"

#define GIB ((double) (1 << 30))
#define PART_MAX 64 /* two numbers of 64 bits */

static int digits_after_point(double gib) {
        return gib < 9.95 ? 1 : 0;
}

/* In the order of the line. */
typedef struct Parts {
        char name[8], vms[PART_MAX], cpu[PART_MAX], memory[PART_MAX], broken[PART_MAX];
} Parts;

static void make_parts(const SystemSummary *summary, Parts *ret) {
        double used = (double) summary->memory_bytes / GIB;

        *ret = (Parts) {.name = "bgr "};
        (void) snprintf(ret->vms, PART_MAX, "%" PRId64 "/%" PRId64, summary->vms_running,
                        summary->vms_total);
        if (summary->cpu_percent >= 0)
                (void) snprintf(ret->cpu, PART_MAX, " cpu%" PRId64, summary->cpu_percent);
        (void) snprintf(ret->memory, PART_MAX, " mem%.*f/%.0fG", digits_after_point(used), used,
                        (double) summary->memory_total_bytes / GIB);
        if (summary->vms_broken > 0)
                (void) snprintf(ret->broken, PART_MAX, " %" PRId64 "!", summary->vms_broken);
}

static size_t width(const Parts *parts) {
        return strlen(parts->name) + strlen(parts->vms) + strlen(parts->cpu) +
               strlen(parts->memory) + strlen(parts->broken);
}

char *status_line_format(const SystemSummary *summary, size_t max_width) {
        Parts parts;
        char *by_importance[] = {parts.memory, parts.cpu, parts.name, parts.broken};

        make_parts(summary, &parts);
        for (size_t i = 0; i < ELEMENTSOF(by_importance) && width(&parts) > max_width; i++)
                by_importance[i][0] = '\0';
        /* A number that is cut short would be a wrong one. */
        if (width(&parts) > max_width)
                parts.vms[0] = '\0';
        return string_format("%s%s%s%s%s", parts.name, parts.vms, parts.cpu, parts.memory,
                             parts.broken);
}

char *status_motd_format(const SystemSummary *summary) {
        _cleanup_free_ char *cpu = NULL;
        double used = (double) summary->memory_bytes / GIB;
        const char *verb = summary->vms_broken == 1 ? "VM is" : "VMs are";
        char broken[PART_MAX * 2] = "";

        if (summary->vms_running == 0 && summary->vms_broken == 0)
                return strdup("");
        if (summary->vms_broken > 0)
                (void) snprintf(broken, sizeof(broken),
                                "banger: %" PRId64 " %s broken; run: banger vm list\n",
                                summary->vms_broken, verb);
        cpu = summary->cpu_percent >= 0
                      ? string_format("%" PRId64 "%% of the processors, ", summary->cpu_percent)
                      : strdup("");
        if (!cpu)
                return NULL;
        return string_format("banger: %" PRId64 " of %" PRId64 " VMs run, with %s%.1f of %.1f GiB\n%s",
                             summary->vms_running, summary->vms_total, cpu, used,
                             (double) summary->memory_total_bytes / GIB, broken);
}
