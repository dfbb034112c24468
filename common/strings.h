#pragma once
/* Small things about strings that libc lacks. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

bool string_equal(const char *a, const char *b); /* NULL equals NULL only */
const char *string_after_prefix(const char *text, const char *prefix); /* NULL: it has it not */
/* Whole string, decimal, no sign, no white space. -EINVAL, -ERANGE. */
int string_parse_u64(const char *text, uint64_t max, uint64_t *ret);
/* asprintf with NULL instead of -1. */
char *string_format(const char *format, ...) _printf_(1, 2);

/* NULL-terminated arrays of owned strings. */
typedef char **Strv;
#define _cleanup_strv_ _cleanup_(strv_cleanup)
size_t strv_length(char *const *strings);
int strv_append(char ***strings, const char *value); /* -ENOMEM */
int strv_append_once(char ***strings, const char *value); /* likewise, unless it is in there */
char **strv_copy(char *const *strings);
char *strv_join(char *const *strings, const char *separator); /* NULL: out of memory */
char **strv_free(char **strings);
static inline void strv_cleanup(char ***strings) {
        strv_free(*strings);
}
