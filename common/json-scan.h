#pragma once
/* The grammar of RFC 8259, checked byte by byte, for what json-c lets through. Builds nothing. */

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

typedef struct JsonScan {
        size_t begin, end; /* the object's bytes, without the white space around it */
        size_t n_values;   /* all values at all depths, the object itself included */
} JsonScan;

/* -EINVAL with the reason and its position, -E2BIG when too deep or with too many containers. */
int json_scan_object(const char *text, size_t size, JsonScan *ret, Error *reterr);
