#pragma once
/* The stages of a VM's start or stop: what is done, how long it took, what is under way. */
#include "common/api-vm.h"

#define STAGES_MAX 16

typedef struct Stage {
        char *name;
        bool finished;
        int64_t elapsed_us, usual_us;
} Stage;

typedef struct Stages {
        Stage items[STAGES_MAX];
        size_t n_items;
        char *operation; /* its id, once known */
} Stages;

#define _cleanup_stages_ _cleanup_(stages_clear)

/* Further stages than there is room for are left out. -ENOMEM. */
int stages_add(Stages *stages, const VmProgress *progress);
void stages_clear(Stages *stages);
/* "disk 14 ms · tap 3 ms · boot", the last ones that fit; allocated. A stage that took twice its
 * usual time or more says so. */
char *stages_format(const Stages *stages, size_t width);
