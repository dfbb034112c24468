#pragma once
/* What `status --line` and `status --motd` print; each an allocated string, or NULL when out of
 * memory. */
#include <stddef.h>

#include "common/api-system.h"

/* "bgr 3/5 cpu31 mem2.1/16G 1!": VMs that run of all, and the broken ones. What does not fit into
 * max_width columns goes whole: memory first, then processors, then the name. */
char *status_line_format(const SystemSummary *summary, size_t max_width);
/* At most two lines, each with its end; empty when all is well and nothing runs. */
char *status_motd_format(const SystemSummary *summary);
