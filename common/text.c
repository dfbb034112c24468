#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "common/cleanup.h"
#include "common/strings.h"
#include "common/text.h"
#include "common/utf8.h"

#define UTF8_LENGTH_MAX 4

static size_t first_sequence(const char *text, uint32_t *ret_code) {
        return utf8_sequence(text, strnlen(text, UTF8_LENGTH_MAX), ret_code);
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
                size_t n = first_sequence(p, &code);

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
        size_t n = first_sequence(text, &code);
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
