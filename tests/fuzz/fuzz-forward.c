/* A forward as a user writes it: what is read is written in full, and read again as the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);
        _cleanup_error_ Error error = ERROR_INIT;
        char again[FORWARD_TEXT_SIZE];
        Forward forward, read;

        if (!text)
                return 0;
        if (forward_parse(text, &forward, &error) < 0) {
                if (error.kind != ERROR_INVALID_PARAMETER || !error.message)
                        abort();
                return 0;
        }
        forward_format(&forward, again);
        if (forward_parse(again, &read, NULL) < 0 || !forward_equal(&forward, &read) ||
            !forward_clashes(&forward, &read) || forward.host_port == 0 || forward.guest_port == 0)
                abort();
        return 0;
}
