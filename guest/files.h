#pragma once
/* Files of the guest's root, which may miss anything. Negative errno. */
#include <stdint.h>
#include <sys/types.h>

/* mkdir -p; an existing directory, or a link to one, is fine. */
int files_make_directories(const char *path, mode_t mode);
/* Creates or truncates; makes the directory above. */
int files_write(const char *path, const char *text);
/* Makes `source` seen at `target`, which must exist and may be a link. */
int files_bind(const char *source, const char *target);
/* Waits until the path is there: -ETIMEDOUT. */
int files_wait(const char *path, uint64_t deadline_usec);
