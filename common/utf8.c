#include <stdbool.h>

#include "common/utf8.h"

/* Length by the first byte, and the bits of the code point in it. */
static size_t read_first(unsigned char byte, uint32_t *ret_bits) {
        if (byte < 0x80) {
                *ret_bits = byte;
                return 1;
        }
        if ((byte & 0xe0) == 0xc0) {
                *ret_bits = byte & 0x1fU;
                return 2;
        }
        if ((byte & 0xf0) == 0xe0) {
                *ret_bits = byte & 0x0fU;
                return 3;
        }
        if ((byte & 0xf8) == 0xf0) {
                *ret_bits = byte & 0x07U;
                return 4;
        }
        return 0;
}

static bool is_overlong(uint32_t code, size_t length) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

        return code < smallest[length];
}

size_t utf8_sequence(const char *text, size_t size, uint32_t *ret_code) {
        uint32_t code = 0;
        size_t length = size == 0 ? 0 : read_first((unsigned char) text[0], &code);

        if (length == 0 || length > size)
                return 0;
        for (size_t i = 1; i < length; i++) {
                unsigned char byte = (unsigned char) text[i];

                if ((byte & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (byte & 0x3fU);
        }
        if (is_overlong(code, length) || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return 0;

        if (ret_code)
                *ret_code = code;
        return length;
}
