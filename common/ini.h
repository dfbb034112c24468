#pragma once
/* Our configuration files: strict INI text in files that only root can write. The only file that
 * knows libinih. */
#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"

#define INI_SIZE_MAX 16384

/* One NAME = VALUE. Negative, with reterr filled (never NULL), ends the parsing. */
typedef int (*IniValue)(const char *section, const char *name, const char *value, void *userdata,
                        Error *reterr);

/* Calls value() for each; its failures, and lines that are none, are ERROR_FAILED with the line.
 * -EINVAL, -EFBIG past INI_SIZE_MAX, -ENOMEM. */
int ini_text_parse(const char *text, size_t size, IniValue value, void *userdata, Error *reterr);
/* A whole file, allocated and NUL-terminated; refuses one that is not a regular file of
 * expected_uid, or is writable by others. -ENOENT without reterr when there is none. */
int ini_file_read(const char *path, uid_t expected_uid, char **ret, size_t *ret_size,
                  Error *reterr);
