#pragma once
/* Between our errors and Varlink's error replies, in both directions. */

#include <stdint.h>

#include "common/error.h"

struct json_object;

/* What "error" and "parameters" of a reply say: INTERFACE.KindName with {message, object, hint,
 * field, operation}. A bad parameter goes out as org.varlink.service.InvalidParameter. Makes a new
 * reply object. -ENOMEM. */
int varlink_error_encode(const char *interface, const Error *error, struct json_object **ret);
/* org.varlink.service.NAME with {member: value}. -ENOMEM. */
int varlink_error_encode_service(const char *name, const char *member, const char *value,
                                 struct json_object **ret);
/* Fills reterr from a reply's error name and parameters (may be NULL). Returns its errno, negative.
 */
int varlink_error_decode(const char *name, struct json_object *parameters, Error *reterr);
