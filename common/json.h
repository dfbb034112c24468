#pragma once
/* json-c, made strict. The only header besides schema.c and varlink*.c that knows json-c. */
#include <json-c/json.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"

#define JSON_DEPTH_MAX 16
/* Objects and arrays in all. json-c spends up to 800 bytes on an empty one, so that the size of a
 * text alone does not bound what it costs. */
#define JSON_CONTAINERS_MAX 32768

static inline void json_cleanup(struct json_object **object) {
        if (*object)
                json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_cleanup)

/* One JSON object from exactly these bytes: RFC 8259 and nothing looser (json-c would take
 * duplicate members, single quotes, NaN, clamped integers, NUL escapes), valid UTF-8, at most
 * JSON_DEPTH_MAX deep. -EINVAL with the reason, -E2BIG when too deep or too many containers,
 * -ENOMEM. */
int json_parse_object(const char *text, size_t size, struct json_object **ret, Error *reterr);
