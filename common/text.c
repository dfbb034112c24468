#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "common/cleanup.h"
#include "common/strings.h"
#include "common/text.h"

/* The length of the UTF-8 sequence at text (RFC 3629), 0 when there is none. */
static size_t utf8_decode(const char *text, uint32_t *ret) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        const unsigned char *bytes = (const unsigned char *) text;
        uint32_t code;
        size_t n;

        if (bytes[0] < 0x80) {
                *ret = bytes[0];
                return 1;
        }
        if ((bytes[0] & 0xe0) == 0xc0) {
                n = 2;
                code = bytes[0] & 0x1fU;
        } else if ((bytes[0] & 0xf0) == 0xe0) {
                n = 3;
                code = bytes[0] & 0x0fU;
        } else if ((bytes[0] & 0xf8) == 0xf0) {
                n = 4;
                code = bytes[0] & 0x07U;
        } else
                return 0;

        for (size_t i = 1; i < n; i++) {
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (bytes[i] & 0x3fU);
        }
        if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return 0;

        *ret = code;
        return n;
}

/* What makes a terminal do something, or shows text in another order than it is stored. */
static bool steers_terminal(uint32_t code) {
        return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c ||
               (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
               (code >= 0x2066 && code <= 0x2069);
}

static void write_escaped(FILE *out, uint32_t code, EscapeStyle style) {
        if (style == ESCAPE_TEXT && code == '\n')
                fputs("\\n", out);
        else if (style == ESCAPE_TEXT && code == '\t')
                fputs("\\t", out);
        else if (style == ESCAPE_TEXT && code < 0x100)
                fprintf(out, "\\x%02x", (unsigned) code);
        else
                fprintf(out, "\\u%04x", (unsigned) code);
}

char *text_escape(const char *text, EscapeStyle style) {
        _cleanup_free_ char *escaped = NULL;
        size_t size;
        FILE *out;
        bool failed;

        out = open_memstream(&escaped, &size);
        if (!out)
                return NULL;

        for (const char *p = text; *p;) {
                uint32_t code = 0;
                size_t n = utf8_decode(p, &code);

                if (n == 0) {
                        if (style == ESCAPE_JSON)
                                fputs("\\ufffd", out);
                        else
                                fprintf(out, "\\x%02x", (unsigned) (unsigned char) *p);
                        n = 1;
                } else if (steers_terminal(code) && !(style == ESCAPE_JSON && code == '\n'))
                        write_escaped(out, code, style);
                else
                        fwrite(p, 1, n, out);
                p += n;
        }

        failed = ferror(out);
        if (fclose(out) != 0 || failed)
                return NULL;
        return steal_ptr(escaped);
}

/* The bytes of the next character, and how many columns it takes. */
static size_t next_character(const char *text, size_t *ret_columns) {
        uint32_t code = 0;
        size_t n = utf8_decode(text, &code);
        int columns = n == 0 ? 1 : wcwidth((wchar_t) code);

        /* A locale that does not know the character shows something one column wide. */
        *ret_columns = columns < 0 ? 1 : (size_t) columns;
        return n == 0 ? 1 : n;
}

size_t text_width(const char *text) {
        size_t width = 0, columns;

        for (const char *p = text; *p; width += columns)
                p += next_character(p, &columns);
        return width;
}

char *text_cut(const char *text, size_t columns) {
        static const char end[] = "...";
        size_t limit = columns < sizeof(end) - 1 ? 0 : columns - (sizeof(end) - 1);
        size_t width = 0, size = 0;

        if (text_width(text) <= columns)
                return strdup(text);
        while (text[size] != '\0') {
                size_t more, n = next_character(text + size, &more);

                if (width + more > limit)
                        break;
                width += more;
                size += n;
        }
        return string_format("%.*s%s", (int) size, text, limit > 0 ? end : "");
}
