#include "common/json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

#include "common/json-scan.h"

static void tokener_cleanup(struct json_tokener **tokener) {
        if (*tokener)
                json_tokener_free(*tokener);
}

/* How many values json-c made. A duplicate member replaces the earlier one, so the tree then has
 * fewer than the text; this finds duplicates in linear time and however the names are escaped. */
static int count_values(struct json_object *value, size_t *n_values) {
        struct json_object_iterator at, end;
        int r;

        (*n_values)++;
        switch (json_object_get_type(value)) {
        case json_type_object:
                end = json_object_iter_end(value);
                for (at = json_object_iter_begin(value); !json_object_iter_equal(&at, &end);
                     json_object_iter_next(&at)) {
                        r = count_values(json_object_iter_peek_value(&at), n_values);
                        if (r < 0)
                                return r;
                }
                return 0;
        case json_type_array:
                for (size_t i = 0; i < json_object_array_length(value); i++) {
                        r = count_values(json_object_array_get_idx(value, i), n_values);
                        if (r < 0)
                                return r;
                }
                return 0;
        case json_type_double:
                /* 1e999 is proper JSON, but it would be sent on as Infinity, which is not. */
                return isfinite(json_object_get_double(value)) ? 0 : -ERANGE;
        case json_type_null:
        case json_type_boolean:
        case json_type_int:
        case json_type_string:
        default:
                return 0;
        }
}

int json_parse_object(const char *text, size_t size, struct json_object **ret, Error *reterr) {
        _cleanup_(tokener_cleanup) struct json_tokener *tokener = NULL;
        _cleanup_json_ struct json_object *object = NULL;
        size_t n_values = 0, length;
        JsonScan scan;
        int r;

        r = json_scan_object(text, size, &scan, reterr);
        if (r < 0)
                return r;
        length = scan.end - scan.begin;
        if (length > INT_MAX)
                return error_set(reterr, ERROR_INVALID_PARAMETER, E2BIG, "JSON is too long");

        /* The scan decides about depth; json-c counts the level of the scalars too. */
        tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
        if (!tokener)
                return error_set_errno(reterr, ENOMEM, "cannot parse JSON");
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        object = json_tokener_parse_ex(tokener, text + scan.begin, (int) length);
        if (!object || json_tokener_get_error(tokener) != json_tokener_success ||
            json_tokener_get_parse_end(tokener) != length)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "not valid JSON: %s",
                                 json_tokener_error_desc(json_tokener_get_error(tokener)));

        r = count_values(object, &n_values);
        if (r < 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "not valid JSON: number out of range");
        if (n_values != scan.n_values)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "not valid JSON: a member appears twice");
        *ret = steal_ptr(object);
        return 0;
}
