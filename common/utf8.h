#pragma once
/* The one reading of UTF-8 (RFC 3629). */
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed sequence that text of that size starts with, 0 for none: no overlong
 * form, no surrogate, nothing past U+10FFFF. ret_code, its code point, may be NULL. */
size_t utf8_sequence(const char *text, size_t size, uint32_t *ret_code);
