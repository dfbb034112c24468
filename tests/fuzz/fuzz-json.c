/* What the parser takes is one object of proper JSON: printed, it is taken again and the same. */
#include <stdint.h>
#include <string.h>

#include "common/json.h"

#define PRINT (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ struct json_object *object = NULL, *again = NULL;
        _cleanup_error_ Error error = ERROR_INIT;
        const char *text;

        if (json_parse_object((const char *) data, size, &object, &error) < 0) {
                if (error.kind != ERROR_INVALID_PARAMETER || !error.message || object)
                        abort();
                return 0;
        }
        if (!json_object_is_type(object, json_type_object))
                abort();
        text = json_object_to_json_string_ext(object, PRINT);
        if (json_parse_object(text, strlen(text), &again, NULL) < 0)
                abort();
        if (strcmp(text, json_object_to_json_string_ext(again, PRINT)) != 0)
                abort();
        return 0;
}
