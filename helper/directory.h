#pragma once
/* A directory that is read, for _cleanup_(). */
#include <dirent.h>

static inline void directory_cleanup(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}
